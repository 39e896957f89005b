"""What rules may speak of where the gates of workflows are judged. See `facts`."""

import msgspec


class GateFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that keeps a gate from failing, or a workflow from being what it seems.

    `kind` names it (``after-push``). `path` is the workflow's, `job` the id of the job, `what` what judges
    (``trivy image web:1``; an action, a required check), and `detail` what is wrong, as a clause.
    """

    kind: str = ""
    path: str = ""
    line: int = 0
    job: str = ""
    what: str = ""
    detail: str = ""
    owner: str = ""
    services: tuple[str, ...] = ()

"""What rules may speak of where the manifest is held against the repository. See `facts`."""

import msgspec


class ClaimFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One disagreement of the manifest with the repository.

    `kind` names it (``port-collision``). `about` is the service, family or machine that it concerns, `said`
    what stands at its place, `found` what stands against it, and `machine` where only one is meant.
    """

    kind: str = ""
    about: str = ""
    said: str = ""
    found: str = ""
    machine: str = ""
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()

"""What rules may speak of where Dockerfiles are judged. See `facts`."""

import msgspec


class RefusalFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reason for which BuildKit does not build a Dockerfile; `kind` names it (``unknown-instruction``).

    `reason` says it. Where the mistake likely lies on another line than `line`, that is `cause_line`, else 0,
    and `cause` says what is wrong there. `services` and `families` are those that the file is built for.
    """

    path: str = ""
    line: int = 0
    kind: str = ""
    reason: str = ""
    cause_line: int = 0
    cause: str = ""
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class OpinionFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What another linter (`tool`) holds against a line of a Dockerfile.

    `code` is its rule (``DL3008``), `level` how grave it takes it to be (error, warning, info, style).
    """

    path: str = ""
    tool: str = ""
    code: str = ""
    level: str = ""
    text: str = ""
    services: tuple[str, ...] = ()

"""What rules may speak of where build contexts are judged, and what is taken from them. See `facts`."""

import msgspec


class CopyFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of a COPY, ADD or bind mount that a build does not find.

    `problem` is ``missing``, ``ignored``, ``outside``, ``dangling`` or ``stage``, and `reason` says it in a
    sentence. `source` is as it is written, `near` a path that is there and may be meant. It is taken from
    `context`, or from `stage`. `origin` is who says that it is built so (``manifest``, ``compose``, ``bake``,
    ``workflow``, ``command``, ``default`` where nothing does); `is_likely` where an image that is not looked
    into could hold it all the same, or something that runs before the build make it.
    """

    path: str = ""
    line: int = 0
    source: str = ""
    context: str = ""
    stage: str = ""
    problem: str = ""
    reason: str = ""
    near: str = ""
    origin: str = ""
    is_likely: bool = False
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class AbsentFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Dockerfile or context (`kind`) that a build names and that is not there.

    `path` is where it should be, `near` a path that is there and may be meant, `name` what the place calls
    the build, `origin` as for `copy`.
    """

    kind: str = ""
    path: str = ""
    name: str = ""
    near: str = ""
    origin: str = ""
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class ContextsFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Dockerfile that is built with several contexts, the `folders`.

    `missing` are the sources that one context lacks and another has (``SOURCE in CONTEXT``); `places` are the
    places that build it (``PATH:LINE``).
    """

    path: str = ""
    folders: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    families: tuple[str, ...] = ()


class IgnoreFileFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A .dockerignore that no build reads (`problem` is ``unread`` or ``shadowed``), or a ``refused`` line.

    `pattern` is that line, and `reason` says what is wrong.
    """

    path: str = ""
    line: int = 0
    problem: str = ""
    reason: str = ""
    pattern: str = ""
    services: tuple[str, ...] = ()

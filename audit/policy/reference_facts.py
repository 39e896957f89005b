"""What rules may speak of where references to images are judged. See `facts`."""

import msgspec


class ReferenceFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reference that differs from what was agreed.

    `standard` is what it was held against (canonical, prefix, tag-scheme, moving-tag, one-digest,
    family-chain, published, cache, form), `deviation` the part in which it differs (CONTRACT
    ``dockerfiles/1``). `kind` is what names the image, `value` the text there, `resolved` the reference in
    full where all of it is known. `expected` is the text to write, empty where it is not known; `detail` says
    more, `user` what the place calls the user of the image, `services` those whose Dockerfile it stands in.
    """

    path: str = ""
    line: int = 0
    kind: str = ""
    value: str = ""
    resolved: str = ""
    repository: str = ""
    image: str = ""
    tag: str = ""
    digest: str = ""
    standard: str = ""
    deviation: str = ""
    expected: str = ""
    detail: str = ""
    user: str = ""
    publishes: bool = False
    services: tuple[str, ...] = ()


class ArgumentFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One argument of a build that changes nothing.

    `use` is ``not-declared`` (a build gives it, and no ARG of `dockerfile` takes it) or ``not-used`` (an ARG
    that nothing uses). `value` is what it is given, or its default; `image` that where it is an image of the
    fleet. `near` is a declared argument of nearly the same name, `user` what the place calls the build,
    `services` those that the Dockerfile is for.
    """

    dockerfile: str = ""
    name: str = ""
    use: str = ""
    value: str = ""
    image: str = ""
    near: str = ""
    user: str = ""
    services: tuple[str, ...] = ()


class PublicationFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One name that several Dockerfiles publish; `services` are those that they are for."""

    image: str = ""
    dockerfiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

"""References to images as a repository writes them, and how they differ from what was agreed."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class ReferenceKind(StrEnum):
    """What names the image."""

    FROM = "from"
    COPY_FROM = "copy-from"
    MOUNT = "mount"
    FRONTEND = "syntax"
    ARGUMENT = "arg"
    BUILD_ARGUMENT = "build-arg"
    BUILD_CONTEXT = "build-context"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    KUSTOMIZE = "kustomize"
    HELM = "helm"
    WORKFLOW = "workflow"
    COMMAND = "command"
    TAG = "tag"
    CACHE = "cache"
    TEMPLATE = "template"


class Deviation(StrEnum):
    """In what a reference differs (CONTRACT ``dockerfiles/1``), by the first part that does."""

    REGISTRY = "registry"
    REPOSITORY = "repository"
    TAG = "tag"
    NO_TAG = "no-tag"
    DIGEST = "digest"
    PREFIX = "prefix"
    FAMILY_CHAIN = "family-chain"


class Standard(StrEnum):
    """What a reference was held against."""

    CANONICAL = "canonical"
    PREFIX = "prefix"
    TAG_SCHEME = "tag-scheme"
    MOVING_TAG = "moving-tag"
    DIGEST = "one-digest"
    FAMILY_CHAIN = "family-chain"
    PUBLISHED = "published"
    CACHE = "cache"
    FORM = "form"


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One reference to an image, at the line that a person would change.

    `written` is the text there. The parts are in full (``docker.io``, ``library/``); `unknown` names those
    that variables without a value leave open (``registry``, ``repository``, ``tag``, ``digest``), which are
    empty then. `image` is the last part of the repository where at least that is known. `name` is what the
    place calls the user of the image: a stage, a service, a container. `near_stage` is a stage of nearly the
    same name, which may be meant. `publishes` where the image gets this
    name instead of being taken from it. `problem` says why the text is no reference at all. `related` are the
    lines that use what is written here, or that give it a part.
    """

    location: SourceLocation
    kind: ReferenceKind
    written: str
    registry: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    image: str = ""
    unknown: tuple[str, ...] = ()
    name: str = ""
    publishes: bool = False
    problem: str = ""
    near_stage: str = ""
    related: tuple[SourceLocation, ...] = ()

    @property
    def repository_name(self) -> str:
        """Return registry and repository; empty where one of them is not known."""
        return f"{self.registry}/{self.repository}" if self.registry and self.repository else ""

    @property
    def resolved(self) -> str:
        """Return the reference in full; empty where a part is not known."""
        if self.unknown or self.problem:
            return ""
        return self.repository_name + suffix(self.tag, self.digest)

    @property
    def is_untagged(self) -> bool:
        """Say whether it certainly names neither a tag nor a digest."""
        return not (self.tag or self.digest or self.problem or {"tag", "digest"} & {*self.unknown})


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A reference that differs from what was agreed: held against what, and in which part.

    `expected` is the exact text to write, empty where it is not known. `deviation` is None where the
    difference lies in no part of the text. `is_sure` is false where images may be published in ways that
    could not be read.
    """

    reference: Reference
    standard: Standard
    deviation: Deviation | None = None
    expected: str = ""
    detail: str = ""
    is_sure: bool = True


class ArgumentUse(StrEnum):
    """What is wrong with an argument."""

    NOT_DECLARED = "not-declared"
    NOT_USED = "not-used"


class IdleArgument(msgspec.Struct, frozen=True, kw_only=True):
    """An argument that changes nothing: a build gives it and no ARG takes it, or an ARG that nothing uses.

    `value` is what it is given, or its default; `image` where that is a reference to an image of the fleet.
    `near` is the declared argument of nearly the same name.
    """

    location: SourceLocation
    dockerfile: str
    argument: str
    use: ArgumentUse
    value: str = ""
    image: str = ""
    near: str = ""
    name: str = ""
    related: tuple[SourceLocation, ...] = ()


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One name that several Dockerfiles publish; the locations are those that say so, in order."""

    image: str
    dockerfiles: tuple[str, ...]
    locations: tuple[SourceLocation, ...]


class ReferenceAccount(msgspec.Struct, frozen=True):
    """One reference as ``dockerfiles/1`` lists it: with the first of its deviations, where it has one."""

    reference: Reference
    deviation: Deviation | None = None
    expected: str = ""


class ReferenceClaims(msgspec.Struct, frozen=True, kw_only=True):
    """All that a repository says of images by their names, and where it contradicts."""

    accounts: tuple[ReferenceAccount, ...] = ()
    drifts: tuple[Drift, ...] = ()
    idle: tuple[IdleArgument, ...] = ()
    publications: tuple[Publication, ...] = ()


def suffix(tag: str, digest: str) -> str:
    """Return a tag and a digest as they stand behind a name."""
    return (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")

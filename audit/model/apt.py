"""Debian packages: what is installed, and what is proposed."""

from collections import defaultdict

import msgspec

from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.location import SourceLocation


class InstalledPackage(msgspec.Struct, frozen=True):
    """A package that dpkg says is installed; `installed_bytes` as its control file estimates."""

    name: PackageName
    version: str
    architecture: str
    source: str = ""
    source_version: str = ""
    installed_bytes: int = 0
    is_essential: bool = False
    is_automatic: bool = False


class PlannedPackage(msgspec.Struct, frozen=True):
    """One package of a plan; `because` is the chain from a need to it, first step first.

    `supplies` names the needs that this package answers itself (``so:libGL.so.1``). Where it is an upgrade,
    `replaces` is the version that is installed, and `installed_bytes` by how much the image grows, which may
    be below zero.
    """

    name: PackageName
    version: str
    installed_bytes: int
    download_bytes: int
    because: tuple[str, ...]
    is_root: bool = False
    supplies: tuple[str, ...] = ()
    replaces: str = ""


class Unsatisfied(msgspec.Struct, frozen=True):
    """A need for which the archive has no answer, and the verdict on it."""

    need: str
    verdict: str


class Hint(msgspec.Struct, frozen=True):
    """Packages any of which ships what is needed, where no archive could be asked.

    In which versions, and with which others, is not known. `by` names what knows it (``Debian 12 as of
    2026-11-20``).
    """

    need: str
    packages: tuple[str, ...]
    by: str


class Placement(msgspec.Struct, frozen=True):
    """Where the addition belongs: the family, and the line of its Dockerfile.

    `patch` is the change of that Dockerfile as a unified diff; where there is none although something is to
    be added, `why_no_patch` is the reason. `digest` is the SHA-256 of the Dockerfile that it was made for.
    `is_written` is None where nobody asked for the patch to be applied; where it was not, `why_not_written`
    is the reason. `also` are the other Dockerfiles that the addition stands in: further ones of the family,
    and those of families that it is built on, where a part of it belongs to them.
    """

    family: str | None = None
    dockerfile: SourceLocation | None = None
    why: str = ""
    patch: str = ""
    why_no_patch: str = ""
    digest: str = ""
    is_written: bool | None = None
    why_not_written: str = ""
    also: tuple["Placement", ...] = ()


class Step(msgspec.Struct, frozen=True):
    """One step of a certificate: `package` has to come because of `because`, and nothing else would do.

    `because` is a need (``so:libGL.so.1``) or a clause as a control file writes it (``libgl1: Depends
    libglvnd0 (= 1.6.0-1)``). `excluded` says of each alternative that would not do why it would not; where
    the step was a choice, `is_choice` holds, and the exact search proved it to be part of the cheapest
    answer.
    """

    package: PackageName
    because: str
    excluded: tuple[str, ...] = ()
    is_choice: bool = False


class OtherPlan(msgspec.Struct, frozen=True):
    """Another addition that would do as well: `roots` is what to type, `packages` what would come.

    Both as ``name=version``. `why_not` says why it is not the one that is proposed, or when to prefer it.
    """

    roots: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    installed_bytes: int = 0
    download_bytes: int = 0
    why_not: str = ""


class Remedy(msgspec.Struct, frozen=True):
    """A way to meet needs without the packages that would supply them, or to meet them at all.

    `needs` are those it meets (``so:libGL.so.1``); `action` says what to do, `change` what to write where
    (``opencv-python==4.10.0.84 -> opencv-python-headless==4.10.0.84``). `saved_bytes` is how much smaller the
    image gets against installing, None where it is not known. `evidence` tells by which lines of the
    services' code it is known to be possible (``no call of cv2.imshow, … is reachable from
    FaceRecognitionAgent``); `row` is the row of the knowledge base that knows the way. `confidence` is
    ``certain``, ``likely`` or ``possible``.
    """

    id: str
    needs: tuple[str, ...]
    action: str
    change: str = ""
    saved_bytes: int | None = None
    confidence: str = "certain"
    evidence: tuple[str, ...] = ()
    locations: tuple[SourceLocation, ...] = ()
    row: str = ""
    references: tuple[str, ...] = ()


class Verification(msgspec.Struct, frozen=True):
    """What came of installing a plan into a throw-away copy of the image and loading every library it is for.

    `outcome` is ``verified``, ``failed`` or ``refused`` (nothing could be tried: `why` says what is missing).
    `how` is ``chroot`` or ``user namespace``. `installed` are the packages that apt-get installed there
    (``name=version``); `loaded` and `failed` the sonames and programs that were tried, the latter with
    reasons.
    """

    outcome: str
    how: str = ""
    why: str = ""
    installed: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class Share(msgspec.Struct, frozen=True):
    """What one family's image would get of an addition, and what every image built on it gets with it.

    `roots` and `installed_bytes` are those of this family's place alone; `for_families` are the families
    whose services need them, and `needs` what they answer for the family that the plan is made for, each
    with the packages that do (``name=version``).
    `is_option` where this is no part of the plan but another place for packages that several families, or
    several services by their own Dockerfiles, would each get: `separate_bytes` is then what they take
    together in those places, and `carried_by` names the families that would get them without a need.
    """

    family: str
    roots: tuple[str, ...] = ()
    installed_bytes: int = 0
    for_families: tuple[str, ...] = ()
    why: str = ""
    needs: dict[str, tuple[str, ...]] = {}
    is_option: bool = False
    separate_bytes: int = 0
    carried_by: tuple[str, ...] = ()


class AptPlan(msgspec.Struct, frozen=True):
    """Packages to add, dependencies included, for one image.

    `roots` is what to type (``name=version``); `snapshot` names the archive state it was planned with.
    `steering` are those of the roots that supply nothing themselves and only make apt choose as planned.
    `is_optimal` holds only where a proof was made; `certificate` then says how in a few words, and `steps` in
    full. `apt_default` is what apt would install if only the needs' own packages were named, None where it is
    the same; `others` are further plans that rank first by another measure (download, number of packages).
    `shares` say which part of the whole belongs to which family of a chain; empty where all of it is this
    image's. All that stands beside them is this image's own part. Where the image has no apt-get,
    `stage_base` is the image in which another stage installs the packages, to be copied from there, and
    `instructions` what to write into a Dockerfile for that.
    """

    snapshot: str = ""
    roots: tuple[str, ...] = ()
    packages: tuple[PlannedPackage, ...] = ()
    installed_bytes: int = 0
    download_bytes: int = 0
    is_optimal: bool = False
    certificate: str = ""
    unsatisfied: tuple[Unsatisfied, ...] = ()
    placement: Placement = Placement()
    steering: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    apt_default: OtherPlan | None = None
    others: tuple[OtherPlan, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    shares: tuple[Share, ...] = ()
    verification: Verification | None = None
    hints: tuple[Hint, ...] = ()
    stage_base: str = ""
    instructions: str = ""

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is to be added to this image itself."""
        return not self.packages

    def inherited(self) -> dict[str, Share]:
        """Return, for each need that comes with the addition to another family, that family's share."""
        own = self.placement.family
        shares = (s for s in self.shares if not s.is_option and s.family != own)
        return {need: share for share in shares for need in share.needs}

    def suppliers(self) -> dict[str, tuple[str, ...]]:
        """Return, for each need that the plan answers, its packages (``name=version``)."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for package in self.packages:
            pin = f"{package.name}={package.version}"
            is_answer = package.is_root and pin not in self.steering
            for need in package.supplies or (package.because[:1] if is_answer else ()):
                found[need].append(pin)
        return {need: tuple(sorted(packages)) for need, packages in sorted(found.items())}


class Surplus(msgspec.Struct, frozen=True):
    """An installed package that nothing reachable needs.

    `origin` is the family whose layers brought it (the image's own name without a manifest); `layer` is the
    diffID of that layer, `created_by` what the layer's history says of it, and `dockerfile` the line whose
    RUN installed it. `kind` is ``unneeded``, ``build-tool``, ``development`` or ``documentation``.
    `goes_with` names the package whose removal lets this one go, empty for those that a person would name.
    `confidence` is ``certain``, ``likely`` or ``possible``, and `doubt` what speaks for keeping it.
    `is_inherited` where a lower family's image brought it: taking it out here saves nothing. `instead` are
    packages (``name=version``) that are needed and came only with it: who takes it out has to name them.
    `built_with` is the place where the image's own build uses it after it was installed, or may use it
    (``docker/web/Dockerfile:12 runs make``): it then belongs into a stage of its own.
    """

    package: PackageName
    installed_bytes: int
    origin: str
    reason: str
    confidence: str
    version: str = ""
    kind: str = "unneeded"
    layer: str = ""
    created_by: str = ""
    dockerfile: SourceLocation | None = None
    goes_with: str = ""
    doubt: str = ""
    is_inherited: bool = False
    instead: tuple[str, ...] = ()
    built_with: str = ""

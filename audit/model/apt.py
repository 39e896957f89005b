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

    `supplies` names the needs that this package answers itself (``so:libGL.so.1``).
    """

    name: PackageName
    version: str
    installed_bytes: int
    download_bytes: int
    because: tuple[str, ...]
    is_root: bool = False
    supplies: tuple[str, ...] = ()


class Unsatisfied(msgspec.Struct, frozen=True):
    """A need for which the archive has no answer, and the verdict on it."""

    need: str
    verdict: str


class Placement(msgspec.Struct, frozen=True):
    """Where the addition belongs: the family, and the line of its Dockerfile.

    `patch` is the change of that Dockerfile as a unified diff; where there is none although something is to
    be added, `why_no_patch` is the reason. `digest` is the SHA-256 of the Dockerfile that it was made for.
    `is_written` is None where nobody asked for the patch to be applied; where it was not, `why_not_written`
    is the reason.
    """

    family: str | None = None
    dockerfile: SourceLocation | None = None
    why: str = ""
    patch: str = ""
    why_no_patch: str = ""
    digest: str = ""
    is_written: bool | None = None
    why_not_written: str = ""


class AptPlan(msgspec.Struct, frozen=True):
    """Packages to add, dependencies included, for one image.

    `roots` is what to type (``name=version``); `snapshot` names the archive state it was planned with.
    `is_optimal` holds only where a proof was made; `certificate` then says how.
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

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is to be added."""
        return not self.packages

    def suppliers(self) -> dict[str, tuple[str, ...]]:
        """Return, for each need that the plan answers, its packages (``name=version``)."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for package in self.packages:
            for need in package.supplies or (package.because[:1] if package.is_root else ()):
                found[need].append(f"{package.name}={package.version}")
        return {need: tuple(sorted(packages)) for need, packages in sorted(found.items())}


class Surplus(msgspec.Struct, frozen=True):
    """An installed package that nothing reachable needs."""

    package: PackageName
    installed_bytes: int
    origin: str
    reason: str
    confidence: str

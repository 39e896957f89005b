"""What is known to be wrong with components of an image, and whether a service reaches it."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import Judged


class Reach(StrEnum):
    """Whether a service loads what an advisory speaks of."""

    REACHED = "reached"
    UNREACHED = "unreached"
    UNKNOWN = "unknown"


class ReachedBy(msgspec.Struct, frozen=True):
    """One service that loads an affected component: the line where its own code begins, and every step.

    `level` is that of the evidence graph (0 certain to 3 string).
    """

    service: str
    level: int
    location: SourceLocation | None = None
    chain: tuple[str, ...] = ()


class Rating(msgspec.Struct, frozen=True, order=True):
    """How bad one source (``nvd``, ``debian``, ``ghsa``) says it is.

    `severity` is one of ``unknown``, ``low``, ``medium``, ``high``, ``critical``; `score` a CVSS base score
    or None.
    """

    source: str
    severity: str
    score: float | None = None
    vector: str = ""


class VexStatement(msgspec.Struct, frozen=True):
    """What a VEX document says, `status` and `justification` in OpenVEX's words; `source` names it."""

    status: str
    justification: str = ""
    statement: str = ""
    source: str = ""


class Advisory(msgspec.Struct, frozen=True):
    """One advisory on one source package of an image, for all of its binary packages there.

    `id` is the CVE's where there is one, `aliases` the others. `package` is the source package's name,
    `ecosystem` the purl type (``deb``, ``pypi``). `affected` are the canonical purls that are installed.
    `severity` is the one that policy looks at, `ratings` all of them; `severity_source` says whose it is.
    `fixed_in` are versions that mend it, empty where there is none; `status` as the distribution says
    (``affected``, ``fixed``, ``will_not_fix``, ``end_of_life``, ``under_investigation``). `epss` is a
    probability from 0 to 1, `is_exploited` whether it is in the list of known exploited vulnerabilities
    (None: the list was not given). `reach` joins it with what services load, `why_unknown` says what kept
    that from being known. `origins` are the families whose layers brought the affected packages,
    `brought_by` a line that asks for one of them and that a person can change.
    """

    id: str
    package: str
    ecosystem: str
    affected: tuple[Purl, ...]
    installed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    title: str = ""
    url: str = ""
    published: str = ""
    modified: str = ""
    severity: str = "unknown"
    severity_source: str = ""
    ratings: tuple[Rating, ...] = ()
    cwes: tuple[str, ...] = ()
    fixed_in: tuple[str, ...] = ()
    status: str = ""
    epss: float | None = None
    epss_percentile: float | None = None
    is_exploited: bool | None = None
    vex: tuple[VexStatement, ...] = ()
    reach: Reach = Reach.UNKNOWN
    reached_by: tuple[ReachedBy, ...] = ()
    why_unknown: str = ""
    origins: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    brought_by: SourceLocation | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what makes two rows the same advisory: ecosystem, source package, id."""
        return self.ecosystem, self.package, self.id


class Catalogue(msgspec.Struct, frozen=True):
    """All advisories on one image, sorted by severity and key.

    `system` is the distribution with its release (``debian 12.5``), empty where there is none;
    `is_end_of_life` says that it gets no more security updates (None: not known). `examined` are the purls
    that the scanner looked at: what is not among them was not examined.
    """

    advisories: tuple[Advisory, ...] = ()
    examined: tuple[Purl, ...] = ()
    system: str = ""
    is_end_of_life: bool | None = None
    tools: tuple[ToolUse, ...] = ()
    gaps: tuple[Gap, ...] = ()


class VulnsReport(Judged, frozen=True, kw_only=True):
    """What is known to be wrong with one image or one SBOM.

    `examined` counts the packages that the scanner looked at. `services` are those whose code was followed:
    without any, nobody knows what is reached.
    """

    family: str | None = None
    image: ImageIdentity | None = None
    services: tuple[str, ...] = ()
    advisories: tuple[Advisory, ...] = ()
    examined: int = 0
    is_end_of_life: bool | None = None
    tools: tuple[ToolUse, ...] = ()

"""What is known of one of two things that are compared, whatever it was read from."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.model.difference import AdvisoryState, Aspect, ComparedSide, FindingState, NeedState
from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.identity import Digest, Purl
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.joining import package_set_of
from fleet_audit.audit.sbom.reading import IMAGE, MERGED

OWN_ECOSYSTEMS = frozenset({"deb", "pypi"})
"""What our own readers list where no scanner was asked."""

NO_SCANNER = "only Debian packages and Python distributions were looked for, as no scanner took part"
_ARCHITECTURE = "arch"


class Named(msgspec.Struct, frozen=True):
    """A package URL in the parts by which packages are compared."""

    key: str
    ecosystem: str
    version: str
    architecture: str


@lru_cache(maxsize=65536)
def named(purl: Purl) -> Named:
    """Return what a canonical URL names, and in which version for which architecture."""
    url = PackageURL.from_string(purl)
    qualifiers = dict(url.qualifiers)
    architecture = qualifiers.pop(_ARCHITECTURE, "")
    key = PackageURL(type=url.type, namespace=url.namespace, name=url.name, qualifiers=qualifiers)
    return Named(key.to_string(), url.type, url.version or "", architecture)


class Setting(msgspec.Struct, frozen=True):
    """A setting as it is shown. `identity` tells two values apart that are shown alike, as secrets are."""

    shown: str
    identity: str = ""

    def is_same(self, other: "Setting") -> bool:
        """Say whether two sides set the same; what a document masks is taken for the same secret."""
        is_alike = not (self.identity and other.identity) or self.identity == other.identity
        return self.shown == other.shown and is_alike


def need_state(need: Need) -> NeedState:
    """Return what is compared of a need."""
    services = tuple(sorted({reached.service for reached in need.reached_from}))
    return NeedState(need.kind, need.name, need.tier, need.status, services)


def finding_state(finding: Finding) -> FindingState:
    """Return what is compared of a finding."""
    return FindingState(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        message=finding.message,
        place="" if finding.location is None else str(finding.location),
        waived=finding.waiver is not None,
    )


class Provided(msgspec.Struct, frozen=True):
    """The files that provide a soname, and the symbol versions that they define."""

    files: tuple[str, ...]
    versions: tuple[str, ...] = ()


Settings = Mapping[str, Mapping[str, Setting]]
"""What is configured, by group (``environment``) and name; a side names every group that it can tell."""


class Side(msgspec.Struct, frozen=True):
    """One of the two things: what it says, and of each aspect that it cannot tell, why (`silent`).

    `asked` are the files that ask for each soname; `package_bytes` what the files of each package take.
    `judged_by` names the command whose findings these are. `own_package_set` is the digest of the
    packages that our own readers list, as ``deps`` tells it. `is_whole` unless a layer could not be read.
    `notes` are to be told.
    """

    subject: ComparedSide
    components: tuple[Component, ...] = ()
    silent: Mapping[Aspect, str] = {}
    sonames: Mapping[str, Provided] = {}
    asked: Mapping[str, tuple[str, ...]] = {}
    settings: Settings = {}
    needs: tuple[NeedState, ...] = ()
    findings: tuple[FindingState, ...] = ()
    advisories: tuple[AdvisoryState, ...] = ()
    judged_by: str = ""
    package_bytes: Mapping[str, int] = {}
    totals: Mapping[str, int] = {}
    layers: tuple[LayerSize, ...] = ()
    own_package_set: Digest | None = None
    is_whole: bool = True
    notes: tuple[str, ...] = ()

    @property
    def has_own_readers(self) -> bool:
        """Say whether what we find beside scanners is among its components."""
        return any(tool.name == OWN for tool in self.subject.tools)

    @property
    def scanners(self) -> tuple[str, ...]:
        """Return which scanners listed its packages, with their versions."""
        others = (tool for tool in self.subject.tools if tool.name != OWN)
        return tuple(sorted({f"{tool.name} {tool.version}".strip() for tool in others}))


def own_package_set(components: Iterable[Component]) -> Digest | None:
    """Return the digest of the packages that our own readers found; None where there are none."""
    return package_set_of(
        each
        for each in components
        if OWN in each.found_by and each.purl is not None and named(each.purl).ecosystem in OWN_ECOSYSTEMS
    )


def without_images(components: Iterable[Component]) -> tuple[Component, ...]:
    """Return what is in images, without the components that stand for images themselves."""
    return tuple(each for each in components if (MERGED, IMAGE) not in each.properties)


_FACTS = {
    "image-platform": "platform",
    "distribution": "operating system",
    "image-user": "user",
    "image-working-dir": "working directory",
    "image-entrypoint": "entrypoint",
    "image-command": "command",
}
_PORTS = "image-ports"
_OF_CONFIGURATION = ("user", "working directory", "entrypoint", "command", "ports")


def told_settings(image: Component) -> dict[str, dict[str, Setting]]:
    """Return what the component of an image tells of its configuration, in our own documents as well.

    Of a folder, and of a document that another tool wrote, nothing of the configuration is known.
    """
    facts = dict(image.properties)
    found: dict[str, dict[str, Setting]] = {}
    if any(name.startswith("layer:") for name in facts):
        found |= {group: {} for group in _OF_CONFIGURATION}
        found["ports"] = {port: Setting("exposed") for port in facts.get(_PORTS, "").split()}
    for name, group in _FACTS.items():
        if name in facts:
            found[group] = {"": Setting(facts[name])}
    return found

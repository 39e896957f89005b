"""What an image says of itself, to be compared: packages, libraries, configuration, sizes and needs."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.dockerfiles.running.masking import masked, secret_values
from fleet_audit.audit.dockerfiles.running.stored import of_image
from fleet_audit.audit.model.difference import Aspect, ComparedSide
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, PackageName
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import Inventory, ToolUse
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.pipeline.advisories.advising import OF_PLANS
from fleet_audit.audit.pipeline.comparing.side import (
    NO_SCANNER,
    Provided,
    Setting,
    Settings,
    Side,
    finding_state,
    named,
    need_state,
    own_package_set,
    told_settings,
    without_images,
)
from fleet_audit.audit.pipeline.deps.analysis import analyse_opened
from fleet_audit.audit.pipeline.inspecting_images import layer_sizes
from fleet_audit.audit.pipeline.inventories.inventory import gathered
from fleet_audit.audit.pipeline.run.machines import lowest_isa
from fleet_audit.audit.pipeline.run.scene import Scene, missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions
from fleet_audit.audit.sbom.bundled import is_bundled
from fleet_audit.audit.sbom.cyclonedx import OWN
from fleet_audit.audit.sbom.merging import part_of, told_by_inventory
from fleet_audit.audit.sbom.package_set import debian_purl, python_purl

JUDGED_BY = "deps"
"""The command whose findings are compared."""

_NOT_OPENED = "the image could not be looked at"
_NO_PYTHON = "no Python was found in it, so it is not known what is loaded"
_NO_ADVISORIES = "nobody is asked for advisories here; fleet-audit vulns -o json=FILE writes what is compared"
_FOLDER_ALONE = "a folder has neither layers nor a configuration"
NOBODY = "files of no package"
"""What stands for a package where there is none."""


class Looking(msgspec.Struct, frozen=True):
    """How images are looked at: which syft is asked, or none at all (`is_own` readers alone)."""

    syft: SyftOptions = SyftOptions()
    is_own: bool = False


def image_side(subject: Subject, kind: str, shared: Shared, looking: Looking) -> Side:
    """Return what the image of a subject says; `kind` is what its name means (``image``, ``family``).

    An image of the manifest that is not there is a gap. Raises ImageError where one that is named cannot be
    opened.
    """
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        absent = ComparedSide(subject.name, kind, gaps=() if gap is None else (gap,))
        return Side(absent, silent=dict.fromkeys(Aspect, _NOT_OPENED), is_whole=False)
    isa = lowest_isa(shared.fleet, subject.image)
    with open_scene(subject.image, shared.settings, python=subject.python, isa=isa) as scene:
        inventory = gathered(subject, scene, shared, None if looking.is_own else looking.syft)
        return _audited(_opened(subject, kind, scene, shared, inventory), subject, scene, shared)


def _opened(subject: Subject, kind: str, scene: Scene, shared: Shared, inventory: Inventory) -> Side:
    """Return all but needs and findings."""
    identity = scene.image.identity
    components = without_images(part_of(told_by_inventory(inventory)).components)
    layers = tuple(layer_sizes(scene.image, secret_values(of_image(identity.config)), shared))
    sizes = _package_bytes(scene)
    silent = {Aspect.ADVISORIES: _NO_ADVISORIES}
    if not inventory.tools:
        silent[Aspect.OTHER_KINDS] = NO_SCANNER
        silent[Aspect.LICENCES] = "it takes a scanner to tell them"
    if not layers:
        silent[Aspect.LAYERS] = _FOLDER_ALONE
    return Side(
        ComparedSide(
            name=subject.name,
            kind=kind,
            reference=str(identity.ref),
            digest=identity.ref.digest or "",
            platform=str(identity.ref.platform),
            tools=(ToolUse(OWN, __version__), *inventory.tools),
            gaps=tuple(gap for gap in inventory.gaps if _matters(gap, scene)),
        ),
        components=components,
        silent=silent,
        sonames=_sonames(scene),
        asked=_asked(scene),
        settings=_settings(inventory, identity.config, is_configured=bool(layers)),
        package_bytes=sizes,
        totals=_totals(layers, sum(sizes.values())),
        layers=layers,
        own_package_set=own_package_set(components) if scene.is_whole else None,
        is_whole=scene.is_whole,
    )


def _matters(gap: Gap, scene: Scene) -> bool:
    """Say whether a gap leaves something unknown: no Python in an image does only where one is asked for."""
    return gap.kind is not GapKind.NO_INTERPRETER or bool(scene.asked_python)


def _audited(side: Side, subject: Subject, scene: Scene, shared: Shared) -> Side:
    """Return a side with what ``deps`` finds of it without an archive."""
    if not subject.services and (scene.interpreter is None or subject.family is not None):
        why = _NO_PYTHON if scene.interpreter is None else "it has no services, so nothing is needed from it"
        silent = {**side.silent, Aspect.NEEDS: why, Aspect.FINDINGS: why}
        return msgspec.structs.replace(side, silent=silent)
    report = analyse_opened(subject, scene, shared).report
    gaps = (gap for gap in report.gaps if gap.kind not in OF_PLANS and _matters(gap, scene))
    return msgspec.structs.replace(
        side,
        subject=msgspec.structs.replace(side.subject, gaps=tuple(dict.fromkeys((*side.subject.gaps, *gaps)))),
        needs=tuple(need_state(need) for need in report.needs),
        findings=tuple(finding_state(finding) for finding in report.findings),
        judged_by=JUDGED_BY,
    )


def _sonames(scene: Scene) -> Mapping[str, Provided]:
    """Return the sonames of an image's libraries but for those that wheels have for themselves alone."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    versions: defaultdict[str, set[str]] = defaultdict(set)
    for path, facts in scene.elf.items():
        if facts.soname and not is_bundled(path):
            files[facts.soname].append(path)
            versions[facts.soname].update(facts.version_definitions)
    return {
        soname: Provided(tuple(sorted(paths)), tuple(sorted(versions[soname] - {soname})))
        for soname, paths in files.items()
    }


def _asked(scene: Scene) -> Mapping[str, tuple[str, ...]]:
    asked: defaultdict[str, list[str]] = defaultdict(list)
    for path, facts in scene.elf.items():
        for soname in facts.needed:
            asked[soname].append(path)
    return {soname: tuple(sorted(paths)) for soname, paths in asked.items()}


def _settings(inventory: Inventory, config: ImageConfig, *, is_configured: bool) -> Settings:
    """Return what an image is configured to be, as documents tell it, and what these leave out."""
    found = told_settings(inventory.subject)
    if not is_configured:
        return found
    run = masked(of_image(config))
    found["environment"] = {
        each.name: Setting(each.value, _identity(config.env[each.name])) for each in run.env
    }
    found["labels"] = {
        each.name: Setting(each.value, _identity(config.labels[each.name])) for each in run.labels
    }
    return found | dict(_others(run))


def _identity(value: str) -> str:
    return hashlib.sha256(value.encode(errors="surrogatepass")).hexdigest()


def _others(run: RunConfiguration) -> Iterator[tuple[str, dict[str, Setting]]]:
    health = () if run.health is None else run.health.test
    stop = "" if run.stop_signal is None else run.stop_signal.value
    yield "volumes", {volume.value: Setting("mounted") for volume in run.volumes}
    yield "health check", _unless_empty(" ".join(health))
    yield "stop signal", _unless_empty(stop)
    yield "shell", _unless_empty(" ".join(run.shell))
    yield "on build", _unless_empty("; ".join(trigger.value for trigger in run.triggers))


def _unless_empty(text: str) -> dict[str, Setting]:
    return {"": Setting(text)} if text else {}


def _package_bytes(scene: Scene) -> dict[str, int]:
    """Return how many bytes the files of each package take, and those of none; hard links count once."""
    owner = _Owner(scene)
    found: defaultdict[str, int] = defaultdict(int)
    counted: set[tuple[int, ImagePath]] = set()
    for path, entry in scene.image.tree.files():
        file = (entry.layer, entry.origin)
        if file not in counted:
            counted.add(file)
            found[owner.of(path)] += entry.size
    return dict(sorted(found.items()))


class _Owner:
    """Says which package a file is of, by the key under which packages are compared."""

    def __init__(self, scene: Scene) -> None:
        state = InstalledState.read(scene.image.tree)
        distro = scene.image.identity.distro
        records = () if state is None else state.records
        self._distributions = scene.distributions
        self._owners: Mapping[ImagePath, PackageName] = {} if state is None else state.ownership.owners
        self._debian = {record.name: named(debian_purl(record.package, distro)).key for record in records}
        self._python: dict[DistributionName, str] = {}

    def of(self, path: ImagePath) -> str:
        name = self._distributions.owner(path)
        if name is not None:
            if name not in self._python:
                self._python[name] = named(python_purl(name, "")).key
            return self._python[name]
        package = self._owners.get(path)
        return NOBODY if package is None else self._debian.get(package, NOBODY)


def _totals(layers: Sequence[LayerSize], seen: int) -> dict[str, int]:
    """Return the sizes of the whole that are known."""
    found = {"files that are seen": seen}
    if layers:
        found["layers as stored"] = sum(layer.stored_bytes for layer in layers)
        if all(layer.unpacked_bytes >= 0 for layer in layers):
            found["layers unpacked"] = sum(layer.unpacked_bytes for layer in layers)
    return found

"""What supplies the missing needs of one image, from which archive, at which line of which Dockerfile."""

import re
from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.plan import Wanted, propose
from fleet_audit.audit.model.apt import AptPlan, PlannedPackage
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.archives import ImageArchive
from fleet_audit.audit.pipeline.beneath import Addition, AskBeneath, Inherited, inherited, own_share
from fleet_audit.audit.pipeline.listed import listed_name
from fleet_audit.audit.pipeline.placing import STAGE, placed
from fleet_audit.audit.pipeline.scene import Scene
from fleet_audit.audit.pipeline.shared import Shared
from fleet_audit.audit.pipeline.subject import Subject

_PLANNED = (NeedKind.SONAME, NeedKind.PROGRAM)
_ABSENT = ("missing", "wrong-machine")
"""Outcomes that a package mends: a file for another machine is passed over in the search."""


class Supply:
    """Plans for one image. The archive is asked only once something is missing.

    `gaps` grows by what could not be found out on the way, and `notes` by what is to be known of the answer.
    `installed` is what dpkg says of the image, None where it says nothing.
    """

    def __init__(self, subject: Subject, scene: Scene, shared: Shared, beneath: AskBeneath) -> None:
        """Take the image, what the run shares, and what tells of the families beneath."""
        self.gaps: list[Gap] = []
        self.notes: list[str] = []
        self._beneath = beneath
        self.installed = InstalledState.read(scene.image.tree)
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._archive = ImageArchive(subject, scene.image, shared, self.gaps)

    def sonames_of_stem(self, stem: str) -> Sequence[str]:
        """Return the sonames that ``find_library(stem)`` could mean: the image's own, else the archive's.

        ``find_library`` takes the first line of ``ldconfig -p`` that begins with ``lib<stem>.``
        (Lib/ctypes/util.py); the archive's are those with one number behind, the newest first.
        """
        begin = f"lib{stem}."
        here = [name for name in self._scene.world.cache(little_endian=True) if name.startswith(begin)]
        if here:
            return here[:1]
        pattern = re.compile(re.escape(f"lib{stem}.so.") + r"(\d+)")
        found = [match for name in self._archive.sonames() if (match := pattern.fullmatch(name))]
        return [match[0] for match in sorted(found, key=lambda match: int(match[1]), reverse=True)]

    def plan(self, needs: Iterable[Need]) -> AptPlan:
        """Return the addition that supplies what is missing up to the tier that is planned for.

        What families beneath are to get for their own services' sake comes with them, and is no part of it.
        """
        most = self._shared.settings.plan_tier.rank
        missing = [n for n in needs if n.status in _ABSENT and n.kind in _PLANNED and n.tier.rank <= most]
        if not missing:
            return AptPlan()
        index, state = self.index(), self._state()
        if index is None or state is None:
            return AptPlan(hints=() if state is None else self._archive.hints(missing))
        found = self._inherited(missing, index)
        rest = [need for need in missing if need.subject not in found.needs]
        plan = self._own(rest, _built_upon(found.additions, state, index), index)
        if not (plan.is_empty or state.has_apt):
            why = "the image has none, and how else packages come into it is not looked at in this version"
            self.gaps.append(Gap(STAGE, GapKind.NOT_EXAMINED, "apt-get", why))
        return self._placed(plan, found)

    def _inherited(self, missing: Sequence[Need], index: ArchiveIndex) -> Inherited:
        beneath = self._beneath(self._scene.image.identity)
        found = inherited(self._subject.family or "", missing, beneath, index)
        if any(need.subject not in found.needs for need in missing):
            self.notes.extend(beneath.notes)
        return found

    def _own(self, missing: Sequence[Need], state: InstalledState, index: ArchiveIndex) -> AptPlan:
        return propose(
            [Wanted(n.subject, n.kind, listed_name(n.kind, n.name), n.alternatives) for n in missing],
            state,
            index,
            prefer=self._preferred(missing),
            avoid={need.subject: self._shared.knowledge.avoided(need.subject) for need in missing},
        )

    def _placed(self, plan: AptPlan, found: Inherited) -> AptPlan:
        place, gaps = placed(self._subject, plan)
        self.gaps.extend(gaps)
        place = msgspec.structs.replace(place, also=(*place.also, *found.placements))
        own = () if plan.is_empty else (own_share(self._subject.family or "", plan),)
        shares = (*found.shares, *own) if found.shares else ()
        return msgspec.structs.replace(plan, placement=place, shares=shares)

    def _state(self) -> InstalledState | None:
        if self.installed is None:
            why = "the image has no dpkg status, so nothing can be proposed for it"
            self.gaps.append(Gap(STAGE, GapKind.NO_PACKAGE_STATE, self._subject.name, why))
        else:
            self.gaps.extend(self.installed.gaps)
        return self.installed

    def index(self) -> ArchiveIndex | None:
        """Return the archive to plan with; a gap where none can be had."""
        return self._archive.index()

    def _preferred(self, needs: Iterable[Need]) -> dict[str, str]:
        choices = {need.subject: self._shared.knowledge.preferred(need.subject) for need in needs}
        return {subject: package for subject, package in choices.items() if package is not None}


def _built_upon(additions: Iterable[Addition], state: InstalledState, index: ArchiveIndex) -> InstalledState:
    """Return the state of an image that is built anew upon families with these additions."""
    planned = [package for each in additions for package in each.plan.packages]
    return state.with_packages(_offered(package, index) for package in planned)


def _offered(planned: PlannedPackage, index: ArchiveIndex) -> ArchivePackage:
    """Return a planned package as the archive describes it, in the version of the plan."""
    known = index.packages.get(planned.name)
    if known is None:
        return ArchivePackage(planned.name, planned.version, index.architecture)
    return (
        known if known.version == planned.version else msgspec.structs.replace(known, version=planned.version)
    )

"""What supplies the missing needs of one image, from which archive, at which line of which Dockerfile."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.archive.prebuilt import suites_that_ship
from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.installed.preferences import read_preferences
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.broken import refusals
from fleet_audit.audit.apt.planning.choice import Blemishes
from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.apt.planning.wants import Wanted
from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.model.apt import AptPlan, PlannedPackage, Share
from fleet_audit.audit.model.elf import Resolution
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.fleet import Fleet, Service
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.needs.needs import Ask
from fleet_audit.audit.pipeline.planning.archives import ImageArchive
from fleet_audit.audit.pipeline.planning.beneath import Addition, Inherited, inherited, own_share
from fleet_audit.audit.pipeline.planning.declaring import Declaring
from fleet_audit.audit.pipeline.planning.installed_alike import as_options, installed_alike, told_in_words
from fleet_audit.audit.pipeline.planning.listed import listed_name
from fleet_audit.audit.pipeline.planning.other_bases import not_supported, stage_base
from fleet_audit.audit.pipeline.planning.other_suites import with_other_suites
from fleet_audit.audit.pipeline.planning.others import Others
from fleet_audit.audit.pipeline.planning.own_installs import OwnInstalls
from fleet_audit.audit.pipeline.planning.placing import STAGE, foreign_stage, installs_itself, placed
from fleet_audit.audit.pipeline.planning.remedies import Gaining
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, anchored

_PLANNED = (NeedKind.SONAME, NeedKind.PROGRAM)
_DECLARED = "declared"
_ABSENT = ("missing", "wrong-machine")
"""Outcomes that a package mends: a file for another machine is passed over in the search."""


class Supply:
    """Plans for one image. The archive is asked only once something is missing.

    `gaps` grows by what could not be found out on the way, and `notes` by what is to be known of the answer.
    `installed` is what dpkg says of the image, None where it says nothing. `gaining` is what ways to do
    without packages are measured against, once there is a plan.
    """

    def __init__(self, subject: Subject, scene: Scene, shared: Shared, others: Others) -> None:
        """Take the image, what the run shares, and what answers for other images."""
        self.gaps: list[Gap] = []
        self.notes: list[str] = []
        self.gaining = Gaining()
        self._others = others
        self.installed = InstalledState.read(scene.image.tree)
        self._preferences = read_preferences(scene.image.tree)
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._archive = ImageArchive(subject, scene.image, shared, self.gaps)
        on_top = _services_on_top(subject, shared.fleet)
        self._installs = OwnInstalls(on_top, subject.sources, self.installed, self._archive.installed_as)
        self._declaring = Declaring(self._installs, self._archive, others)

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

    def own_outcome(self, ask: Ask, service: str) -> Resolution:
        """Return what becomes of something that the image lacks for one service, which may bring it along."""
        return self._declaring.own_outcome(ask, service)

    def plan(self, needs: Iterable[Need]) -> AptPlan:
        """Return the addition that supplies what is missing up to the tier that is planned for.

        What families beneath are to get for their own services' sake comes with them, and is no part of it.
        What several services bring along themselves is told beside it.
        """
        known = tuple(needs)
        plan = self._plan(known)
        return msgspec.structs.replace(plan, shares=(*plan.shares, *self._installed_alike(known, plan)))

    def _installed_alike(self, needs: Sequence[Need], plan: AptPlan) -> tuple[Share, ...]:
        alike = installed_alike(self._installs, {package.name for package in plan.packages})
        if not alike:
            return ()
        # Packages that no need hangs on are worth a note, and no question to the archive.
        is_needed = any(need.status in (*_ABSENT, _DECLARED) and need.kind in _PLANNED for need in needs)
        index = self._archive.index_if_any() if is_needed and self.installed is not None else None
        if index is None:
            self.notes.extend(told_in_words(alike, self._installs))
            return ()
        family = self._subject.family or ""
        return tuple(as_options(alike, self._installs, index, family=family, needs=needs))

    def _plan(self, needs: Iterable[Need]) -> AptPlan:
        most = self._shared.settings.plan_tier.rank
        absent = (n for n in needs if n.status in _ABSENT and n.kind in _PLANNED and n.tier.rank <= most)
        missing = [need for need in absent if not self._is_never_installed_for(need)]
        self.gaining = Gaining(tuple(missing))
        if not missing:
            return AptPlan()
        state = self._state(missing)
        if state is None:
            return AptPlan()
        index = self.index()
        if index is None:
            return AptPlan(hints=self._archive.hints(missing))
        found = self._inherited(missing, index)
        rest = [need for need in missing if need.subject not in found.needs]
        state_below = _built_upon(found.additions, state, index)
        plan = self._own(rest, state_below, index)
        planned = {str(package.name): package.version for package in plan.packages}
        if planned:
            self.gaps.extend(self._preferences.doubts(planned))
            self.gaps.extend(_obstacles(plan, state_below, index))
        self.gaining = Gaining(
            tuple(missing),
            plan,
            lambda met: self._own([n for n in rest if n.subject not in met], state_below, index),
        )
        return self._placed(self._by_copy(plan, state), found)

    def proposed(self, needs: Sequence[Need]) -> AptPlan | None:
        """Return what would have to be added to the image as it is so that these needs were met.

        None where that cannot be said, which is no gap: nothing hangs on the answer.
        """
        index = None if self.installed is None else self._archive.index_if_any()
        if self.installed is None or index is None:
            return None
        return self._own(needs, self.installed, index)

    def _by_copy(self, plan: AptPlan, state: InstalledState) -> AptPlan:
        """Return a plan that says how its packages are copied into an image that cannot install them."""
        if plan.is_empty or state.has_apt or installs_itself(self._subject):
            return plan
        plan = msgspec.structs.replace(plan, stage_base=stage_base(self._scene.image.identity.distro))
        stage = foreign_stage(plan)
        if stage is None:
            why = "the image has no apt-get, and no image that has it is known for its release"
            self.gaps.append(Gap(STAGE, GapKind.NOT_EXAMINED, self._subject.name, why))
            return plan
        try:
            return msgspec.structs.replace(plan, instructions=stage.instructions())
        except UnsafePin:
            # The placement tells it as the reason why there is no patch.
            return plan

    def _inherited(self, missing: Sequence[Need], index: ArchiveIndex) -> Inherited:
        beneath = self._others.beneath(self._scene.image.identity)
        found = inherited(self._subject.family or "", missing, beneath, index)
        if any(need.subject not in found.needs for need in missing):
            self.notes.extend(beneath.notes)
        return found

    def _own(self, missing: Sequence[Need], state: InstalledState, index: ArchiveIndex) -> AptPlan:
        knowledge, codename = self._shared.knowledge, self._scene.image.identity.distro.codename
        chosen = {need.subject: knowledge.preferred(need.subject, codename) for need in missing}
        plan = propose(
            [Wanted(n.subject, n.kind, listed_name(n.kind, n.name), n.alternatives) for n in missing],
            state,
            index,
            Terms(
                prefer={subject: package for subject, package in chosen.items() if package is not None},
                avoid={need.subject: knowledge.avoided(need.subject, codename) for need in missing},
                is_forbidden=knowledge.is_forbidden,
                preferences=self._preferences,
                blemishes=Blemishes(is_to_avoid=partial(knowledge.is_second_choice, codename=codename)),
            ),
        )
        shipping = partial(suites_that_ship, architecture=index.architecture)
        told = with_other_suites(plan.unsatisfied, codename, shipping)
        return msgspec.structs.replace(plan, unsatisfied=tuple(told))

    def _is_never_installed_for(self, need: Need) -> bool:
        """Say whether only files ask for a library that nothing is installed for."""
        rows = (self._shared.knowledge.need_not(need.name, file) for file in need.wanted_by)
        return bool(need.wanted_by) and all(row is not None for row in rows)

    def _placed(self, plan: AptPlan, found: Inherited) -> AptPlan:
        place, gaps = placed(self._subject, plan, image_user=self._scene.image.identity.config.user)
        self.gaps.extend(gaps)
        place = msgspec.structs.replace(place, also=(*place.also, *found.placements))
        own = () if plan.is_empty else (own_share(self._subject.family or "", plan),)
        shares = (*found.shares, *own) if found.shares else ()
        return msgspec.structs.replace(plan, placement=place, shares=shares)

    def _state(self, missing: Sequence[Need]) -> InstalledState | None:
        if self.installed is None:
            distro = self._scene.image.identity.distro
            self.gaps.append(not_supported(self._subject.name, distro, missing))
        else:
            self.gaps.extend(self.installed.gaps)
        return self.installed

    def index(self) -> ArchiveIndex | None:
        """Return the archive to plan with; a gap where none can be had."""
        return self._archive.index()


def _services_on_top(subject: Subject, fleet: Fleet | None) -> list[Service]:
    """Return the services whose own Dockerfiles add to the image; none where it is a service's own."""
    if fleet is None or subject.family is None:
        return []
    names = {code.name for code in subject.services}
    services = [service for service in fleet.manifest.services if service.name in names]
    own = {anchored(service.image, fleet.root) for service in services if service.image}
    is_own = subject.image in own or (subject.is_image_given and subject.name != subject.family)
    return [] if is_own else services


def _obstacles(plan: AptPlan, state: InstalledState, index: ArchiveIndex) -> Iterator[Gap]:
    """Yield why apt-get would not carry out a plan that is right in itself; it may mend what is broken."""
    if state.has_apt:
        coming = [_offered(package, index) for package in plan.packages]
        yield from refusals(state.with_packages(coming), index.architecture)


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

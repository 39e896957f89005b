"""Whether a plan does what it promises, tried in a throw-away copy of the image (``deps --verify``)."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex, IndexUnavailable
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.images.unpacking import NotUnpacked
from fleet_audit.audit.model.apt import AptPlan, Share, Verification
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.promises import Promises, promises
from fleet_audit.audit.pipeline.deps.trial import SHELL, AptFailed, Trial, trial, versions
from fleet_audit.audit.pipeline.planning.archives import archive_request
from fleet_audit.audit.pipeline.planning.placing import STAGE
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.shared import COPIES, Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.tools.enclosure import Enclosure, NotEnclosed, find_enclosure, why_foreign
from fleet_audit.audit.tools.fetch import FetchError
from fleet_audit.audit.tools.process import ToolError

_NOTHING = "nothing is proposed, so there is nothing to verify"
_LABEL = "throw-away copy of the image"


class _Refused(Exception):
    """Nothing could be tried, for the reason given."""


def verified(analysis: Analysis, subject: Subject, shared: Shared) -> DepsReport:
    """Return the report with what came of installing its proposal into a throw-away copy of the image.

    What apt-get says that it would install, and what it installs, have to be the plan's packages, and each
    missing library that the plan answers has to load, each program to start, and each module that services
    import for their sake to be importable. What fails, or cannot be tried, is a blocking gap as well.
    """
    report, plan = analysis.report, analysis.report.proposal
    beneath = _beneath(plan, subject)
    if plan.is_empty and not beneath:
        return msgspec.structs.replace(report, notes=(*report.notes, _NOTHING))
    try:
        verification = _tried(analysis, subject, shared, beneath)
    except _Refused as e:
        verification = Verification("refused", why=str(e))
    gaps = report.gaps if verification.outcome == "verified" else (*report.gaps, _gap(subject, verification))
    proposal = msgspec.structs.replace(plan, verification=verification)
    return msgspec.structs.replace(report, proposal=proposal, gaps=gaps)


def _gap(subject: Subject, verification: Verification) -> Gap:
    why = verification.why or "; ".join(f"{name}: {why}" for name, why in verification.failed[:3])
    what = "the proposal could not be tried" if verification.outcome == "refused" else "the proposal failed"
    return Gap(STAGE, GapKind.NOT_VERIFIED, subject.name, f"{what}: {why}", subject.location)


def _beneath(plan: AptPlan, subject: Subject) -> tuple[Share, ...]:
    """Return what families beneath are to get, which the image would have before the plan's own packages."""
    shares = (share for share in plan.shares if not share.is_option)
    return tuple(
        share for share in shares if share.family != (subject.family or subject.name) and share.roots
    )


def _tried(analysis: Analysis, subject: Subject, shared: Shared, beneath: tuple[Share, ...]) -> Verification:
    settings = shared.settings
    if subject.image is None:
        raise _Refused("there is no image")
    with open_scene(subject.image, settings, python=subject.python) as scene:
        state = _state(scene)
        index = _index(subject, scene, shared)
        folder = settings.cache_dir / COPIES
        enclosure = _enclosure(scene, folder)
        work = _Work(analysis.report.proposal, beneath, promises(analysis, beneath), versions(state))
        progress = settings.progress
        progress.start(_LABEL, 0)
        try:
            with trial(scene, index, enclosure, folder) as copy:
                return _verification(copy, work, shared)
        except (NotUnpacked, NotEnclosed, FetchError) as e:
            raise _Refused(str(e)) from e
        except ToolError as e:
            return Verification("failed", enclosure.how, failed=((e.argv[0] if e.argv else "", e.why),))
        except OSError as e:
            raise _Refused(f"the copy in {folder} cannot be used: {e.strerror or e}") from e
        finally:
            progress.finish(_LABEL)


def _state(scene: Scene) -> InstalledState:
    if not scene.is_whole:
        raise _Refused("a layer of the image could not be read")
    state = InstalledState.read(scene.image.tree)
    if state is None or not state.has_apt:
        raise _Refused("the image has no apt-get to install packages with")
    return state


def _index(subject: Subject, scene: Scene, shared: Shared) -> ArchiveIndex:
    identity = scene.image.identity
    request = archive_request(
        subject.name,
        identity.distro,
        identity.ref.platform,
        shared,
        manifest=subject.settings.apt,
        tree=scene.image.tree,
    )
    if isinstance(request, Gap):
        raise _Refused(request.why)
    try:
        return shared.archive.index(request.distro, request.architecture, request.sources, request.keyrings)
    except IndexUnavailable as e:
        raise _Refused(str(e)) from e


def _enclosure(scene: Scene, folder: Path) -> Enclosure:
    shell = scene.image.tree.realpath(SHELL)
    program = None if shell is None else scene.elf.get(shell)
    if program is None:
        raise _Refused(f"the image has no {SHELL} to run scripts of packages with")
    foreign = why_foreign(program.machine, os.uname().machine)
    if foreign:
        raise _Refused(foreign)
    try:
        return find_enclosure(folder, os.environ)
    except NotEnclosed as e:
        raise _Refused(str(e)) from e


class _Work(msgspec.Struct, frozen=True):
    """A plan, what the image would have by then from families beneath, and what it has today."""

    plan: AptPlan
    beneath: tuple[Share, ...]
    promised: Promises
    installed: Mapping[str, str]


def _verification(copy: Trial, work: _Work, shared: Shared) -> Verification:
    before = work.installed
    try:
        for share in work.beneath:
            copy.add_files(copy.simulated(share.roots), shared.fetcher)
            copy.install(share.roots)
            before = copy.installed()
        failed = list(_installed(copy, work.plan, shared))
    except AptFailed as e:
        return Verification("failed", copy.enclosure.how, failed=(("apt-get", e.why),))
    after = copy.installed()
    added = {f"{name}={version}" for name, version in after.items() if before.get(name) != version}
    failed += _differences(work.plan, added, "was installed", "was not installed")
    failed += ((name, "was removed") for name in sorted(before.keys() - after.keys()))
    tried = dict(_loads(copy, work.promised))
    failed += ((name, why) for name, why in tried.items() if why)
    return Verification(
        outcome="failed" if failed else "verified",
        how=copy.enclosure.how,
        installed=tuple(sorted(added)),
        loaded=tuple(name for name, why in tried.items() if not why),
        failed=tuple(failed),
    )


def _installed(copy: Trial, plan: AptPlan, shared: Shared) -> Iterator[tuple[str, str]]:
    """Install the plan's own packages; yield in what apt-get, told to simulate, differs from the plan."""
    if plan.is_empty:
        return
    simulated = copy.simulated(plan.roots)
    yield from _differences(plan, simulated, "would be installed", "would not be installed")
    copy.add_files(simulated, shared.fetcher)
    copy.install(plan.roots)


def _differences(plan: AptPlan, found: Iterable[str], too_many: str, too_few: str) -> list[tuple[str, str]]:
    found, planned = set(found), {f"{package.name}={package.version}" for package in plan.packages}
    return [
        *((pin, f"{too_many} and is not in the plan") for pin in sorted(found - planned)),
        *((pin, f"{too_few} and is in the plan") for pin in sorted(planned - found)),
    ]


def _loads(copy: Trial, promised: Promises) -> Iterator[tuple[str, str]]:
    for name, names in sorted(promised.sonames.items()):
        yield f"so:{name}", _first_reason(copy.why_not_loaded, names)
    for name, names in sorted(promised.programs.items()):
        yield f"bin:{name}", _first_reason(copy.why_not_started, names)
    for module in promised.modules:
        yield f"import:{module}", copy.why_not_imported(module)


def _first_reason(why_not: Callable[[str], str], names: Sequence[str]) -> str:
    """Return why the first of several names would not do; empty where any of them does."""
    first = why_not(names[0])
    return first if first and all(why_not(name) for name in names[1:]) else ""

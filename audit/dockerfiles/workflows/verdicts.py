"""Scans that do not fail their job by what they find: no exit code, an ignored failure, a filter."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.shell.outcomes import Loss, LossKind, lost_failure
from fleet_audit.audit.dockerfiles.shell.symbols import is_known
from fleet_audit.audit.dockerfiles.workflows.aftermath import Aftermath, aftermath
from fleet_audit.audit.dockerfiles.workflows.causes import Cause, fault_of
from fleet_audit.audit.dockerfiles.workflows.conditions import certainly_off, is_true, within, worlds
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture, PlacedScan
from fleet_audit.audit.dockerfiles.workflows.scopes import Scope
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import Written

_LOSSES = {
    LossKind.ALTERNATIVE: "`{by}` stands in for its failure",
    LossKind.PIPE: "its exit code is lost in a pipe into `{by}`: pipefail is not set",
    LossKind.GOES_ON: "the script goes on after it, with `{by}`",
    LossKind.NEXT_ROUND: "`{by}` goes on with its next round",
    LossKind.CONDITION: "it is the condition of an `{by}` that leads to no failure",
    LossKind.NEGATED: "a `{by}` turns its failure into success",
    LossKind.BACKGROUND: "it runs in the background",
    LossKind.SUBSTITUTION: "its exit code is lost in the arguments of `{by}`",
}


def verdict_faults(pictures: Sequence[Picture]) -> Iterator[GateFault]:
    """Yield the scans of one workflow's jobs that cannot fail, or not by the worst."""
    judged = [_judged(picture) for picture in pictures]
    able = Counter(_subject(each.placed) for here in judged for each in here if each.is_able)
    for picture, here in zip(pictures, judged, strict=True):
        behind = aftermath(picture)
        gated = {_subject(each.placed) for each in here if each.is_able and each.placed.scan.images}
        for each in here:
            subject = _subject(each.placed)
            is_covered = able[subject] > each.is_able
            if each.placed.scan.fails is not False:
                # Beside a gate for the same image, a scan whose failure is ignored is a report.
                yield from () if subject in gated else each.ignored
                yield from () if is_covered else _filtered(each.placed, picture)
            elif not is_covered:
                yield _without_exit_code(each.placed, picture, behind)


class _Judged(msgspec.Struct, frozen=True):
    """A scan, the faults by which its failure is lost, and whether its job may fail by the worst."""

    placed: PlacedScan
    ignored: tuple[GateFault, ...]
    is_able: bool


def _judged(picture: Picture) -> list[_Judged]:
    behind, ways = aftermath(picture), worlds(picture.job.origin)
    found: list[_Judged] = []
    for placed in picture.scans:
        ignored = tuple(_ignored(placed, picture, behind))
        is_off = bool(ways) and all(
            certainly_off(picture.job, placed.run, world) is not None for world in ways
        )
        is_able = placed.scan.fails is not False and not _hides_critical(placed) and not ignored
        found.append(_Judged(placed, ignored, is_able and not is_off))
    return found


def _subject(placed: PlacedScan) -> tuple[str, ...]:
    """Return what a scan judges: its images, else the kind of scanner."""
    return placed.scan.images or ("", placed.scan.scanner.id)


def _without_exit_code(placed: PlacedScan, picture: Picture, behind: Aftermath) -> GateFault:
    if _is_read_later(placed, behind):
        kind, detail = GateFaultKind.REPORT_ONLY, "its report is used by a later step, which may judge it"
    else:
        kind, detail = GateFaultKind.NO_EXIT_CODE, placed.scan.scanner.why.rstrip(".")
    return fault_of(placed, picture, Cause(kind, detail, placed.scan.setting))


def _is_read_later(placed: PlacedScan, behind: Aftermath) -> bool:
    """Say whether a later step takes the report: uploads it to be judged by GitHub, or names its file."""
    if behind.last_upload >= placed.step:
        return True
    command = placed.scan.command
    own = (placed.step, command.command.start if command is not None else -1)
    files = (posixpath.basename(name) for name in _outputs(placed) if is_known(name))
    return any(place > own for file in files for place in behind.words.get(file, ()))


def _outputs(placed: PlacedScan) -> Iterator[str]:
    """Yield the files that a scan writes its report to."""
    for name in ("output", "output-file", "sarif-file"):
        yield placed.run.given.get(name, "")
    command = placed.scan.command
    if command is None:
        return
    words = list(command.arguments)
    for at, word in enumerate(words):
        if word in ("-o", "--output") and at + 1 < len(words):
            yield words[at + 1]
        elif word.startswith("--output="):
            yield word.partition("=")[2]
    for redirect in command.command.redirects:
        if redirect.operator.startswith(">"):
            yield redirect.target.expanded(command.environment) or ""


def _ignored(placed: PlacedScan, picture: Picture, behind: Aftermath) -> Iterator[GateFault]:
    """Yield the ways in which the failure of a scan does not become that of its job."""
    loss = _loss(placed)
    if loss is not None:
        detail = _LOSSES[loss.kind].format(by=loss.by)
        place = SourceLocation(placed.scan.location.path, loss.line)
        yield fault_of(placed, picture, Cause(GateFaultKind.LOST, detail, place))
    setting = _continuing(placed, picture, behind)
    if setting is not None:
        detail = "continue-on-error makes a success of its failure"
        yield fault_of(placed, picture, Cause(GateFaultKind.CONTINUES, detail, setting.location))


def _loss(placed: PlacedScan) -> Loss | None:
    if placed.scan.command is None or placed.script is None:
        return None
    return lost_failure(placed.script, placed.scan.command.command)


def _continuing(placed: PlacedScan, picture: Picture, behind: Aftermath) -> Written | None:
    """Return the continue-on-error that holds for a scan; None where a later step asks for the outcome."""
    job = picture.job
    if _always(job.job.continue_on_error, job.certain, picture):
        return job.job.continue_on_error
    for step in (*placed.run.within, placed.run.step):
        is_asked = step.id.lower() in behind.asked
        if not is_asked and _always(step.continue_on_error, placed.run.certain, picture):
            return step.continue_on_error
    return None


def _always(setting: Written | None, scope: Scope, picture: Picture) -> bool:
    """Say whether a setting certainly is on, however the workflow is started."""
    ways = worlds(picture.job.origin)
    if setting is None or is_true(setting, scope):
        return setting is not None
    return bool(ways) and all(is_true(setting, within(scope, world)) for world in ways)


def _hides_critical(placed: PlacedScan) -> bool:
    severities = placed.scan.severities
    return bool(severities) and is_known(severities) and "CRITICAL" not in severities.upper()


def _filtered(placed: PlacedScan, picture: Picture) -> Iterator[GateFault]:
    if _hides_critical(placed):
        detail = f"it looks at {placed.scan.severities} alone"
        place = _line_of(placed, placed.scan.scanner.severities.input)
        yield fault_of(placed, picture, Cause(GateFaultKind.NO_CRITICAL, detail, place))
    elif placed.scan.fixed_only:
        detail = "vulnerabilities without a fix do not count"
        place = _line_of(placed, placed.scan.scanner.fixed_only.input)
        yield fault_of(placed, picture, Cause(GateFaultKind.FIXED_ONLY, detail, place))


def _line_of(placed: PlacedScan, name: str) -> SourceLocation | None:
    return next((text.location for key, text in placed.run.step.given if key == name), None)

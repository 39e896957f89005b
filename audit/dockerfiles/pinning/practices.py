"""What a script installs, fetches and trusts: one record for everything that rules may judge."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from fleet_audit.audit.dockerfiles.pinning.fetching import (
    MAX_BEHIND,
    moving_sources,
    piped_scripts,
    scripts_fetched_and_run,
)
from fleet_audit.audit.dockerfiles.pinning.hash_claims import hash_claims
from fleet_audit.audit.dockerfiles.pinning.installed import installs
from fleet_audit.audit.dockerfiles.pinning.managers import installing
from fleet_audit.audit.dockerfiles.pinning.masking import masked_installs, told
from fleet_audit.audit.dockerfiles.pinning.records import practised
from fleet_audit.audit.dockerfiles.pinning.scripts import Ran
from fleet_audit.audit.dockerfiles.pinning.steps import Step, Surroundings, shown_words, with_files
from fleet_audit.audit.dockerfiles.pinning.stray_files import stray_files
from fleet_audit.audit.dockerfiles.pinning.trust import VARIABLES, Trust, of_options, of_program, of_variable
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.following import Executed, follow
from fleet_audit.audit.dockerfiles.shell.outcomes import LossKind
from fleet_audit.audit.model.installs import BuildCommand, Practised


def file_practices(scripts: Iterable[tuple[Ran, Surroundings]]) -> Iterator[Practised]:
    """Yield what the scripts of one file do; what is done several times is told several times."""
    followed = [
        (ran, around, follow(ran.script, folder=around.folder, lookup=ran.lookup)) for ran, around in scripts
    ]
    programs = frozenset(each.program for _, _, executed in followed for each in executed)
    gits = [
        (at, ran.stage, each)
        for at, (ran, _, executed) in enumerate(followed)
        for each in executed
        if each.program == "git"
    ]
    for at, (ran, around, executed) in enumerate(followed):
        behind = bisect_right(gits, at, key=lambda git: git[0])
        later = [each for _, stage, each in gits[behind : behind + MAX_BEHIND] if stage is ran.stage]
        yield from _masked(ran)
        yield from _fetched(ran, executed, later)
        yield from _practices(ran, around, executed, programs)


def _practices(
    ran: Ran, around: Surroundings, executed: Sequence[Executed], programs: frozenset[str]
) -> Iterator[Practised]:
    for each in executed:
        for trust in of_program(each):
            yield trusted(trust, ran.path, ran.place, program=each.program)
        call = called(each.command)
        found = None if call is None else installing(call, each.environment)
        if found is None:
            continue
        step = with_files(Step(ran=ran, executed=each, installing=found, around=around, programs=programs))
        yield from installs(step)
        yield from hash_claims(step)
        yield from _of_step(step)


def _of_step(step: Step) -> Iterator[Practised]:
    ran, found = step.ran, step.installing
    for stray in stray_files(step.executed.command, found):
        command = BuildCommand(ran.path, "stray-file", ran.place, found.program, stray.written, stray.file)
        yield practised(command, f"stray-file:{stray.written}", stray.line)
    for trust in (*of_options(found), *_of_environment(step)):
        yield trusted(trust, ran.path, ran.place, program=found.program, is_hashed=step.is_hash_mode)


def _of_environment(step: Step) -> Iterator[Trust]:
    """Yield what variables that the script itself sets make an installation trust."""
    if step.installing.manager != "pip":
        return
    for name in VARIABLES:
        value = step.executed.environment(name)
        # What an ENV sets is told where it stands.
        if value and value != step.ran.lookup(name):
            trust = of_variable(name, value, step.executed.line)
            if trust is not None:
                yield trust


def _masked(ran: Ran) -> Iterator[Practised]:
    for masked in masked_installs(ran.script, status_counts=ran.status_counts):
        shown = shown_words(masked.command.words)
        command = BuildCommand(ran.path, "masked", ran.place, masked.call.program, shown, told(masked.loss))
        is_alternative = masked.loss.kind is LossKind.ALTERNATIVE
        lines = (masked.loss.line, masked.command.line) if is_alternative else (masked.command.line,)
        yield practised(command, f"masked:{shown}", *lines)


def _fetched(ran: Ran, executed: Sequence[Executed], later: Sequence[Executed]) -> Iterator[Practised]:
    for piped in (*piped_scripts(ran.script), *scripts_fetched_and_run(executed)):
        shown = f"{piped.address or 'something'} | {piped.program}"
        command = BuildCommand(ran.path, "piped-script", ran.place, piped.program, shown, piped.address)
        yield practised(command, f"piped-script:{piped.address}", piped.line)
    for source in moving_sources(executed, later):
        command = BuildCommand(ran.path, "moving-source", ran.place, "git", source.address, source.branch)
        yield practised(command, f"moving-source:{source.address}", source.line)


def trusted(trust: Trust, path: str, place: str, *, program: str = "", is_hashed: bool = False) -> Practised:
    """Return the record on an index besides the one that is meant, or on a check that is off."""
    command = BuildCommand(path, trust.kind, place, program, "", trust.detail, is_hashed)
    return practised(command, f"{trust.kind}:{trust.detail}", trust.line)

"""The scripts of a repository: those of RUN instructions and workflow steps, and the files of shells.

Shells of steps: docs.github.com, "Workflow syntax for GitHub Actions", ``jobs.<job_id>.steps[*].shell``.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.dockerfiles.contexts.scripts import recipes
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.following import MAX_COMMANDS
from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS, run_scripts
from fleet_audit.audit.dockerfiles.shell.positions import Positions
from fleet_audit.audit.dockerfiles.shell.reading import MAX_TEXT, read_script
from fleet_audit.audit.dockerfiles.shell.script import Lookup, Options, Script
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.workflows import Job, Step, Workflow, Written

MAX_RUNS = 2000
"""RUN instructions of one Dockerfile that are looked at."""

_STEP_OPTIONS: Mapping[str, Options] = {
    "": Options(exits_on_error=True),
    "sh": Options(exits_on_error=True),
    "bash": Options(exits_on_error=True, fails_in_pipes=True),
}


class Ran(msgspec.Struct, frozen=True):
    """A script, the file that holds it, and the values of variables at its start.

    `place` is ``dockerfile``, ``workflow`` or ``script``. `stage` is where a RUN stands, and `instruction`
    the RUN. `status_counts` where what runs the script looks at how it ends.
    """

    path: str
    place: str
    script: Script
    lookup: Lookup
    stage: Stage | None = None
    instruction: Instruction | None = None
    status_counts: bool = True


def dockerfile_scripts(
    repository: Repository, path: str, dockerfile: Dockerfile, values: Scopes
) -> Iterator[Ran]:
    """Yield what the RUNs of a Dockerfile give to their shells."""
    count = 0
    for stage in dockerfile.stages:
        for instruction, script in run_scripts(stage.instructions):
            count += 1
            if count > MAX_RUNS:
                why = f"has more than {MAX_RUNS} RUN instructions: those behind are not looked at"
                repository.report(path, why, line=instruction.line, kind=GapKind.LIMIT_REACHED)
                return
            _report_limits(repository, path, script, instruction.line, GapKind.LIMIT_REACHED)
            yield Ran(path, "dockerfile", script, _values_at(values, instruction), stage, instruction)


def _report_limits(repository: Repository, path: str, script: Script, line: int, kind: GapKind) -> None:
    if any(problem.kind == "too-long" for problem in script.problems):
        why = f"holds a script of more than {MAX_TEXT} characters: what is behind them is not looked at"
        repository.report(path, why, line=line, kind=kind)
    elif len(script.items) > MAX_COMMANDS or len(script.commands) > MAX_COMMANDS:
        why = f"holds a script of more than {MAX_COMMANDS} commands: those behind are not followed"
        repository.report(path, why, line=line, kind=kind)


def _values_at(values: Scopes, instruction: Instruction) -> Lookup:
    return lambda name: values.value(name, instruction)


def workflow_scripts(workflows: Iterable[Workflow]) -> Iterator[Ran]:
    """Yield what the steps of workflows give to POSIX shells, each step once."""
    seen: set[tuple[str, int]] = set()
    for workflow in workflows:
        for job in workflow.jobs:
            for step in _steps(job.steps):
                place = (step.location.path, step.location.line)
                shell = step.shell or job.shell or workflow.shell
                if step.run is None or place in seen or not _is_posix(shell, job):
                    continue
                seen.add(place)
                yield Ran(step.run.location.path, "workflow", _step_script(step.run, shell), _unknown)


def _steps(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _steps(step.steps)


def _is_posix(shell: str, job: Job) -> bool:
    if shell:
        return shell.split(maxsplit=1)[0].rpartition("/")[2] in SHELLS
    return not any(label.lower().startswith("windows") for label in job.runs_on)


def _step_script(written: Written, shell: str) -> Script:
    lines = written.text.split("\n")
    chunks = []
    at = 0
    for number, line in enumerate(lines, 1):
        chunks.append((at, written.line(number), 0))
        at += len(line) + 1
    # A shell that is written out (``bash {0}``) sets no option by itself.
    options = _STEP_OPTIONS.get(shell, Options(exits_on_error=" -e" in shell))
    return read_script(written.text, options=options, positions=Positions(chunks))


def shell_files(repository: Repository) -> Iterator[Ran]:
    """Yield the files of shells; of them is not known who looks at how they end."""
    for path in repository.files(FileRole.SHELL):
        text = repository.text(path)
        if text is not None:
            script = read_script(text)
            # What a long script is for is not known; most are brought along, and build no image.
            _report_limits(repository, path, script, 1, GapKind.NOT_EXAMINED)
            yield Ran(path, "script", script, _unknown, status_counts=False)


def make_files(repository: Repository) -> Iterator[Ran]:
    """Yield the lines of makefiles' recipes, each a script of its own; who calls make is not known."""
    for path in repository.files(FileRole.MAKE):
        for line, recipe in recipes(repository.text(path) or ""):
            yield Ran(path, "script", read_script(recipe, line=line), _unknown, status_counts=False)


def _unknown(_name: str) -> None:
    return None

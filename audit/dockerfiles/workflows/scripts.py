"""The scripts of a workflow's steps, as the shell gets them.

Rules: docs.github.com, "Workflow syntax for GitHub Actions", ``jobs.<job_id>.steps[*].shell``: without a
shell it is ``bash -e {0}``, with ``bash`` also ``-o pipefail``; a template of one's own says all itself.
"""

import re

from fleet_audit.audit.dockerfiles.shell.following import Executed, follow
from fleet_audit.audit.dockerfiles.shell.instructions import SHELLS, shell_options
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Options, Script
from fleet_audit.audit.dockerfiles.shell.symbols import is_known
from fleet_audit.audit.dockerfiles.workflows.expressions import filled, parts
from fleet_audit.audit.dockerfiles.workflows.running import JobRun, StepRun
from fleet_audit.audit.dockerfiles.workflows.scopes import Scope

_GIVEN = {
    "": Options(exits_on_error=True),
    "bash": Options(exits_on_error=True, fails_in_pipes=True),
    "sh": Options(exits_on_error=True),
}
_HARMLESS = re.compile(r"[\w./:@=+, -]*", re.ASCII)


def options_of(shell: str) -> Options | None:
    """Return the options with which the runner starts a shell; None where its language is not read here."""
    if shell in _GIVEN:
        return _GIVEN[shell]
    words = [word for word in shell.split() if word != "{0}"]
    if not words or words[0].rpartition("/")[2] not in SHELLS or "{0}" not in shell:
        return None
    return shell_options(words)


def step_script(run: StepRun, job: JobRun) -> Script | None:
    """Return the script of a step; None where it has none, or in a language that is not read here.

    Expressions whose value is known and harmless to the shell are in their place already; the others are
    variables by the name of the expression.
    """
    written = run.step.run
    is_windows = not run.shell and any("windows" in label.lower() for label in job.job.runs_on)
    options = options_of(run.shell)
    if written is None or options is None or is_windows:
        return None
    text = "".join(
        _inserted(part.text, run.scope) if part.is_expression else part.text for part in parts(written.text)
    )
    if written.first:
        return read_script(text, line=written.first, options=options)
    return read_script(text, line=written.location.line, options=options)


def _inserted(expression: str, scope: Scope) -> str:
    written = f"${{{{ {expression} }}}}"
    value = filled(written, scope)
    return value if is_known(value) and _HARMLESS.fullmatch(value) is not None else written


def step_commands(run: StepRun, job: JobRun, script: Script) -> tuple[Executed, ...]:
    """Return the programs that the script of a step runs."""
    root = job.own_checkouts[0] if job.own_checkouts else ""
    return follow(script, folder=run.folder, lookup=run.scope.variable, root=root)

"""Gates that are made of grep: whether they fail when the word is found.

Rules: POSIX.1-2017, "grep" (0 where a line is selected, 1 where none is), and those of `shell.outcomes`.
"""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.dockerfiles.shell.arguments import syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.outcomes import Sense, sense_of
from fleet_audit.audit.dockerfiles.workflows.pictures import MAX_SCANS, Picture
from fleet_audit.audit.dockerfiles.workflows.scanning import short
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation

_GREPS = frozenset({"grep", "egrep", "fgrep", "rg", "zgrep"})
_SEVERITY = re.compile(r"\b(?:CRITICAL|HIGH)\b")
_GREP = syntax(
    "-e --regexp -f --file -m --max-count -A -B -C --context --include --exclude --exclude-dir --label -d -D",
    "--quiet --silent --count --ignore-case --no-messages --extended-regexp --fixed-strings --recursive",
)
_KINDS = {
    Sense.FAILS_WHEN_TRUE: (GateFaultKind.GREP, "it reads a report as text"),
    Sense.FAILS_WHEN_FALSE: (GateFaultKind.GREP_INVERTED, "it fails where the word is not found"),
    Sense.NEVER_FAILS: (GateFaultKind.GREP_PASSES, "what it finds fails nothing"),
}


def grep_faults(picture: Picture) -> Iterator[GateFault]:
    """Yield the commands of a job that look for the severity of a finding with grep."""
    for at, commands in picture.commands.items():
        path = picture.job.steps[at].step.location.path
        asking = (each for each in commands if each.program in _GREPS and _asks_severity(each))
        for command in islice(asking, MAX_SCANS):
            sense = sense_of(picture.scripts[at], command.command)
            if sense is None:
                continue
            kind, detail = _KINDS[sense]
            yield GateFault(
                kind=kind,
                location=SourceLocation(path, command.line),
                name=f"{picture.job.job.id}/{short(' '.join(command.arguments))}",
                job=picture.job.job.id,
                gate=short(" ".join((command.program, *command.arguments))),
                detail=detail,
            )


def _asks_severity(command: Executed) -> bool:
    arguments = _GREP.read(command.arguments)
    patterns = arguments.values("-e", "--regexp") or arguments.rest[:1]
    is_inverted = arguments.has("-v", "--invert-match", "-c", "--count", "-L", "--files-without-match")
    return not is_inverted and any(_SEVERITY.search(pattern) for pattern in patterns)

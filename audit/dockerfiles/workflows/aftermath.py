"""What the steps of a job do with what its scans leave: reports, and how steps ended."""

import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.dockerfiles.workflows.builds import uses_action
from fleet_audit.audit.dockerfiles.workflows.conditions import paths_in
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture
from fleet_audit.audit.dockerfiles.workflows.running import StepRun
from fleet_audit.audit.model.workflows import Step

_SHOWING = frozenset({"echo", "cat", "printf"})
_WORD = re.compile(r"[\w.-]+")


class Aftermath(msgspec.Struct, frozen=True):
    """The last step that uploads a report (-1 where none does), words of commands, and ids of steps.

    `words` have the last two places, step and offset in its script, of the commands that are given them;
    `asked` are steps whose outcome something asks for (``steps.ID.outcome``).
    """

    last_upload: int
    words: dict[str, list[tuple[int, int]]]
    asked: frozenset[str]


def aftermath(picture: Picture) -> Aftermath:
    """Return what the steps of a job do with what its scans leave; without a scan nothing is looked at."""
    if not picture.scans:
        return Aftermath(-1, {}, frozenset())
    uploads = [at for at, run in enumerate(picture.job.steps) if _uploads(run)]
    words: dict[str, list[tuple[int, int]]] = {}
    for at, commands in picture.commands.items():
        for command in commands:
            if command.program not in _SHOWING:
                for word in {word for text in command.arguments for word in _WORD.findall(text)}:
                    words[word] = [*words.get(word, [])[-1:], (at, command.command.start)]
    return Aftermath(max(uploads, default=-1), words, frozenset(_asked(picture)))


def _uploads(run: StepRun) -> bool:
    """Say whether a step hands a report to GitHub's code scanning."""
    uses = run.step.uses
    return uses is not None and uses_action(run, "github/codeql-action") and uses.path == "upload-sarif"


def _asked(picture: Picture) -> Iterator[str]:
    texts = [text for run in picture.job.steps for text in _texts(run.step)]
    texts += [text.text for _, text in picture.job.job.outputs]
    for text in texts:
        for path in paths_in(text):
            if path[0] == "steps" and path[2:] == ("outcome",):
                yield path[1]


def _texts(step: Step) -> Iterator[str]:
    if step.condition is not None:
        yield step.condition.text
    for written in (step.run, *(text for _, text in (*step.env, *step.given))):
        if written is not None and "${{" in written.text:
            yield written.text

"""What hadolint says of the same Dockerfiles, where it is asked for."""

from pathlib import Path

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.repository.grounds import Examined
from fleet_audit.audit.policy.dockerfile_subjects import opinion_subjects
from fleet_audit.audit.tools.hadolint import ADVICE, NAME, second_opinions
from fleet_audit.audit.tools.process import ToolError


class SecondOpinions:
    """Asks hadolint about the Dockerfiles of a repository on this machine."""

    def __init__(self, root: Path, program: Path | None) -> None:
        """Take the repository's root, and hadolint; None where it is not installed."""
        self._root = root
        self._program = program

    def examine(self, repository: Repository) -> Examined:
        """Return one subject for each of its remarks; a gap where it gives no answer."""
        if self._program is None:
            return _failed(f"it is not installed: {ADVICE}")
        paths = [path for path in repository.files(FileRole.DOCKERFILE) if repository.text(path) is not None]
        try:
            return Examined(opinion_subjects(second_opinions(self._program, self._root, paths)))
        except ToolError as e:
            return _failed(str(e))


def instruction_span(repository: Repository, place: SourceLocation) -> tuple[int, int]:
    """Return the first and last line of the instruction that a place of a Dockerfile lies in."""
    is_dockerfile = place.path in repository.files(FileRole.DOCKERFILE)
    dockerfile = repository.dockerfile(place.path) if is_dockerfile else None
    for instruction in () if dockerfile is None else dockerfile.instructions:
        if instruction.line <= place.line <= instruction.last_line:
            return instruction.line, instruction.last_line
    return place.line, place.line


def _failed(why: str) -> Examined:
    return Examined(gaps=(Gap("dockerfiles", GapKind.TOOL_FAILED, NAME, why),))

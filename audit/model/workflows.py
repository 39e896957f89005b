"""GitHub workflows as they are written: values that the checks exchange.

Terms are those of GitHub's documentation, "Workflow syntax for GitHub Actions". Texts may hold expressions
(``${{ matrix.name }}``); nothing is worked out in these values except the combinations of a matrix.
"""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Written(msgspec.Struct, frozen=True):
    """A text, and where it stands. `first` is the line of its first line where its lines are the file's."""

    text: str
    location: SourceLocation
    first: int = 0

    def line(self, number: int) -> int:
        """Return the line in the file of the text's line `number`, from 1."""
        return self.first + number - 1 if self.first else self.location.line


Settings = tuple[tuple[str, Written], ...]
"""Names with texts, in the order of the file: ``env``, ``with``."""


class ActionKind(StrEnum):
    """Where what a step or job uses comes from."""

    REPOSITORY = "repository"
    LOCAL = "local"
    DOCKER = "docker"
    UNKNOWN = "unknown"


class ActionUse(msgspec.Struct, frozen=True):
    """What ``uses`` names. An action of a repository is ``name/path@ref``, `name` being ``owner/repository``.

    For a local action `path` is its folder (or workflow) below the repository's root; for an image `name` is
    the reference behind ``docker://``.
    """

    kind: ActionKind
    written: Written
    name: str = ""
    path: str = ""
    ref: str = ""

    @property
    def is_pinned(self) -> bool:
        """Say whether the reference is a whole commit, which nobody can move."""
        return len(self.ref) in (40, 64) and set(self.ref) <= set("0123456789abcdef")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step. Empty texts and None stand for keys that are not given.

    `steps` are those of a local composite action that it uses, with `inputs`, the defaults of the action.
    """

    location: SourceLocation
    id: str = ""
    name: str = ""
    uses: ActionUse | None = None
    run: Written | None = None
    given: Settings = ()
    env: Settings = ()
    working_directory: str = ""
    shell: str = ""
    condition: Written | None = None
    continue_on_error: Written | None = None
    steps: "tuple[Step, ...]" = ()
    inputs: Settings = ()


Combination = tuple[tuple[str, str | None], ...]
"""The matrix of one run of a job: dotted names in small letters, None for what an expression gives."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `combinations` is one for each of its runs: an empty one where it has no matrix.

    `is_matrix_known` is false where an expression makes the matrix: how many runs it has is not known then.
    `calls` is the workflow that it consists of, and `given` what it hands to it.
    """

    id: str
    location: SourceLocation
    name: str = ""
    needs: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ()
    condition: Written | None = None
    continue_on_error: Written | None = None
    combinations: tuple[Combination, ...] = ((),)
    is_matrix_known: bool = True
    env: Settings = ()
    working_directory: str = ""
    shell: str = ""
    container: Written | None = None
    services: Settings = ()
    outputs: Settings = ()
    calls: ActionUse | None = None
    given: Settings = ()
    steps: tuple[Step, ...] = ()


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """An event that starts a workflow, and the filters on it as they are written."""

    event: str
    location: SourceLocation
    types: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    branches_ignore: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tags_ignore: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    paths_ignore: tuple[str, ...] = ()


class RepeatedKey(msgspec.Struct, frozen=True):
    """A key that is given twice; `key` is its dotted path, `location` the later one."""

    key: str
    location: SourceLocation
    message: str


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One workflow. `inputs` are those that a dispatch or a call gives, with their defaults, by name."""

    path: str
    name: str = ""
    triggers: tuple[Trigger, ...] = ()
    inputs: Settings = ()
    env: Settings = ()
    working_directory: str = ""
    shell: str = ""
    jobs: tuple[Job, ...] = ()
    repeated: tuple[RepeatedKey, ...] = ()

    def job(self, name: str) -> Job | None:
        """Return the job of this id."""
        return next((job for job in self.jobs if job.id == name), None)

"""The repository's GitHub workflows, with the composite actions of its own that they use.

Rules: docs.github.com, "Workflow syntax for GitHub Actions" and "Metadata syntax for GitHub Actions".
"""

from collections.abc import Callable

import msgspec

from fleet_audit.audit.configuration.located import Located, View
from fleet_audit.audit.configuration.problems import Problem
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.matrix import read_matrix
from fleet_audit.audit.dockerfiles.workflows.texts import (
    Lines,
    place,
    plain,
    plain_texts,
    settings,
    written,
)
from fleet_audit.audit.dockerfiles.workflows.uses import below, read_use
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import (
    ActionKind,
    ActionUse,
    Job,
    RepeatedKey,
    Settings,
    Step,
    Trigger,
    Workflow,
    Written,
)

MAX_NESTED_STEPS = 1000
_FOLDER = ".github/workflows/"
_REPEATED = "this key is given twice"


class _Composite(msgspec.Struct, frozen=True):
    """A composite action: its steps, the defaults of its inputs, and how many steps it is in all."""

    steps: tuple[Step, ...] = ()
    inputs: Settings = ()
    size: int = 0


_NONE = _Composite()
_Uses = Callable[[ActionUse], _Composite]


def workflows(repository: Repository) -> tuple[Workflow, ...]:
    """Return the workflows that GitHub would run, in order of their paths.

    Those are the ones at the root alone. What cannot be read is a gap.
    """
    paths = (path for path in repository.files(FileRole.WORKFLOW) if path.startswith(_FOLDER))
    actions = _Composites(repository)
    found = (_workflow(path, repository, actions) for path in paths)
    return tuple(workflow for workflow in found if workflow is not None)


def workflow_at(path: str, repository: Repository) -> Workflow | None:
    """Return one workflow, wherever it stands; None, and a gap, where it cannot be read."""
    return _workflow(path, repository, _Composites(repository))


def _workflow(path: str, repository: Repository, actions: "_Composites") -> Workflow | None:
    opened = _opened(path, repository)
    if opened is None:
        return None
    view, lines, problems = opened
    reader = _Reader(repository, lines, actions.composite)
    return Workflow(
        path=path,
        name=plain(view.get("name")),
        triggers=_triggers(view.get("on"), lines),
        inputs=_defaults(view.get("on"), lines),
        env=settings(view.get("env"), lines),
        working_directory=plain(view.get("defaults").get("run").get("working-directory")),
        shell=plain(view.get("defaults").get("run").get("shell")),
        jobs=tuple(_job(name, job, reader) for name, job in view.get("jobs").entries()),
        repeated=_repeated(problems),
    )


def _opened(path: str, repository: Repository) -> tuple[View, Lines, tuple[Problem, ...]] | None:
    foreign, text = repository.yaml(path), repository.text(path)
    if foreign is None or text is None:
        return None
    document = foreign.documents[0] if foreign.documents else Located(path, None, {})
    if not isinstance(document.value, dict):
        repository.report(path, "holds no mapping: GitHub takes it for no workflow or action")
        return None
    return document.view(), Lines(path, tuple(text.split("\n"))), foreign.problems


def _repeated(problems: tuple[Problem, ...]) -> tuple[RepeatedKey, ...]:
    return tuple(
        RepeatedKey(problem.key, SourceLocation(problem.file, problem.line), problem.message)
        for problem in problems
        if problem.message.startswith(_REPEATED)
    )


def _triggers(view: View, lines: Lines) -> tuple[Trigger, ...]:
    if isinstance(view.value, dict):
        return tuple(_trigger(event, filters, lines) for event, filters in view.entries())
    location = place(view, lines)
    return tuple(Trigger(event=event, location=location) for event in plain_texts(view))


def _trigger(event: str, view: View, lines: Lines) -> Trigger:
    return Trigger(
        event=event,
        location=place(view, lines),
        types=plain_texts(view.get("types")),
        branches=plain_texts(view.get("branches")),
        branches_ignore=plain_texts(view.get("branches-ignore")),
        tags=plain_texts(view.get("tags")),
        tags_ignore=plain_texts(view.get("tags-ignore")),
        paths=plain_texts(view.get("paths")),
        paths_ignore=plain_texts(view.get("paths-ignore")),
    )


def _defaults(triggers: View, lines: Lines) -> Settings:
    """Return the inputs that have a default, of a dispatch and of a call."""
    found: dict[str, Written] = {}
    for event in ("workflow_call", "workflow_dispatch"):
        for name, declared in triggers.get(event).get("inputs").entries():
            default = written(declared.get("default"), lines)
            if default is not None:
                found[name] = default
    return tuple(found.items())


class _Reader:
    """Reads the parts of one file that several of its places have."""

    def __init__(self, repository: Repository, lines: Lines, composite: _Uses) -> None:
        self.repository = repository
        self.lines = lines
        self.size = 0
        """How many steps the actions are that were used so far."""
        self._composite = composite

    def use(self, view: View) -> ActionUse | None:
        text = written(view, self.lines)
        return None if text is None else read_use(text)

    def composite(self, use: ActionUse | None) -> _Composite:
        if use is None:
            return _NONE
        found = self._composite(use)
        if self.size + found.size > MAX_NESTED_STEPS:
            why = f"uses actions of more than {MAX_NESTED_STEPS} steps in all; the further ones are not read"
            self.repository.report(self.lines.path, why, kind=GapKind.LIMIT_REACHED)
            return _NONE
        self.size += found.size
        return found


def _job(name: str, view: View, reader: _Reader) -> Job:
    lines = reader.lines
    matrix = read_matrix(view.get("strategy").get("matrix"))
    location = place(view, lines)
    if matrix.problem:
        reader.repository.report(lines.path, matrix.problem, line=location.line, kind=GapKind.NOT_EXAMINED)
    run = view.get("defaults").get("run")
    return Job(
        id=name,
        location=location,
        name=plain(view.get("name")),
        needs=plain_texts(view.get("needs")),
        runs_on=plain_texts(view.get("runs-on")),
        condition=written(view.get("if"), lines),
        continue_on_error=written(view.get("continue-on-error"), lines),
        combinations=matrix.combinations,
        is_matrix_known=matrix.is_known,
        env=settings(view.get("env"), lines),
        working_directory=plain(run.get("working-directory")),
        shell=plain(run.get("shell")),
        container=_image(view.get("container"), lines),
        services=_images(view.get("services"), lines),
        outputs=settings(view.get("outputs"), lines),
        calls=reader.use(view.get("uses")),
        given=settings(view.get("with"), lines),
        steps=_steps(view.get("steps"), reader),
    )


def _image(view: View, lines: Lines) -> Written | None:
    """Return the image of a container, which is a text itself or stands under ``image``."""
    return written(view.get("image") if isinstance(view.value, dict) else view, lines)


def _images(view: View, lines: Lines) -> Settings:
    found = ((name, _image(service, lines)) for name, service in view.entries())
    return tuple((name, image) for name, image in found if image is not None)


def _steps(view: View, reader: _Reader) -> tuple[Step, ...]:
    return tuple(_step(step, reader) for step in view.elements() if isinstance(step.value, dict))


def _step(view: View, reader: _Reader) -> Step:
    lines = reader.lines
    uses = reader.use(view.get("uses"))
    composite = reader.composite(uses)
    return Step(
        location=place(view, lines),
        id=plain(view.get("id")),
        name=plain(view.get("name")),
        uses=uses,
        run=written(view.get("run"), lines),
        given=settings(view.get("with"), lines),
        env=settings(view.get("env"), lines),
        working_directory=plain(view.get("working-directory")),
        shell=plain(view.get("shell")),
        condition=written(view.get("if"), lines),
        continue_on_error=written(view.get("continue-on-error"), lines),
        steps=composite.steps,
        inputs=composite.inputs,
    )


class _Composites:
    """The steps of the repository's own composite actions, each read once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._read: dict[str, _Composite] = {}

    def composite(self, use: ActionUse) -> _Composite:
        """Return the steps of a local action; none for any other."""
        if use.kind is not ActionKind.LOCAL or use.path.endswith((".yml", ".yaml")):
            return _NONE
        if use.path not in self._read:
            # Until it is read it stands for nothing: an action that uses itself ends here.
            self._read[use.path] = _NONE
            self._read[use.path] = self._opened(use.path)
        return self._read[use.path]

    def _opened(self, folder: str) -> _Composite:
        paths = (below(folder, name) for name in ("action.yml", "action.yaml"))
        path = next((path for path in paths if path and self._repository.holds(path)), None)
        opened = None if path is None else _opened(path, self._repository)
        if opened is None:
            return _NONE
        view, lines, _ = opened
        reader = _Reader(self._repository, lines, self.composite)
        steps = _steps(view.get("runs").get("steps"), reader)
        return _Composite(steps, _action_defaults(view.get("inputs"), lines), len(steps) + reader.size)


def _action_defaults(view: View, lines: Lines) -> Settings:
    found = ((name, written(declared.get("default"), lines)) for name, declared in view.entries())
    return tuple((name, default) for name, default in found if default is not None)

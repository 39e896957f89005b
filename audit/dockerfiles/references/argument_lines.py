"""The lines that give build arguments their values."""

from collections.abc import Iterable, Iterator

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.bake import bake_blocks
from fleet_audit.audit.dockerfiles.contexts.hcl import Block
from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.builds import build_location
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import Step, Workflow, Written


class ArgumentLines:
    """Where builds of the manifest, of compose files and of workflows give their arguments."""

    def __init__(
        self, repository: Repository, fleet: Fleet | None = None, workflows: Iterable[Workflow] = ()
    ) -> None:
        """Take what may speak of builds."""
        self._repository = repository
        self._targets: dict[str, list[Block]] = {}
        self._manifest = None if fleet is None else ManifestLines(fleet, repository)
        self._steps = {
            build_location(step): text
            for workflow in workflows
            for job in workflow.jobs
            for step in _steps(job.steps)
            for name, text in step.given
            if name == "build-args"
        }

    def of(self, build: Build, name: str) -> SourceLocation:
        """Return the line that gives an argument; that of the build where no line of its own does.

        In a bake file it is the line where the arguments begin.
        """
        match build.origin:
            case BuildOrigin.MANIFEST:
                return self._in_manifest(build, name)
            case BuildOrigin.COMPOSE:
                return self._in_compose(build, name)
            case BuildOrigin.WORKFLOW:
                written = self._steps.get(build.location)
                return build.location if written is None else _in_text(written, name)
            case BuildOrigin.BAKE:
                return self.of_target(build, "args")
            case _:
                return build.location

    def of_target(self, build: Build, attribute: str) -> SourceLocation:
        """Return the line where an attribute of bake's target begins, in the file that the build names."""
        path = build.location.path
        if path not in self._targets:
            self._targets[path] = [
                block for block in bake_blocks(self._repository, path) if block.kind == "target"
            ]
        for block in self._targets[path]:
            if build.name in block.labels and attribute in block.attributes:
                return SourceLocation(path, block.attributes[attribute].line)
        return build.location

    def _in_manifest(self, build: Build, name: str) -> SourceLocation:
        services = self._manifest.manifest.services if self._manifest is not None else ()
        for service in services:
            if self._manifest is not None and service.name in build.services and name in service.build_args:
                return self._manifest.of(service, "build_args", name)
        return build.location

    def _in_compose(self, build: Build, name: str) -> SourceLocation:
        read = self._repository.yaml(build.location.path)
        for document in read.documents[:1] if read is not None else ():
            args = document.view("services", build.name, "build", "args")
            for key, entry in _given(args):
                if key == name:
                    return SourceLocation(build.location.path, document.line(entry.path))
        return build.location


def _steps(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _steps(step.steps)


def _given(args: View) -> Iterator[tuple[str, View]]:
    yield from args.entries()
    for written, entry in args.texts():
        yield written.partition("=")[0], entry


def _in_text(written: Written, name: str) -> SourceLocation:
    for number, line in enumerate(written.text.split("\n"), 1):
        if line.partition("=")[0].strip() == name:
            return SourceLocation(written.location.path, written.line(number))
    return written.location

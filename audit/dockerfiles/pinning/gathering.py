"""What a whole repository installs and fetches: in Dockerfiles, workflows, scripts, and what those read."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.language.expansion import Scopes, scopes
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.dockerfiles.pinning.hashes import StatedHash, impossible, shared_hashes
from fleet_audit.audit.dockerfiles.pinning.instructions import OwnImages, instruction_practices, merged
from fleet_audit.audit.dockerfiles.pinning.origins import Origins
from fleet_audit.audit.dockerfiles.pinning.practices import file_practices, trusted
from fleet_audit.audit.dockerfiles.pinning.records import without_passwords
from fleet_audit.audit.dockerfiles.pinning.releases import words_of_tag
from fleet_audit.audit.dockerfiles.pinning.requirement_files import RequirementFiles
from fleet_audit.audit.dockerfiles.pinning.scripts import (
    Ran,
    dockerfile_scripts,
    make_files,
    shell_files,
    workflow_scripts,
)
from fleet_audit.audit.dockerfiles.pinning.steps import Surroundings
from fleet_audit.audit.dockerfiles.pinning.trust import (
    of_pip_configuration,
    of_requirements,
    of_source_lines,
    of_stanzas,
)
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.installs import HashClaim, Practised
from fleet_audit.audit.model.workflows import Workflow

_CONFIGURATION = "configuration"
MAX_HASHES = 200_000


def gathered_practices(
    repository: Repository,
    builds: Iterable[Build],
    workflows: Iterable[Workflow],
    knowledge: Knowledge,
    own: OwnImages,
) -> tuple[Practised, ...]:
    """Return everything that rules on installations may judge, each record once, in order of places."""
    gatherer = _Gatherer(repository, tuple(builds), knowledge, own)
    return merged(map(without_passwords, gatherer.practices(workflows)))


class _Gatherer:
    def __init__(
        self, repository: Repository, builds: Sequence[Build], knowledge: Knowledge, own: OwnImages
    ) -> None:
        self._repository = repository
        self._contexts = _contexts(builds)
        self._knowledge = knowledge
        self._own = own
        self._files = RequirementFiles(repository)

    def practices(self, workflows: Iterable[Workflow]) -> Iterator[Practised]:
        named = {path for path in self._contexts if self._repository.holds(path)}
        for path in sorted({*self._repository.files(FileRole.DOCKERFILE), *named}):
            dockerfile = self._repository.dockerfile(path)
            if dockerfile is not None and not dockerfile.foreign_frontend:
                yield from self._of_dockerfile(path, dockerfile)
        others = sorted(
            (
                *workflow_scripts(workflows),
                *shell_files(self._repository),
                *make_files(self._repository),
            ),
            key=lambda ran: ran.path,
        )
        for _, scripts in groupby(others, key=lambda ran: ran.path):
            yield from file_practices((ran, self._around()) for ran in scripts)
        for path in self._repository.files(FileRole.PIP_CONFIGURATION):
            for trust in of_pip_configuration(self._repository.text(path) or ""):
                yield trusted(trust, path, _CONFIGURATION, program="pip")
        for path in self._repository.files(FileRole.APT_SOURCES):
            read = of_stanzas if path.endswith(".sources") else of_source_lines
            for trust in read(self._repository.text(path) or ""):
                yield trusted(trust, path, _CONFIGURATION, program="apt")
        yield from self._of_requirements()

    def _of_dockerfile(self, path: str, dockerfile: Dockerfile) -> Iterator[Practised]:
        values = scopes(dockerfile)
        yield from instruction_practices(path, dockerfile, values, self._own)
        origins = Origins(self._repository, dockerfile, values, self._likely_contexts(path))
        scripts = dockerfile_scripts(self._repository, path, dockerfile, values)
        yield from file_practices((ran, self._in_image(ran, origins, values)) for ran in scripts)

    def _in_image(self, ran: Ran, origins: Origins, values: Scopes) -> Surroundings:
        stage, instruction = ran.stage, ran.instruction
        if stage is None or instruction is None:
            return self._around()
        return Surroundings(
            self._knowledge,
            self._files,
            lambda path: origins.find(path, stage, instruction),
            origins.folder(instruction),
            words_of_tag(stage, values),
        )

    def _around(self) -> Surroundings:
        """Return where a script runs that is no part of an image: in the repository's root, most likely."""
        return Surroundings(self._knowledge, self._files, self._in_repository, "/")

    def _in_repository(self, path: str) -> str | None:
        relative = path.lstrip("/")
        return relative if relative and self._repository.holds(relative) else None

    def _likely_contexts(self, path: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._contexts.get(path, ()), ".", posixpath.dirname(path) or ".")))

    def _of_requirements(self) -> Iterator[Practised]:
        stated: list[StatedHash] = []
        for path in sorted({*self._repository.files(FileRole.REQUIREMENTS), *self._files.paths()}):
            asked = [*self._files.asked(path)]
            is_hashed = bool(asked) and all(each.hashes for each in asked)
            for setting, location in self._files.settings(path):
                for trust in of_requirements(setting, location.line):
                    yield trusted(trust, path, _CONFIGURATION, program="pip", is_hashed=is_hashed)
            stated += [each for one in asked for each in one.hashes]
        for each in stated[:MAX_HASHES]:
            problem = impossible(each.algorithm, each.digest)
            if problem:
                yield _claim(each, problem)
        for shared in shared_hashes(stated[:MAX_HASHES]):
            found = _claim(shared.stated, "shared", shared.others)
            yield msgspec.structs.replace(found, related=(shared.first,))


def _claim(stated: StatedHash, problem: str, others: tuple[str, ...] = ()) -> Practised:
    path = stated.location.path
    claim = HashClaim(path, stated.requirement[:80], stated.algorithm, stated.digest[:140], problem, others)
    return Practised(claim, f"hash:{problem}:{stated.requirement[:80]}", stated.location)


def _contexts(builds: Sequence[Build]) -> Mapping[str, tuple[str, ...]]:
    """Return the contexts of each Dockerfile, in the order of the builds."""
    found: dict[str, dict[str, None]] = {}
    for build in builds:
        if build.dockerfile:
            contexts = found.setdefault(build.dockerfile, {})
            if build.context and "context" not in build.unknown:
                contexts[build.context] = None
    return {path: tuple(contexts) for path, contexts in found.items()}

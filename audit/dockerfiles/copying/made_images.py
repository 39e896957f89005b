"""What the images that the repository makes hold, and what they keep for those that start from them."""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts, Found
from fleet_audit.audit.dockerfiles.copying.kept import Kept, kept_by
from fleet_audit.audit.dockerfiles.copying.stage_contents import StageContents
from fleet_audit.audit.dockerfiles.copying.takings import Taking
from fleet_audit.audit.dockerfiles.language.expansion import Scopes, scopes
from fleet_audit.audit.dockerfiles.language.structure import Stage
from fleet_audit.audit.dockerfiles.running.bases import full_name, making_of, makings
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Fleet


class _Image(msgspec.Struct, frozen=True):
    build: Build
    stage: Stage
    contents: StageContents


class MadeImages:
    """The images that the builds of a repository make, by their names."""

    def __init__(self, contexts: Contexts, builds: Iterable[Build], fleet: Fleet | None) -> None:
        """Take the contexts of the repository, and its builds."""
        builds = tuple(builds)
        self._contexts = contexts
        self._makings = makings(builds, fleet)
        self._builds = {making_of(build): build for build in reversed(builds)}
        self._images: dict[str, _Image | None] = {}

    def find(self, reference: str, taking: Taking) -> Found | None:
        """Return whether an image has what is taken from it; None for one that the repository does not make.

        It may have been built from another state of the repository: a "no" is never certain.
        """
        image = self._image(reference)
        if image is None:
            return None
        found, _ = image.contents.find(image.stage, taking)
        if found.exists is False:
            return replace(found, reason=f"nothing in {image.build.dockerfile} makes /{taking.path}")
        return found

    def kept_at(self, stage: Stage, values: Scopes, path: str) -> Iterator[Kept]:
        """Yield what is carried out at the FROM of a stage of the Dockerfile at `path`."""
        parent, base = values.parent(stage), values.base(stage)
        for kept in (
            self._kept(base.value if base.is_known else "") if parent is None else kept_by(parent, path)
        ):
            yield replace(kept, instruction=replace(kept.instruction, line=stage.line))

    def _kept(self, reference: str) -> Iterator[Kept]:
        image = self._image(reference)
        return iter(()) if image is None else kept_by(image.stage, image.build.dockerfile)

    def _image(self, reference: str) -> _Image | None:
        name = full_name(reference)
        if name not in self._images:
            making = self._makings.get(name)
            self._images[name] = None if making is None else self._made(self._builds[making])
        return self._images[name]

    def _made(self, build: Build) -> _Image | None:
        dockerfile = self._contexts.repository.dockerfile(build.dockerfile)
        stage = None if dockerfile is None else dockerfile.target(build.target)
        if dockerfile is None or stage is None:
            return None
        given = {name: value for name, value in build.args if value is not None}
        context = self._contexts.files(build.context or ".")
        values = scopes(dockerfile, given, target=build.target)
        return _Image(build, stage, StageContents(dockerfile, values, context.kind))

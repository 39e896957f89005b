"""What an image and the repository have of a module or distribution to which no service leads."""

from collections.abc import Iterator
from contextlib import ExitStack

from packaging.utils import canonicalize_name

from fleet_audit.audit.images.tree import join, normalise
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.pipeline.reached.fitting import declared_distributions
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.scene import Scene, missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, Place, Side

Facts = tuple[tuple[str, str], ...]

_NOBODY = ("reached", "by no service: nothing that is followed leads to it")


class Unreached:
    """Answers for one image; a context manager that opens the image when it is first asked about."""

    def __init__(self, subject: Subject, shared: Shared, services: tuple[ServiceImports, ...]) -> None:
        """Take the subject and what its services were found to import."""
        self._subject = subject
        self._shared = shared
        self._services = services
        self._open = ExitStack()
        self._scene = self._opened()

    def __enter__(self) -> "Unreached":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the image."""
        self._open.close()

    def _opened(self) -> Scene | None:
        if self._subject.image is None or missing_image(self._subject) is not None:
            return None
        scene = open_scene(self._subject.image, self._shared.settings, python=self._subject.python)
        return self._open.enter_context(scene)

    def module(self, name: ModuleName) -> Facts:
        """Return where a module is to be found all the same; empty where it is nowhere."""
        found = (*self._module_in_image(name), *self._module_in_repository(name))
        return (*found, _NOBODY) if found else ()

    def distribution(self, name: DistributionName) -> Facts:
        """Return why a distribution is there, or who asks for it; empty where nobody knows it."""
        name = DistributionName(canonicalize_name(name))
        found = (*self._installed(name), *self._asked_for(name))
        return (*found, _NOBODY) if found else ()

    def _module_in_image(self, name: ModuleName) -> Iterator[tuple[str, str]]:
        scene = self._scene
        if scene is None or scene.interpreter is None:
            return
        places = tuple(Place(Side.IMAGE, folder) for folder in scene.interpreter.search_path)
        finder = Finder(
            {Side.IMAGE: scene.image.tree},
            places,
            scene.interpreter.suffixes,
            stdlib.COMPILED,
            scene.interpreter.redirects,
        )
        module = finder.find(name)
        if module is None:
            return
        place = _place(module)
        yield "in the image", "part of Python itself" if place is None else place
        owner = None if place is None else scene.distributions.owner(place)
        if owner is not None:
            yield "distribution", f"{owner} {scene.distributions.installed[owner].version}"

    def _module_in_repository(self, name: ModuleName) -> Iterator[tuple[str, str]]:
        sources = self._subject.sources
        if sources is None:
            return
        folders = ["."]
        for service in self._subject.services:
            folders += [*service.pythonpath, *service.source_paths]
        stem = name.replace(".", "/")
        paths = [normalise(f"{folder}/{stem}{end}") for folder in folders for end in (".py", "/__init__.py")]
        for path in dict.fromkeys(paths):
            if sources.realpath(path) is not None:
                yield "in the repository", path.removeprefix("/")

    def _installed(self, name: DistributionName) -> Iterator[tuple[str, str]]:
        installed = {} if self._scene is None else self._scene.distributions.installed
        if name not in installed:
            return
        found = installed[name]
        yield "installed", f"{found.version} in {found.info}"
        if (family := self._family(join(found.info, "METADATA")) or self._family(found.info)) is not None:
            yield "brought by", f"family:{family}"
        if users := sorted(other for other, each in installed.items() if name in each.requires):
            yield "required by", ", ".join(users)

    def _family(self, path: ImagePath) -> str | None:
        layer = None if self._scene is None else self._scene.image.layer_of(path)
        return None if layer is None else families_of_layers(self._subject, self._shared).get(layer.diff_id)

    def _asked_for(self, name: DistributionName) -> Iterator[tuple[str, str]]:
        for service in self._services:
            for required in service.requirements:
                if required.name == name:
                    yield "asked for", f"{required.location} of {service.service}"
        fleet, family = self._shared.fleet, self._subject.family
        if fleet is not None and family is not None and name in declared_distributions(fleet, family):
            yield "asked for", f"must_contain_pip of {family}, or of a family above it"


def _place(module: Module) -> ImagePath | None:
    if module.file is not None:
        return module.file.path
    return module.folders[0].path if module.folders else None

"""What the images below would run: those that this repository makes, and well-known ones."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.language.structure import Instruction, Stage
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.configuration import Step, Use, effective, every_step
from fleet_audit.audit.dockerfiles.shell.instructions import run_scripts
from fleet_audit.audit.dockerfiles.shell.script import Script
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.running import RunConfiguration

MAX_CHAIN: Final = 40
"""Images that are built one on the other; more are not followed."""

Making = tuple[str, str, tuple[tuple[str, str], ...]]
"""A Dockerfile, the stage that is built, and the build arguments that are known."""

KnownImage = Callable[[str], RunConfiguration | None]
"""Returns what an image of others would run, by its reference; None where that is not known."""


def makings(builds: Iterable[Build], fleet: Fleet | None) -> Mapping[str, Making]:
    """Return which Dockerfile makes an image, by the image's full name without a tag.

    A name that several Dockerfiles or stages make has no place here: it is not known which of them is meant.
    """
    found: defaultdict[str, dict[tuple[str, str], Making]] = defaultdict(dict)
    for build in builds:
        if not build.dockerfile:
            continue
        for name in (*_family_names(build, fleet), *build.tags):
            full = full_name(name)
            if full:
                found[full].setdefault((build.dockerfile, build.target), making_of(build))
    return {name: next(iter(made.values())) for name, made in found.items() if len(made) == 1}


def making_of(build: Build) -> Making:
    """Return what a build makes, as far as it is known."""
    args = tuple((name, value) for name, value in build.args if value is not None)
    return build.dockerfile, build.target, args


def full_name(reference: str) -> str:
    """Return the registry and repository of a reference; empty where it is none."""
    try:
        return parse_reference(reference).name
    except ReferenceInvalid:
        return ""


def _family_names(build: Build, fleet: Fleet | None) -> list[str]:
    if fleet is None:
        return []
    prefix = fleet.manifest.registry.prefix
    families = [name for name in build.families if name in fleet.manifest.families]
    names = [*families, *(alias for name in families for alias in fleet.manifest.families[name].aliases)]
    return [f"{prefix}/{name}" if prefix else name for name in names]


class Bases:
    """What images would run that Dockerfiles of the repository make; each is worked out once."""

    def __init__(self, repository: Repository, makings: Mapping[str, Making], known: KnownImage) -> None:
        """Take the repository, what it makes under which name, and what is known of images of others."""
        self._repository = repository
        self._makings = makings
        self._known = known
        self._found: dict[Making, RunConfiguration | None] = {}
        self._open: list[Making] = []
        self._runs: dict[tuple[str, int], tuple[tuple[Instruction, Script], ...]] = {}
        self._uses: dict[Making, Use | None] = {}
        self._steps: dict[Making, tuple[Step, ...]] = {}
        self._bases: dict[Making, Making | None] = {}

    def use(self, making: Making) -> Use | None:
        """Return a Dockerfile as it is built; None where it cannot be read."""
        if making not in self._uses:
            path, target, args = making
            dockerfile = self._repository.dockerfile(path) if self._repository.holds(path) else None
            self._uses[making] = None if dockerfile is None else Use(dockerfile, path, target, dict(args))
        return self._uses[making]

    def steps(self, making: Making) -> tuple[Step, ...]:
        """Return what the Dockerfile itself does in all its stages, in order; each is worked out once."""
        if making not in self._steps:
            use = self.use(making)
            self._steps[making] = () if use is None else tuple(every_step(use, self.below))
        return self._steps[making]

    def of(self, making: Making) -> RunConfiguration | None:
        """Return what an image would run; None where it has no such stage, or its file cannot be read.

        Images that are built on themselves are not known: nothing can build them.
        """
        if making not in self._found:
            self._found[making] = self._worked_out(making)
        return self._found[making]

    def below(self, reference: str) -> RunConfiguration | None:
        """Return what the image with a reference would run; None where nothing is known of it."""
        name = full_name(reference)
        making = self._makings.get(name)
        if making is None:
            return self._known(reference) if name else None
        if making in self._open or len(self._open) >= MAX_CHAIN:
            return None
        return self.of(making)

    def making(self, reference: str) -> Making | None:
        """Return what makes the image with a reference here; None where nothing does."""
        return self._makings.get(full_name(reference))

    def chain(self, making: Making) -> Iterator[tuple[Making, Use]]:
        """Yield a Dockerfile as it is built, and those of the images below it here, nearest first."""
        found: Making | None = making
        for _ in range(MAX_CHAIN):
            use = None if found is None else self.use(found)
            if found is None or use is None or use.stage is None:
                return
            yield found, use
            found = self._under(found, use)

    def lineage(self, making: Making) -> Iterator[tuple[Use, Stage]]:
        """Yield the stages that an image is built from, nearest first, those of images below it included."""
        for _, use in self.chain(making):
            yield from ((use, stage) for stage in use.lineage)

    def runs(self, use: Use, stage: Stage) -> tuple[tuple[Instruction, Script], ...]:
        """Return the RUNs of a stage with their scripts; each stage is read once."""
        key = (use.path, stage.index)
        if key not in self._runs:
            self._runs[key] = tuple(run_scripts(stage.instructions))
        return self._runs[key]

    def _under(self, making: Making, use: Use) -> Making | None:
        if making not in self._bases:
            self._bases[making] = self.making(use.values.base(use.lineage[-1]).value)
        return self._bases[making]

    def _worked_out(self, making: Making) -> RunConfiguration | None:
        use = self.use(making)
        if use is None:
            return None
        self._open.append(making)
        try:
            return effective(use, self.below)
        finally:
            self._open.pop()

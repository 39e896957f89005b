"""Which needed symbol versions the loaded libraries do not define (elf/dl-version.c of glibc)."""

from collections.abc import Iterator

from fleet_audit.audit.ldd.objects import Loaded
from fleet_audit.audit.ldd.process import Load
from fleet_audit.audit.model.elf import VersionNeed, VersionProblem
from fleet_audit.audit.model.identity import ImagePath


class VersionCheck:
    """Compares needs with definitions; each pair of files is compared once."""

    def __init__(self) -> None:
        """Begin with nothing compared."""
        self._compared: dict[tuple[ImagePath, int, ImagePath], tuple[VersionProblem, ...]] = {}
        self._defined: dict[ImagePath, frozenset[str]] = {}
        self._agreed: dict[ImagePath, list[ImagePath | None]] = {}
        """By file, for each of its needs, the last provider that had every version."""

    def problems(self, load: Load) -> tuple[VersionProblem, ...]:
        """Return what the loader would refuse, or die of, among the objects of one load.

        A library that is itself missing is not reported again, and weak needs are tolerated.
        """
        found: list[VersionProblem] = []
        for wanting in load.order:
            if wanting.facts.version_needs:
                self._check(wanting, load, found)
        return tuple(found)

    def _check(self, wanting: Loaded, load: Load, found: list[VersionProblem]) -> None:
        new, held = load.maps.called, load.process.maps.called
        needs = wanting.facts.version_needs
        agreed = self._agreed.get(wanting.path)
        if agreed is None:
            agreed = self._agreed[wanting.path] = [None] * len(needs)
        for index, need in enumerate(needs):
            provider = held.get(need.file) or new.get(need.file)
            if provider is None:
                if need.file not in load.unanswered:
                    why = f"no loaded library is called {need.file}: the loader's own check ends the process"
                    found.append(VersionProblem(need.file, _first(need), wanting.path, wanting.path, why))
            elif provider.path != agreed[index]:
                problems = self._compare(wanting, index, provider)
                found += problems
                if not problems:
                    agreed[index] = provider.path

    def _compare(self, wanting: Loaded, index: int, provider: Loaded) -> tuple[VersionProblem, ...]:
        key = (wanting.path, index, provider.path)
        if key not in self._compared:
            self._compared[key] = tuple(self._problems(wanting, wanting.facts.version_needs[index], provider))
        return self._compared[key]

    def _problems(self, wanting: Loaded, need: VersionNeed, provider: Loaded) -> Iterator[VersionProblem]:
        facts = provider.facts
        if not facts.version_definitions:
            # With a version table but no definitions the loader only warns.
            if not facts.has_version_table and (need.versions or need.weak):
                why = "the library has no symbol versions at all: the loader's own check ends the process"
                yield VersionProblem(need.file, _first(need), wanting.path, provider.path, why)
            return
        defined = self._defined.get(provider.path)
        if defined is None:
            defined = self._defined[provider.path] = frozenset(facts.version_definitions)
        for version in need.versions:
            if version not in defined:
                yield VersionProblem(need.file, version, wanting.path, provider.path)


def _first(need: VersionNeed) -> str:
    return next(iter((*need.versions, *need.weak)), "")

"""Which needed symbol versions the loaded libraries do not define (elf/dl-version.c of glibc)."""

from collections.abc import Callable, Iterator

from fleet_audit.audit.ldd.objects import Loaded
from fleet_audit.audit.ldd.process import Load
from fleet_audit.audit.model.elf import Resolved, VersionNeed, VersionProblem


class VersionCheck:
    """Compares needs with definitions; each pair of files is compared once."""

    def __init__(self) -> None:
        """Begin with nothing compared."""
        self._compared: dict[tuple[str, str, str], tuple[VersionProblem, ...]] = {}

    def problems(self, load: Load) -> tuple[VersionProblem, ...]:
        """Return what the loader would refuse, or die of, among the objects of one load.

        A library that is itself missing is not reported again, and weak needs are tolerated.
        """
        return tuple(self._problems(load))

    def _problems(self, load: Load) -> Iterator[VersionProblem]:
        def provider_of(file: str) -> Loaded | None:
            return load.maps.called.get(file) or load.process.maps.called.get(file)

        failed: set[str] = {r.soname for r in load.requests if not isinstance(r.resolution, Resolved)}
        for wanting in load.order:
            yield from self._of(wanting, provider_of, failed)

    def _of(
        self, wanting: Loaded, provider_of: Callable[[str], Loaded | None], failed: set[str]
    ) -> Iterator[VersionProblem]:
        for need in wanting.facts.version_needs:
            provider = provider_of(need.file)
            if provider is not None:
                key = (wanting.path, provider.path, need.file)
                if key not in self._compared:
                    self._compared[key] = tuple(_compare(wanting, need, provider))
                yield from self._compared[key]
            elif need.file not in failed:
                why = f"no loaded library is called {need.file}: the loader's own check ends the process"
                yield VersionProblem(need.file, _first(need), wanting.path, wanting.path, why)


def _compare(wanting: Loaded, need: VersionNeed, provider: Loaded) -> Iterator[VersionProblem]:
    facts = provider.facts
    if not facts.version_definitions:
        # With a version table but no definitions the loader only warns.
        if not facts.has_version_table and (need.versions or need.weak):
            why = "the library has no symbol versions at all: the loader's own check ends the process"
            yield VersionProblem(need.file, _first(need), wanting.path, provider.path, why)
        return
    defined = set(facts.version_definitions)
    for version in need.versions:
        if version not in defined:
            yield VersionProblem(need.file, version, wanting.path, provider.path)


def _first(need: VersionNeed) -> str:
    return next(iter((*need.versions, *need.weak)), "")

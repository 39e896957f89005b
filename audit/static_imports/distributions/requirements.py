"""What a service's requirement files name."""

from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.images.tree import FileTree, normalise
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import RequiredDistribution
from fleet_audit.audit.model.location import SourceLocation


class Required(msgspec.Struct, frozen=True):
    """One name of a requirement file, with the line that is the first to ask for it.

    `specifier` is PEP 440's. `is_constraint` where only a constraints file names it, `is_locked` where only a
    lock file does: nobody asked for it by name.
    """

    name: DistributionName
    location: SourceLocation
    specifier: str = ""
    is_constraint: bool = False
    is_locked: bool = False


class Requirements(msgspec.Struct, frozen=True):
    """What requirement files name, in the order of reading, and what of them could not be read."""

    every: tuple[Required, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def installs(self) -> dict[DistributionName, SourceLocation]:
        """Return what is installed from them: everything but mere constraints."""
        return {r.name: r.location for r in reversed(self.every) if not r.is_constraint}

    @property
    def asked(self) -> frozenset[DistributionName]:
        """Return what somebody asked for by name: neither constraints nor what a lock file brings along."""
        return frozenset(r.name for r in self.every if not (r.is_constraint or r.is_locked))


def read_requirements(
    sources: FileTree, paths: Iterable[str], markers: Mapping[str, str] | None = None
) -> Requirements:
    """Read requirement files, and what they include, inside `sources`.

    Read are pip's format, pyproject.toml, Pipfile, and the locks of uv, poetry, PDM and pipenv; a file of
    another form is a gap. A requirement whose environment marker does not hold for `markers` (PEP 508) is
    none; without `markers`, or where one cannot be evaluated, it is one. Files that cannot be read, and lines
    that do not tell what they install, are gaps.
    """
    named = tuple(paths)
    if not named:
        return Requirements()
    from fleet_audit.audit.static_imports.distributions.requirement_reader import (  # noqa: PLC0415  (few services need it)
        RequirementReader,
    )

    reader = RequirementReader(sources, markers)
    for path in named:
        reader.read(normalise(path))
    return Requirements(tuple(reader.found), tuple(reader.gaps))


def required_names(
    sources: FileTree, paths: Iterable[str]
) -> tuple[dict[DistributionName, SourceLocation], tuple[Gap, ...]]:
    """Return the distributions that requirement files install, each with its line, and the gaps."""
    read = read_requirements(sources, paths)
    return read.installs, read.gaps


def marker_environment(version: tuple[int, ...], machine: str) -> dict[str, str]:
    """Return what markers ask about, for CPython of `version` on Linux (PEP 508, "Environment Markers")."""
    full = ".".join(map(str, (*version, 0, 0)[:3]))
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(map(str, version[:2])),
        "sys_platform": "linux",
        "extra": "",
    }


def compared(
    requirements: Requirements, installed: Mapping[DistributionName, str]
) -> tuple[RequiredDistribution, ...]:
    """Return every requirement beside the version that is installed, by name and line."""
    rows = [
        RequiredDistribution(
            name=r.name,
            location=r.location,
            specifier=r.specifier,
            installed=installed.get(r.name, ""),
            is_satisfied=_is_satisfied(r.specifier, installed.get(r.name, "")),
            is_constraint=r.is_constraint or r.is_locked,
        )
        for r in requirements.every
    ]
    return tuple(sorted(set(rows), key=lambda row: (row.name, row.location, row.specifier)))


def _is_satisfied(specifier: str, version: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  (loads slowly)
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  (as above)

    if not specifier or not version:
        return None
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return None

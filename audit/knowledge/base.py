"""The knowledge base: facts that cannot be derived, asked by name."""

import re
from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase, translate
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import Store, kept_or_read
from fleet_audit.audit.configuration.located import File, Located, located, read_file
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.module_index import ModuleIndex, Modules, packaged_module_index
from fleet_audit.audit.knowledge.rows import (
    Alias,
    BaseImage,
    ComputedImports,
    HiddenNeed,
    KnowledgeFile,
    Misnomer,
    NeedNot,
    NeverApt,
    ProvidedByPypi,
    ProviderOverride,
    RemedyRow,
    Scanner,
    ServiceSigns,
    SettingsModules,
    SonameBreak,
)
from fleet_audit.audit.model.identity import DistributionName, ModuleName, PackageName, Soname
from fleet_audit.audit.model.imports import ComputedImport, KnownImport, Level, SettingsModule, SettingUse

_READING = f"knowledge/10 {__version__}"
"""Raise the number whenever the same files are to be read otherwise: what they say is kept between runs."""

_LEVELS = {
    "certain": Level.CERTAIN,
    "probable": Level.PROBABLE,
    "lazy": Level.LAZY,
    "string": Level.STRING,
}


class Knowledge:
    """What the knowledge base says of a name. Every answer carries the id of the row that gives it."""

    def __init__(self, files: Iterable[KnowledgeFile] = (), index: ModuleIndex | None = None) -> None:
        """Take the rows of all files; where two rows speak of one name, the later file wins.

        `index` says which distributions hold the modules that no row speaks of.
        """
        parts = tuple(files)
        self._index = ModuleIndex() if index is None else index
        self.never_apt: tuple[NeverApt, ...] = tuple(chain.from_iterable(p.never_apt for p in parts))
        self._modules: dict[str, tuple[DistributionName, ...]] = {}
        for row in chain.from_iterable(p.module_distributions for p in parts):
            self._modules.update({n: tuple(map(DistributionName, held)) for n, held in row.modules.items()})
        self._hidden: defaultdict[str, list[HiddenNeed]] = defaultdict(list)
        for hidden in chain.from_iterable(p.dlopen for p in parts):
            self._hidden[hidden.distribution].append(hidden)
        self._overrides = tuple(chain.from_iterable(p.provider_override for p in reversed(parts)))
        self._choices = tuple(chain.from_iterable(p.dependency_choice for p in parts))
        self._of_pypi = tuple(chain.from_iterable(p.provided_by_pypi for p in reversed(parts)))
        self._need_not = tuple(chain.from_iterable(p.need_not for p in parts))
        self._aliases = {row.name: row for row in chain.from_iterable(p.aliases for p in parts)}
        self.remedies: tuple[RemedyRow, ...] = tuple(chain.from_iterable(p.remedies for p in parts))
        self._breaks: dict[tuple[str, str], SonameBreak] = {}
        for broken in chain.from_iterable(p.soname_break for p in parts):
            self._breaks.update(
                {(soname, suite): broken for soname in broken.sonames for suite in broken.suites}
            )
        self._other_systems = tuple(chain.from_iterable(p.other_systems for p in parts))
        self.computed_imports: tuple[KnownImport, ...] = (
            *chain.from_iterable(_computed(row) for p in parts for row in p.computed_imports),
            *(_settings(row) for p in parts for row in p.settings_modules),
        )
        self._gpu_builds = tuple(chain.from_iterable(p.gpu_builds for p in parts))
        # The first row of a file that fits holds, and a later file comes before an earlier one.
        self._base_images = tuple(chain.from_iterable(p.base_images for p in reversed(parts)))
        self._support_ends = {
            (row.distribution, row.release): row.last for p in parts for row in p.support_ends
        }
        self.scanners: tuple[Scanner, ...] = tuple(chain.from_iterable(p.scanners for p in parts))
        self.services: tuple[ServiceSigns, ...] = tuple(chain.from_iterable(p.services for p in parts))
        self._misnomers: dict[tuple[str, str], Misnomer] = {
            (row.manager, name): row for p in parts for row in p.misnomers for name in row.names
        }

    def host_driver(self, name: str) -> str | None:
        """Return the id of the row by which the host supplies a soname or program; None where none."""
        found = self.host_row(name)
        return None if found is None else found.id

    def host_row(self, name: str) -> NeverApt | None:
        """Return the row by which the host supplies a soname or program."""
        for row in self.never_apt:
            if any(fnmatchcase(name, pattern) for pattern in row.except_sonames):
                continue
            if any(fnmatchcase(name, pattern) for pattern in (*row.sonames, *row.programs)):
                return row
        return None

    def other_system(self, name: str) -> str | None:
        """Return the id of the row that says that a program or library belongs to another system."""
        base = name.rpartition("/")[2]
        for row in self._other_systems:
            if any(fnmatchcase(base, pattern) for pattern in (*row.programs, *row.sonames)):
                return row.id
        return None

    def base_image(self, repository: str, tag: str) -> BaseImage | None:
        """Return the row on an image of others, by its full name (``docker.io/library/debian``) and tag."""
        for row in self._base_images:
            if repository in row.repositories and any(fnmatchcase(tag, pattern) for pattern in row.tags):
                return row
        return None

    def support_end(self, distribution: str, version: str) -> str:
        """Return the day of a release's last security updates; empty where no row says it.

        `version` may be that of an update of the release (``12.5``).
        """
        parts = version.split(".")
        releases = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        known = (self._support_ends.get((distribution, release), "") for release in releases)
        return next((day for day in known if day), "")

    def gpu_build(self, distribution: DistributionName) -> str | None:
        """Return the id of the row that says that a distribution is built for a GPU."""
        for row in self._gpu_builds:
            if any(fnmatchcase(distribution, pattern) for pattern in row.distributions):
                return row.id
        return None

    def misnomer(self, manager: str, name: str) -> Misnomer | None:
        """Return the row that says that a package of a manager (pip, npm) is not what its name promises."""
        return self._misnomers.get((manager, name))

    @cached_property
    def module_distributions(self) -> Modules:
        """Return, by import name, the distributions that are known to hold it."""
        return self._index.behind(self._modules)

    def suggestions(self, module: ModuleName) -> tuple[DistributionName, ...]:
        """Return the distributions known to hold a module, or the nearest package above it; may be empty."""
        known = self.module_distributions
        at: str = module
        while at:
            if at in known:
                return known[at]
            at = at.rpartition(".")[0]
        return ()

    def needs_of(self, distribution: DistributionName) -> tuple[HiddenNeed, ...]:
        """Return what a distribution needs that no analysis can see."""
        return tuple(self._hidden.get(distribution, ()))

    def override(self, need: str, codename: str = "") -> ProviderOverride | None:
        """Return the row on the provider of a need (``so:NAME``, ``bin:NAME``) in a suite, or in any."""
        for row in self._overrides:
            if row.need == need and (not codename or codename in row.suites):
                return row
        return None

    def preferred(self, need: str, codename: str = "") -> PackageName | None:
        """Return the package to take for a need where there is a choice."""
        row = self.override(need, codename)
        return None if row is None else PackageName(row.prefer)

    def avoided(self, need: str, codename: str = "") -> tuple[str, ...]:
        """Return the packages to take for a need only where there is no other."""
        row = self.override(need, codename)
        return () if row is None else row.avoid

    def is_second_choice(self, package: str, codename: str) -> bool:
        """Say whether a package should answer a dependency only where no other does, small as it may be."""
        return any(
            package != row.prefer
            and codename in row.suites
            and any(fnmatchcase(package, pattern) for pattern in row.avoid)
            for row in self._choices
        )

    def is_forbidden(self, package: str) -> bool:
        """Say whether a package brings what only the host may, so that it is never proposed."""
        return self._forbidden is not None and self._forbidden.fullmatch(package) is not None

    @cached_property
    def _forbidden(self) -> re.Pattern[str] | None:
        patterns = [pattern for row in self.never_apt for pattern in row.forbidden_packages]
        return re.compile("|".join(map(translate, patterns))) if patterns else None

    def of_pypi(self, soname: str) -> ProvidedByPypi | None:
        """Return the row on the wheels that bring a library."""
        for row in self._of_pypi:
            if any(fnmatchcase(soname, pattern) for pattern in row.sonames):
                return row
        return None

    def need_not(self, soname: str, wanted_by: str) -> NeedNot | None:
        """Return the row by which nothing is installed for a library that the file `wanted_by` asks for."""
        for row in self._need_not:
            is_file = any(fnmatchcase(wanted_by, f"*/{pattern}") for pattern in row.files)
            if is_file and any(fnmatchcase(soname, pattern) for pattern in row.sonames):
                return row
        return None

    def alias(self, package: str) -> Alias | None:
        """Return the row on a name by which people know a Debian package."""
        return self._aliases.get(package)

    def package_meant(self, package: str, codename: str) -> PackageName:
        """Return what a package's name means in a suite: itself, or what it is called there."""
        row = self._aliases.get(package)
        return PackageName(package if row is None or codename not in row.absent else row.use)

    def installed_as(self, package: str, codename: str) -> PackageName:
        """Return the package that apt-get takes for a name in a suite: what provides an old one, if any."""
        row = self._aliases.get(package)
        return PackageName(package if row is None or codename not in row.virtual else row.use)

    @cached_property
    def watched(self) -> dict[str, tuple[str, ...]]:
        """Return, by module, the names whose use decides whether a remedy will do."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for row in self.remedies:
            for module, names in row.unless_used.items():
                found[module].update(names)
        return {module: tuple(sorted(found[module])) for module in sorted(found)}

    def gone(self, soname: Soname, codename: str) -> SonameBreak | None:
        """Return the row that says that a suite does not ship this soname."""
        return self._breaks.get((soname, codename))


def _computed(row: ComputedImports) -> Iterable[ComputedImport]:
    common = ComputedImport(
        row=row.id,
        level=_LEVELS[row.level],
        prefix=row.prefix,
        takes_first=row.takes_first,
        names_module=row.names_module,
        survives=row.survives,
        unless=row.unless,
        lists=row.lists,
        names_of=row.names_of,
        submodule=row.submodule,
    )
    for module, loads in row.modules.items():
        yield msgspec.structs.replace(common, module=ModuleName(module), loads=_names(loads))
    for function, loads in row.calls.items():
        yield msgspec.structs.replace(common, function=function, loads=_names(loads))
    for module, names in row.names.items():
        for name in names:
            yield msgspec.structs.replace(common, name=name, loads=_names([module]))


def _settings(row: SettingsModules) -> SettingsModule:
    method_of, _, method = row.runs.partition(".")
    uses = tuple(SettingUse(u.name, u.key, u.submodules, u.needs, u.default) for u in row.settings)
    return SettingsModule(row.id, row.variable, row.calls, uses, method_of, method)


def _names(modules: Iterable[str]) -> tuple[ModuleName, ...]:
    return tuple(ModuleName(name) for name in modules)


def packaged_knowledge() -> Traversable:
    """Return the folder of the knowledge that comes with fleet-audit."""
    return files("fleet_audit") / "rules" / "knowledge"


def load_knowledge(folders: Iterable[Traversable], kept: Store | None = None) -> Knowledge:
    """Read every ``*.yaml`` in these folders, in order of folders and of names.

    What `kept` knows of the same files is not checked again. Raises ConfigurationError with all problems of
    all files: shapes, unknown kinds, ids used twice.
    """
    found = [read_file(file, name=f"knowledge/{file.name}") for f in folders for file in _yaml_files(f)]
    files = kept_or_read(kept, _READING, found, list[KnowledgeFile], lambda: _checked(found))
    return Knowledge(files, packaged_module_index())


def _checked(read: Iterable[File]) -> list[KnowledgeFile]:
    files = [located(file) for file in read]
    problems: list[Problem] = list(_repeated_ids(files))
    parts: list[KnowledgeFile] = []
    for file in files:
        try:
            parts.append(convert(file, KnowledgeFile))
        except ConfigurationError as e:
            problems += e.problems
    if problems:
        raise ConfigurationError(problems)
    return parts


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


def _repeated_ids(located: Iterable[Located]) -> Iterable[Problem]:
    owners: dict[str, str] = {}
    for file in located:
        for _, rows in file.view().entries():
            for row in rows.elements():
                place = row.get("id")
                if place.text is None:
                    continue
                here = f"{file.name}:{file.line(place.path)}"
                if (owner := owners.setdefault(place.text, here)) != here:
                    yield place.problem(f"id '{place.text}' is used already, at {owner}")

"""What a service's code imports, loads and runs, and what that reaches in an image."""

from collections.abc import Iterable
from enum import IntEnum, StrEnum

import msgspec

from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.location import Location, SourceLocation
from fleet_audit.audit.model.pragma import Pragma


class Level(IntEnum):
    """How certainly something is reached; a chain is as certain as its weakest link."""

    CERTAIN = 0
    PROBABLE = 1
    LAZY = 2
    STRING = 3


class ImportContext(StrEnum):
    """Where an import statement stands."""

    MODULE = "module"
    GUARDED = "guarded"
    LAZY = "lazy"
    TYPING = "typing"
    DYNAMIC = "dynamic"


class ProviderKind(StrEnum):
    """Who supplies an imported module."""

    FAMILY = "family"
    SERVICE = "service"
    FIRST_PARTY = "first-party"
    STDLIB = "stdlib"


class Parser(StrEnum):
    """What read the text that a fact stands in: a parser as a whole or as a block, or the skimmer alone.

    Facts are always gathered by the skimmer, with libcst on single statements; where a parser has read the
    text around them, it is known that they stand where they seem to.
    """

    WHOLE = "whole"
    BLOCK = "block"
    SKIM = "skim"


class ImportedModule(msgspec.Struct, frozen=True):
    """One module as a service imports it, with every place that does so in this context.

    `provided_by` is None where nobody provides it; `file` is where the image has it. `parser` is what read
    the places, of several the one that knows most.
    """

    module: ModuleName
    context: ImportContext
    locations: tuple[SourceLocation, ...]
    level: Level = Level.CERTAIN
    distribution: DistributionName | None = None
    provided_by: ProviderKind | None = None
    file: ImagePath | None = None
    parser: Parser = Parser.WHOLE


class MissingModule(msgspec.Struct, frozen=True):
    """A module that a service imports and nobody provides.

    `suggestions` are distributions that are known to hold it: something to look at, never to install
    unread (dependency confusion). `wanted_by` is the installed module that imports it, None where the
    service's own code does; `locations` are then the lines of own code that lead there. `is_first_party`
    holds where the name is below one that the repository, and nobody else, answers for. `meant` are known
    modules of nearly the same spelling, where nobody is known to hold this one.
    """

    module: ModuleName
    context: ImportContext
    locations: tuple[SourceLocation, ...]
    level: Level = Level.CERTAIN
    suggestions: tuple[DistributionName, ...] = ()
    wanted_by: ModuleName | None = None
    is_first_party: bool = False
    meant: tuple[ModuleName, ...] = ()


class LoadMethod(StrEnum):
    """How code asks for a library outside of DT_NEEDED."""

    DLOPEN = "dlopen"
    FIND_LIBRARY = "find_library"


class NativeLoad(msgspec.Struct, frozen=True):
    """A library that Python code loads by name: a soname, a path, or a stem for ``find_library``.

    Several `names` mean that any of them will do (a loop over candidates), and so do loads of one line with
    the same `choice` (``a or b``). `is_handled` where the code copes with its absence.
    """

    names: tuple[str, ...]
    method: LoadMethod
    level: Level
    location: Location
    module: ModuleName
    distribution: DistributionName | None = None
    is_handled: bool = False
    choice: int = 0


class ProgramCall(msgspec.Struct, frozen=True):
    """A program that code starts by name; `is_handled` where the code copes with its absence.

    `is_own_code` tells a service's own line from one inside a distribution.
    """

    program: str
    level: Level
    location: Location
    module: ModuleName
    is_own_code: bool
    is_handled: bool = False
    distribution: DistributionName | None = None


class NameUse(msgspec.Struct, frozen=True):
    """A use of a watched module's name in code that is reached: ``cv2.imshow`` in `user`.

    `name` is empty where the code hands the module on, takes all of its names, or one that it computes: then
    any may be used. `is_own_code` tells a service's own line from one inside a distribution.
    """

    module: ModuleName
    name: str
    level: Level
    location: Location
    user: ModuleName
    is_own_code: bool

    @property
    def full_name(self) -> str:
        """Return ``module.name``, or the module's alone."""
        return f"{self.module}.{self.name}" if self.name else self.module


def provided_tops(imports: Iterable[ImportedModule]) -> frozenset[str]:
    """Return the top-level names below which somebody provides a module."""
    return frozenset(name_of_absent(i.module, frozenset()) for i in imports if i.provided_by is not None)


def name_of_absent(module: str, provided: frozenset[str]) -> str:
    """Return what is missing where `module` is: its top-level name, or itself below one of `provided`.

    A relative import that leads out of every package has no top and stands for itself.
    """
    top = module if module.startswith(".") else module.partition(".")[0]
    return module if top in provided else top


class PathEdit(msgspec.Struct, frozen=True):
    """A ``sys.path`` edit: the folder it adds, or None where that could not be evaluated."""

    location: SourceLocation
    expression: str
    folder: str | None = None


class DynamicImport(msgspec.Struct, frozen=True):
    """An import whose name is computed and could not be evaluated."""

    location: SourceLocation
    expression: str
    level: Level = Level.CERTAIN


class ComputedImport(msgspec.Struct, frozen=True):
    """Modules that code imports by names that it computes, as the knowledge base has it.

    They are loaded once `module` is imported, where `function` is given (``package.module.name``) once that
    is called, and where `name` is given once that is taken from its package; of them all that are there, or
    `takes_first` of them. Where `prefix` is given, the call's first argument must begin so. `names_module`
    says that the argument is the module's own name (``package.module:name``). With `lists`, what these
    arguments of the call list stands for the first; with `names_of` each is a name in that package, and with
    `submodule` a package of which that is loaded. A call
    with one of the keywords in `unless` chooses for itself. Where it `survives`, a module that cannot be
    imported is passed over. `row` is the id of the row.
    """

    row: str
    loads: tuple[ModuleName, ...] = ()
    module: ModuleName = ModuleName("")
    function: str = ""
    level: Level = Level.CERTAIN
    prefix: str = ""
    takes_first: bool = False
    names_module: bool = False
    unless: tuple[str, ...] = ()
    survives: bool = False
    name: str = ""
    lists: tuple[str, ...] = ()
    names_of: str = ""
    submodule: str = ""


class SettingUse(msgspec.Struct, frozen=True):
    """What a framework imports for one of its settings: the modules that the strings in its value name.

    `key` is what must stand before a string, empty for any. `submodules` of each are imported too, those that
    are there. Where `needs` is given, one of the settings must name that. `default` is what the setting is
    where nothing is set.
    """

    setting: str
    key: str = ""
    submodules: tuple[str, ...] = ()
    needs: str = ""
    default: str = ""


class SettingsModule(msgspec.Struct, frozen=True):
    """How a framework finds a service's settings and what it imports for them, as the knowledge base has it.

    `variable` is that of the environment which names the module. `calls` are functions that read it, by their
    full names, with the settings that each of them surely uses; the others may be used later. Methods called
    `method` of the classes in the submodules called `method_of` run once all is imported. `row` is the id of
    the row.
    """

    row: str
    variable: str
    calls: dict[str, tuple[str, ...]]
    uses: tuple[SettingUse, ...]
    method_of: str = ""
    method: str = ""


KnownImport = ComputedImport | SettingsModule
"""What the knowledge base has on imports that no reading of single files can see."""


class ExtensionModule(msgspec.Struct, frozen=True):
    """An extension module that the service loads, how certainly, and every step of the way to it.

    `is_guarded` holds where code on every such way survives that the import fails.
    """

    path: ImagePath
    module: ModuleName
    level: Level
    distribution: DistributionName | None = None
    chain: tuple[str, ...] = ()
    is_guarded: bool = False


class UnparsedFile(msgspec.Struct, frozen=True):
    """A first-party file that is no valid Python for this image's version.

    `recovered` counts the import statements that were found in it all the same. Where it `is_reached`,
    `level` says how certainly, and `is_survived` whether whoever imports it catches the SyntaxError.
    `skimmed` are the first and last lines of what no parser reads; `parser` is what read the rest.
    """

    path: str
    line: int
    error: str
    recovered: int
    services: tuple[str, ...] = ()
    is_reached: bool = True
    level: Level = Level.CERTAIN
    is_survived: bool = False
    parser: Parser = Parser.SKIM
    skimmed: tuple[tuple[int, int], ...] = ()

    def is_skimmed(self, line: int) -> bool:
        """Say whether no parser reads a line."""
        return any(first <= line <= last for first, last in self.skimmed)

    @property
    def is_fatal(self) -> bool:
        """Say whether a service certainly cannot start for it."""
        return self.is_reached and self.level is Level.CERTAIN and not self.is_survived


class Shadowing(msgspec.Struct, frozen=True):
    """A file of the service's own that is imported under the name of something that the image has.

    `shadowed` is the file that the name would mean otherwise: of `distribution`, or of the standard library
    where that is None. `locations` are the lines of own code that import the name, or lead to the installed
    module that does (`wanted_by`, empty for own code).
    """

    module: ModuleName
    file: SourceLocation
    shadowed: ImagePath
    level: Level = Level.CERTAIN
    distribution: DistributionName | None = None
    locations: tuple[SourceLocation, ...] = ()
    wanted_by: tuple[ModuleName, ...] = ()


class RequiredDistribution(msgspec.Struct, frozen=True):
    """A distribution as a service's requirement files name it, and the version that its image has.

    `specifier` is as PEP 440 writes it, empty for any version. `installed` is empty where the image has
    none, or where there is no image. `is_satisfied` is None where that cannot be judged. `is_constraint`
    where the name stands in a constraints file only, which installs nothing.
    """

    name: DistributionName
    location: SourceLocation
    specifier: str = ""
    installed: str = ""
    is_satisfied: bool | None = None
    is_constraint: bool = False


class SharedFiles(msgspec.Struct, frozen=True):
    """Files of an image that several installed distributions claim, by their RECORD, as their own.

    `differing` counts those files for which the distributions recorded different contents: the one that was
    installed last has overwritten the other. `example` is the first of these, or of all `files`.
    """

    distributions: tuple[DistributionName, ...]
    files: int
    differing: int
    example: ImagePath


class UnshippedModule(msgspec.Struct, frozen=True):
    """A file of the repository that a service reaches, and that is neither in its image nor copied into it.

    `path` is the file, or the folder of the outermost package that is left behind with it. `location` is the
    line of own code that leads to it, `dockerfile` the last line that copies anything.
    """

    module: ModuleName
    path: str
    location: SourceLocation
    dockerfile: SourceLocation
    level: Level = Level.CERTAIN
    is_guarded: bool = False


class FamilyFit(msgspec.Struct, frozen=True):
    """How one service fits the family that it stands on.

    `payload` are the distributions that the family adds to its parent, `used` those of them that the service
    reaches; where it reaches none of them and no other family would do, what else of this one it uses, which
    may be programs and libraries. `cheaper` is the smallest other family that provides everything that the
    service reaches; empty where there is none, or who provides something is not known. Sizes are compressed
    bytes. `gpu_distributions` are those that the service reaches and that are built for a GPU, each with the
    line of own code that leads to it.
    """

    service: str
    payload: tuple[DistributionName, ...] = ()
    used: tuple[str, ...] = ()
    cheaper: str = ""
    cheaper_bytes: int = 0
    own_bytes: int = 0
    is_gpu_family: bool = False
    gpu_distributions: tuple[tuple[DistributionName, SourceLocation | None], ...] = ()
    location: SourceLocation | None = None


class ServiceImports(msgspec.Struct, frozen=True):
    """Everything that one service's code reaches; sorted, so that the same input gives the same bytes."""

    service: str
    entry: str | None = None
    files: tuple[str, ...] = ()
    imports: tuple[ImportedModule, ...] = ()
    missing: tuple[MissingModule, ...] = ()
    unused_distributions: tuple[DistributionName, ...] = ()
    native_loads: tuple[NativeLoad, ...] = ()
    programs: tuple[ProgramCall, ...] = ()
    path_edits: tuple[PathEdit, ...] = ()
    dynamic_imports: tuple[DynamicImport, ...] = ()
    extension_modules: tuple[ExtensionModule, ...] = ()
    unparsed: tuple[UnparsedFile, ...] = ()
    gaps: tuple[Gap, ...] = ()
    shadowings: tuple[Shadowing, ...] = ()
    requirements: tuple[RequiredDistribution, ...] = ()
    pragmas: tuple[Pragma, ...] = ()
    watched: tuple[NameUse, ...] = ()

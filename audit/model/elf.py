"""What an ELF file says of itself, and what a loader would make of it."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName, Soname


class VersionNeed(msgspec.Struct, frozen=True, gc=False):
    """One entry of DT_VERNEED: `versions` wanted from `file`; weak ones are tolerated when absent."""

    file: Soname
    versions: tuple[str, ...]
    weak: tuple[str, ...] = ()


class SharedObject(msgspec.Struct, frozen=True, gc=False):
    """The facts of one ELF file that decide how it loads (gABI, chapter 5; GNU extensions).

    `elf_class` is 32 or 64, `is_little_endian` its data encoding, `machine` the raw ``e_machine``,
    `elf_type` the raw ``e_type``. Absent strings are None: an empty RUNPATH differs from none.
    `oddity` says what was wrong in a file that could be read in part; empty where nothing was.
    `refusal` says why glibc's loader takes this file from nobody, in the words of its own message
    (elf/dl-load.c); empty where it does. `version_definitions` includes the base definition.
    `x86_isa_needed` has a bit for each x86-64 level that the file says it needs, the lowest for the baseline.
    Each of `dlopen_notes` is one library that may be loaded by name at run time
    (https://uapi-group.org/specifications/specs/elf_dlopen_metadata); alternative sonames, any of
    which will do, are separated by ``|``; `dlopen_required` are those of them that the file is of no use
    without. `filters` (DT_FILTER) are loaded with the file as if it needed them, `auxiliaries`
    (DT_AUXILIARY) where they are found.
    """

    elf_class: int
    is_little_endian: bool
    machine: int
    elf_type: int
    soname: Soname | None = None
    needed: tuple[Soname, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    interpreter: str | None = None
    version_needs: tuple[VersionNeed, ...] = ()
    version_definitions: tuple[str, ...] = ()
    has_version_table: bool = False
    flags: int = 0
    flags_1: int = 0
    has_executable_stack: bool | None = None
    is_dynamic: bool = False
    dlopen_notes: tuple[str, ...] = ()
    dlopen_required: tuple[str, ...] = ()
    x86_isa_needed: int = 0
    filters: tuple[Soname, ...] = ()
    auxiliaries: tuple[Soname, ...] = ()
    oddity: str = ""
    refusal: str = ""


class Resolved(msgspec.Struct, frozen=True, gc=False, tag="resolved"):
    """The request is answered by the file at `path` (canonical)."""

    path: ImagePath


class Missing(msgspec.Struct, frozen=True, gc=False, tag="missing"):
    """No file answers; `searched` lists the directories in the order they were tried."""

    searched: tuple[str, ...] = ()


class Fatal(msgspec.Struct, frozen=True, gc=False, tag="fatal"):
    """A file was found that the loader refuses, which ends the search (elf/dl-load.c)."""

    path: ImagePath
    why: str


class WrongMachine(msgspec.Struct, frozen=True, gc=False, tag="wrong-machine"):
    """Only files for another machine or class were found."""

    path: ImagePath
    machine: str


class OrderDependent(msgspec.Struct, frozen=True, tag="order-dependent"):
    """Found only when `provider`, a distribution or module, has been imported before; a path, opened."""

    provider: str


class WrongVariant(msgspec.Struct, frozen=True, tag="wrong-variant"):
    """The image carries another variant (a CPU build beside a CUDA build, another CUDA major)."""

    why: str


class HostDriver(msgspec.Struct, frozen=True, tag="host-driver"):
    """Supplied by the host's driver at run time, never by a package in the image."""

    rule: str
    why: str = ""


class NotAvailable(msgspec.Struct, frozen=True, tag="not-available"):
    """No archive that this image can use has it."""

    why: str


class Declared(msgspec.Struct, frozen=True, tag="declared"):
    """Not in this image, but installed by `by` (a Dockerfile or requirements line) on top of it."""

    by: str


class Unknown(msgspec.Struct, frozen=True, gc=False, tag="unknown"):
    """Could not be decided; a `Gap` of the kind `gap` says why."""

    why: str
    gap: GapKind = GapKind.UNRESOLVED_ENTRY


Resolution = (
    Resolved
    | Missing
    | Fatal
    | WrongMachine
    | OrderDependent
    | WrongVariant
    | HostDriver
    | NotAvailable
    | Declared
    | Unknown
)


def status_of(resolution: Resolution) -> str:
    """Return the outcome in the words of CONTRACT ``deps/1``, such as ``resolved`` or ``missing``."""
    return str(resolution.__struct_config__.tag)


class EntryKind(StrEnum):
    """Why a file is an entry point of the audit."""

    EXTENSION_MODULE = "extension-module"
    EXECUTABLE = "executable"
    CTYPES_TARGET = "ctypes-target"
    PLUGIN = "plugin"


class EntryPoint(msgspec.Struct, frozen=True, gc=False):
    """An ELF file that something loads: the unit of an ELF audit."""

    path: ImagePath
    kind: EntryKind
    module: ModuleName | None = None
    distribution: DistributionName | None = None


class Request(msgspec.Struct, frozen=True, gc=False):
    """One answered or unanswered DT_NEEDED of a closure."""

    soname: Soname
    wanted_by: ImagePath
    resolution: Resolution


class VersionProblem(msgspec.Struct, frozen=True, gc=False):
    """A version that `wanted_by` needs and the file that answers `soname` does not define.

    `why` is the loader's reason where it is another one: the provider has no versions at all, or
    nothing that is loaded answers to `soname` (then `provider` is `wanted_by` itself).
    """

    soname: Soname
    version: str
    wanted_by: ImagePath
    provider: ImagePath
    why: str = ""


class SymbolProblem(msgspec.Struct, frozen=True):
    """A symbol that `wanted_by` wants and nothing that is loaded with it defines.

    `others` counts the file's further symbols that are not found, whether or not they are listed.
    `elsewhere` is a file of the image that defines it and that nothing loads together with `wanted_by`: code
    that opens it for everybody (RTLD_GLOBAL) before would help. `is_lazy` where it is looked up only when it
    is called: the file loads.
    """

    name: str
    version: str
    wanted_by: ImagePath
    others: int = 0
    elsewhere: ImagePath | None = None
    is_lazy: bool = False


class Remark(msgspec.Struct, frozen=True):
    """What is to be known of a loaded file although it loads; `kind` as in CONTRACT ``ldd/1``."""

    kind: str
    path: ImagePath
    detail: str


class RelativeDirectory(msgspec.Struct, frozen=True):
    """A search directory of `wanted_by` that depends on the current directory: a way to hijack it."""

    wanted_by: ImagePath
    directory: str


class Attempt(msgspec.Struct, frozen=True):
    """One place where the loader looked, and what became of it there (``not there``, ``taken: …``).

    `rule` says why it looked there: ``rpath`` or ``runpath`` (of `owner`), ``ld-library-path``, ``cache``,
    ``default``, or ``path`` where the name has a slash.
    """

    place: str
    outcome: str
    rule: str = ""
    owner: ImagePath | None = None


class Step(msgspec.Struct, frozen=True):
    """One request and every place that was looked at for it, in order.

    There are no attempts where an object that was loaded already answers; `note` says by which name it
    does, or what else a person must know to come to the loader's conclusion.
    """

    request: Request
    attempts: tuple[Attempt, ...] = ()
    note: str = ""


class Closure(msgspec.Struct, frozen=True, gc=False):
    """Everything that loads with one entry point, in load order, and every request made on the way.

    `loaded` starts with the entry's canonical path and leaves out what its process had loaded before.
    `requests` holds each (soname, wanted_by) once; requests that an already loaded object satisfied
    are included as `Resolved`. An entry that cannot
    load itself has `loaded` empty and one request, for its own file name. `symbol_problems` are looked for
    where nothing else is wrong; `unread_symbols` says of which files they could not be, and why.
    """

    entry: EntryPoint
    loaded: tuple[ImagePath, ...] = ()
    requests: tuple[Request, ...] = ()
    version_problems: tuple[VersionProblem, ...] = ()
    relative_directories: tuple[RelativeDirectory, ...] = ()
    remarks: tuple[Remark, ...] = ()
    symbol_problems: tuple[SymbolProblem, ...] = ()
    unread_symbols: tuple[tuple[ImagePath, str], ...] = ()


class Trace(msgspec.Struct, frozen=True):
    """One entry point's load, told in the loader's order.

    `loader` is the path by which the loader is named and `loader_version` its glibc release; both are empty
    where no loader takes part. `program` is the file whose process it is; `held` are the objects that the
    process had loaded before.
    """

    closure: Closure
    loader: str = ""
    loader_version: str = ""
    program: ImagePath | None = None
    held: tuple[ImagePath, ...] = ()
    steps: tuple[Step, ...] = ()

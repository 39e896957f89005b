"""One image as its loaders see it: files, ELF facts, environment, ld.so.cache, loaders."""

import errno
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from fleet_audit.audit.images.tree import (
    MAX_LINK_HOPS,
    Entry,
    FileKind,
    FileTree,
    FileUnreadable,
    parent,
)
from fleet_audit.audit.ldd.loader import (
    Abi,
    Loader,
    abi_of,
    machine_name,
    read_loader,
    standard_loaders,
)
from fleet_audit.audit.ldd.loader_cache import CACHE_PATH, CacheDamaged, LoaderCache, parse_cache
from fleet_audit.audit.ldd.symbol_table import SymbolTable
from fleet_audit.audit.model.elf import Fatal, Missing, SharedObject, Unknown, WrongMachine
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ROOT, ImagePath

PATH_MAX = 4096
"""Longer paths cannot be opened (linux/limits.h)."""

MIN_HEADER = 52

_CORRUPTED = "Accessing a corrupted shared library"
"""What ELIBBAD is called (errno(3))."""

Symbols = Callable[[ImagePath], SymbolTable | None]


class Found(NamedTuple):
    """A file that the loader takes: its canonical path, its facts, and the path it was opened by."""

    path: ImagePath
    used: str
    facts: SharedObject


Opened = Found | Fatal | Unknown | WrongMachine
"""What becomes of one candidate; `WrongMachine` is passed over and the search goes on."""


class World:
    """Everything a loader of this image could look at. Answers are kept, so share one per image.

    `elf` holds the facts by canonical path: a file of the tree without an entry there is not ELF.
    `env` is the image's environment; `working_dir` is where relative directories are resolved from;
    `unreadable` names files of the tree whose bodies nobody could read, so that nothing is claimed of them.
    `symbols` returns the dynamic symbols of a file by its canonical path, None where they could not be
    read; without it symbols are not looked up. `isa` is the lowest x86-64 level of the machines that the
    image runs on (``x86-64-v3``), empty where that is not known.
    """

    def __init__(  # noqa: PLR0913  (what is not given by position has a default)
        self,
        tree: FileTree,
        elf: Mapping[ImagePath, SharedObject],
        env: Mapping[str, str],
        *,
        working_dir: str = "/",
        unreadable: Collection[str] = (),
        symbols: Symbols | None = None,
        isa: str = "",
    ) -> None:
        """Take the image's files, their ELF facts, and its configuration."""
        self.tree = tree
        self.elf = elf
        self.env = env
        self.working_dir = working_dir or "/"
        self.cache_damage = ""
        self.symbols = symbols
        self.isa = isa
        self._unreadable = frozenset(unreadable)
        self._is_cache_closed = False
        self._caches: dict[bool, LoaderCache] = {}
        self._loaders: dict[tuple[ImagePath, Abi], Loader] = {}
        self._listings: dict[str, Mapping[str, Entry]] = {}

    def absolute(self, path: str) -> str:
        """Return `path` as it is opened by a process that starts in the working directory."""
        return path if path.startswith("/") else f"{self.working_dir.rstrip('/')}/{path}"

    def listing(self, folder: str) -> Mapping[str, Entry]:
        """Return the entries of a folder; empty where it is none."""
        if folder not in self._listings:
            self._listings[folder] = {} if len(folder) >= PATH_MAX else self.tree.listing(ImagePath(folder))
        return self._listings[folder]

    def loader(self, path: ImagePath, abi: Abi) -> Loader:
        """Return the facts of the loader at `path`."""
        key = (path, abi)
        if key not in self._loaders:
            self._loaders[key] = read_loader(self.tree, path, abi, self.isa)
        return self._loaders[key]

    def likely_loader(self, abi: Abi) -> Loader:
        """Return the loader of objects that no program is known for: the one that the image has."""
        standard = standard_loaders(abi)
        present = [path for path in standard if self.tree.realpath(path) is not None]
        if not present:
            present = [path for path in self._other_loaders() if self._abi_at(path) == abi]
        path = (*present, *standard, ImagePath("/lib/ld.so.1"))[0]
        return self.loader(path, abi)

    def cache(self, *, little_endian: bool) -> LoaderCache:
        """Return ld.so.cache; empty where there is none or it is damaged (`cache_damage` says how)."""
        if little_endian not in self._caches:
            self._caches[little_endian] = self._read_cache(little_endian)
        return self._caches[little_endian]

    def open(self, used: str, loader: Loader) -> Opened | None:
        """Judge the file at `used` as `loader` would (open_verify, elf/dl-load.c); None if absent."""
        if len(used) >= PATH_MAX:
            return None
        path = self.tree.realpath(ImagePath(used))
        if path is None:
            return self.closed(used)
        facts = self.elf.get(path)
        if facts is None:
            return self.not_elf(path)
        return _judge(path, used, facts, loader)

    def closed(self, path: str) -> Unknown | None:
        """Return why nobody can say whether something is at `path`: a folder above it could not be listed."""
        at = ImagePath(path)
        while self._unreadable and at != ROOT:
            canonical = self.tree.realpath(at)
            if canonical is not None:
                return self._closed(canonical)
            at = parent(at)
        return None

    def _closed(self, canonical: ImagePath) -> Unknown | None:
        entry = self.tree.entry(canonical) if canonical in self._unreadable else None
        if entry is None or entry.kind is not FileKind.FOLDER:
            return None
        return Unknown(f"{canonical}: could not be listed", GapKind.UNREADABLE_FILE)

    def closed_cache(self) -> Unknown | None:
        """Return why nobody can say what ld.so.cache holds, once it was asked for; None where it was read."""
        if self._is_cache_closed:
            return Unknown(f"{CACHE_PATH}: {self.cache_damage}", GapKind.UNREADABLE_FILE)
        return self.closed(CACHE_PATH)

    def why_absent(self, path: str) -> int:
        """Return why a path cannot be opened: ENOENT, ENOTDIR or ELOOP."""
        at = ImagePath(path)
        for _ in range(MAX_LINK_HOPS + 1):
            entry = self.tree.entry(at)
            if entry is None:
                return errno.ENOTDIR if self._is_below_a_file(at) else errno.ENOENT
            if entry.kind is not FileKind.SYMLINK:
                return errno.ENOENT
            at = ImagePath(entry.link if entry.link.startswith("/") else f"{parent(at)}/{entry.link}")
            if len(at) >= PATH_MAX:
                return errno.ELOOP
        return errno.ELOOP

    def _is_below_a_file(self, path: ImagePath) -> bool:
        while path != ROOT:
            path = parent(path)
            canonical = self.tree.realpath(path)
            entry = None if canonical is None else self.tree.entry(canonical)
            if entry is not None:
                return entry.kind is not FileKind.FOLDER
        return False

    def not_elf(self, path: ImagePath) -> Fatal | Unknown | None:
        """Judge a canonical path of which no ELF facts are known; None if nothing is there."""
        if path in self._unreadable:
            return Unknown(f"{path}: could not be read", GapKind.UNREADABLE_FILE)
        entry = self.tree.entry(path)
        if entry is None:
            return None
        if entry.kind is FileKind.FOLDER:
            return Fatal(path, "cannot read file data: Is a directory")
        return Fatal(path, "file too short" if entry.size < MIN_HEADER else "invalid ELF header")

    def _other_loaders(self) -> list[ImagePath]:
        names = sorted(name for name in self.listing("/lib") if name.startswith("ld-musl-"))
        return [ImagePath(f"/lib/{name}") for name in names]

    def _abi_at(self, path: ImagePath) -> Abi | None:
        canonical = self.tree.realpath(path)
        facts = None if canonical is None else self.elf.get(canonical)
        return None if facts is None else abi_of(facts)

    def _read_cache(self, little_endian: bool) -> LoaderCache:
        if self.tree.realpath(CACHE_PATH) is None:
            return {}
        try:
            return parse_cache(self.tree.read(CACHE_PATH), little_endian=little_endian)
        except CacheDamaged as e:
            self.cache_damage = str(e)
        except FileUnreadable as e:
            self.cache_damage = str(e)
            self._is_cache_closed = True
        return {}


def _judge(path: ImagePath, used: str, facts: SharedObject, loader: Loader) -> Opened:
    if facts.elf_class != 0:
        if _is_passed_over(facts, loader):
            return WrongMachine(path, machine_name(abi_of(facts)))
        if facts.is_little_endian != loader.abi.is_little_endian:
            order = "little" if loader.abi.is_little_endian else "big"
            return Fatal(path, f"ELF file data encoding not {order}-endian")
    if facts.refusal:
        return Fatal(path, facts.refusal)
    if facts.oddity:
        return Unknown(f"{path}: {facts.oddity}", GapKind.UNREADABLE_ELF)
    return Found(path, used, facts)


def _is_passed_over(facts: SharedObject, loader: Loader) -> bool:
    """Say whether the search goes on after this file because it is for another machine."""
    wanted = loader.abi
    if facts.elf_class != wanted.elf_class:
        return True
    if facts.is_little_endian == wanted.is_little_endian:
        return facts.machine != wanted.machine
    # Debian's loader compares e_machine first, in its own byte order; upstream's stops at EI_DATA.
    swapped = int.from_bytes(facts.machine.to_bytes(2, "big"), "little")
    return loader.is_multiarch and swapped != wanted.machine


def interpreter_of(world: World, program: ImagePath) -> ImagePath | None:
    """Return the loader that an executable names in PT_INTERP, as it names it; None where it names none."""
    path = world.tree.realpath(program)
    facts = None if path is None else world.elf.get(path)
    return ImagePath(facts.interpreter) if facts is not None and facts.interpreter else None


def unusable_interpreter(
    world: World, facts: SharedObject, interpreter: ImagePath
) -> Missing | Fatal | Unknown | None:
    """Return why the kernel cannot start a program by its PT_INTERP (load_elf_binary, fs/binfmt_elf.c)."""
    path = world.tree.realpath(interpreter)
    entry = None if path is None else world.tree.entry(path)
    if path is None or entry is None:
        return world.closed(interpreter) or Missing((parent(interpreter),))
    if entry.kind is not FileKind.FILE or not entry.mode & 0o111:
        return Fatal(path, "no file that may be executed: Permission denied")
    loader = world.elf.get(path)
    if loader is None:
        found = world.not_elf(path)
        return found if isinstance(found, Unknown) else Fatal(path, _CORRUPTED)
    return Fatal(path, _CORRUPTED) if loader.machine != facts.machine else None

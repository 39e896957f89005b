"""What one image's own dynamic loader is like: its version, directories, tokens and subfolders."""

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename
from fleet_audit.audit.ldd.isa import level_of
from fleet_audit.audit.ldd.layout import EM_386, EM_AARCH64, EM_ARM, EM_X86_64
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ImagePath

MAX_LOADER_SIZE = 4 << 20

_FOLDER = re.compile(rb"(?<![^\0])(/[A-Za-z0-9_.+/-]{2,510}+)\0")
"""A whole string that could name a folder; it is never read twice, however it ends."""

_ASSERTION = b"_dl_name_match_p (version->filename, map)"
"""What check_match (elf/dl-lookup.c) asserts of a library without versions.

A loader that does holds the words: Debian's of glibc 2.36 has them, that of 2.41 has not.
"""


class Abi(NamedTuple):
    """What must agree between an object and the process that loads it (open_verify, elf/dl-load.c)."""

    elf_class: int
    is_little_endian: bool
    machine: int


def abi_of(facts: SharedObject) -> Abi:
    """Return the ABI of an object."""
    return Abi(facts.elf_class, facts.is_little_endian, facts.machine)


class _Machine(NamedTuple):
    name: str
    platform: str
    loaders: tuple[str, ...]
    cache_flags: int
    lib: str
    hwcaps: tuple[str, ...] = ()
    stack_is_executable: bool = False
    fast_platforms: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


# cache_flags: FLAG_ELF_LIBC6 and the ABI's own flag (sysdeps/generic/ldconfig.h); hwcaps as each
# port's dl-hwcaps_subdirs.c lists them, best first; the stack's default is DEFAULT_STACK_PERMS;
# capabilities are HWCAP_IMPORTANT of dl-procinfo.h, fast platforms those of init_cpu_features.
_MACHINES: Mapping[tuple[int, int], _Machine] = {
    (64, EM_X86_64): _Machine(
        "x86-64",
        "x86_64",
        ("/lib64/ld-linux-x86-64.so.2",),
        0x0303,
        "lib64",
        ("x86-64-v4", "x86-64-v3", "x86-64-v2"),
        stack_is_executable=True,
        fast_platforms=("haswell",),
        capabilities=("avx512_1", "x86_64"),
    ),
    (32, EM_X86_64): _Machine("x32", "x86_64", ("/libx32/ld-linux-x32.so.2",), 0x0803, "libx32"),
    (32, EM_386): _Machine(
        "i386",
        "i686",
        ("/lib/ld-linux.so.2",),
        0x0003,
        "lib",
        stack_is_executable=True,
        capabilities=("sse2",),
    ),
    (64, EM_AARCH64): _Machine(
        "aarch64", "aarch64", ("/lib/ld-linux-aarch64.so.1",), 0x0A03, "lib64", capabilities=("atomics",)
    ),
    (32, EM_ARM): _Machine(
        "arm",
        "v7l",
        ("/lib/ld-linux-armhf.so.3", "/lib/ld-linux.so.3"),
        0x0903,
        "lib",
        stack_is_executable=True,
    ),
    (64, 21): _Machine(
        "ppc64", "power8", ("/lib64/ld64.so.2", "/lib64/ld64.so.1"), 0x0503, "lib64", ("power10", "power9")
    ),
    (64, 22): _Machine("s390x", "z13", ("/lib/ld64.so.1",), 0x0403, "lib64", ("z16", "z15", "z14", "z13")),
    (64, 243): _Machine("riscv64", "riscv64", ("/lib/ld-linux-riscv64-lp64d.so.1",), 0x1003, "lib64/lp64d"),
    (64, 258): _Machine(
        "loongarch64", "loongarch64", ("/lib64/ld-linux-loongarch-lp64d.so.1",), 0x1103, "lib64"
    ),
}


def machine_name(abi: Abi) -> str:
    """Return what people call this machine, with its class and byte order where that is unusual."""
    known = _MACHINES.get((abi.elf_class, abi.machine))
    name = known.name if known else f"machine {abi.machine} ({abi.elf_class}-bit)"
    if known and not abi.is_little_endian and known.name not in ("ppc64", "s390x"):
        return f"{name} (big-endian)"
    return name


class Loader(NamedTuple):
    """One loader of an image: everything in which glibc builds differ.

    `path` is as programs name it; it need not be there. `version` is None where nothing tells it.
    `default_directories` end without a slash. `subfolders` are tried in each directory before the
    directory itself. `cache_flags` is the ABI's id in ld.so.cache, None where it is not known.
    `insists_on_versions` is whether it ends a process for a library that has lost its symbol versions.
    """

    path: ImagePath
    abi: Abi
    is_glibc: bool
    version: tuple[int, int] | None
    default_directories: tuple[str, ...]
    lib: str
    platform: str
    hwcaps: tuple[str, ...]
    subfolders: tuple[str, ...]
    cache_flags: int | None
    stack_is_executable: bool
    insists_on_versions: bool = True

    @property
    def is_multiarch(self) -> bool:
        """Say whether this is the loader of Debian or one of its children."""
        return "-linux-gnu" in self.lib

    @property
    def stops_at_files(self) -> bool:
        """Say whether a name that leads through a file ends its list of directories (until glibc 2.39)."""
        return self.version is not None and self.version < (2, 39)

    @property
    def refuses_executable_stacks(self) -> bool:
        """Say whether dlopen fails for a library that asks for an executable stack (glibc 2.41)."""
        return self.version is not None and self.version >= (2, 41)


def standard_loaders(abi: Abi) -> tuple[ImagePath, ...]:
    """Return the paths that this machine's ABI gives its loader; empty for an unknown machine."""
    known = _MACHINES.get((abi.elf_class, abi.machine))
    return tuple(ImagePath(path) for path in known.loaders) if known else ()


def is_glibc_loader(path: str) -> bool:
    """Tell glibc's loader from musl's, Android's and others by its file name."""
    return (
        re.fullmatch(r"ld(64)?(-linux[A-Za-z0-9_-]*)?\.so\.\d|ld-\d\.\d{1,3}\.so", basename(ImagePath(path)))
        is not None
    )


def read_loader(tree: FileTree, path: ImagePath, abi: Abi, isa: str = "") -> Loader:
    """Return the facts of the loader at `path`; what its file does not tell falls back to the machine's.

    With `isa`, the lowest x86-64 level of the machines, subfolders for higher ones are left out.
    """
    known = _MACHINES.get((abi.elf_class, abi.machine))
    content = _content(tree, path)
    version = _version(content) or _version_of_file(tree.realpath(path))
    directories = _default_directories(content) or _fallback_directories(known)
    platform = known.platform if known else ""
    has_hwcaps = version is None or version >= (2, 33)
    hwcaps = tuple(filter(_offered_by(isa), known.hwcaps)) if known and has_hwcaps else ()
    return Loader(
        path=path,
        abi=abi,
        is_glibc=is_glibc_loader(path),
        version=version,
        default_directories=directories,
        lib=directories[0].removeprefix("/usr").strip("/"),
        platform=platform,
        hwcaps=hwcaps,
        subfolders=(
            *(f"glibc-hwcaps/{name}" for name in hwcaps),
            *_legacy_subfolders(known, isa, version),
        ),
        cache_flags=known.cache_flags if known else None,
        stack_is_executable=known.stack_is_executable if known else False,
        insists_on_versions=version is None or version < (2, 37) or _ASSERTION in content,
    )


def _offered_by(isa: str) -> Callable[[str], bool]:
    offered = level_of(isa)
    return lambda name: offered is None or (level_of(name) or 0) <= offered


def _content(tree: FileTree, path: ImagePath) -> bytes:
    try:
        return tree.read(path, limit=MAX_LOADER_SIZE)
    except FileUnreadable:
        return b""


def _version(content: bytes) -> tuple[int, int] | None:
    """Read the version from the loader's own banner, ``… release version 2.36.``."""
    found = re.search(rb"release version (\d{1,2})\.(\d{1,3})\b", content)
    return (int(found[1]), int(found[2])) if found else None


def _version_of_file(path: ImagePath | None) -> tuple[int, int] | None:
    """Read the version from the name of the file behind the link, ``ld-2.31.so``.

    Until glibc 2.33 the file was called so, and held no banner in some builds (Debian 11).
    """
    found = None if path is None else re.fullmatch(r"ld-(\d{1,2})\.(\d{1,3})\.so", basename(path))
    return (int(found[1]), int(found[2])) if found else None


def _default_directories(content: bytes) -> tuple[str, ...]:
    """Find system_dirs in the loader's read-only data: neighbouring strings that name folders."""
    runs: list[list[str]] = []
    end = -1
    for found in _FOLDER.finditer(content):
        name = found[1]
        if name.endswith(b"/") and b"lib" in name:
            if found.start() != end:
                runs.append([])
            runs[-1].append(name.decode("ascii").rstrip("/"))
            end = found.end()
    longest: list[str] = max(runs, key=len, default=[])
    return tuple(longest)


def _fallback_directories(known: _Machine | None) -> tuple[str, ...]:
    lib = known.lib if known else "lib"
    names = (lib,) if lib == "lib" else (lib, "lib")
    return tuple(f"{prefix}/{name}" for name in names for prefix in ("", "/usr"))


def _legacy_subfolders(known: _Machine | None, isa: str, version: tuple[int, int] | None) -> tuple[str, ...]:
    """Return the subfolders that glibc had before 2.37 (_dl_important_hwcaps), best first.

    Those are ``tls``, a name of the platform and names of capabilities, each once and in this order, in all
    combinations. What one processor has and another has not counts as had, unless `isa` tells.
    """
    if known is None or version is None or version >= (2, 37):
        return ()
    has = _offered_by(isa)
    of_platform = [name for name in (*known.fast_platforms, known.platform) if has(_LEVELS.get(name, ""))]
    of_capability = [name for name in known.capabilities if has(_LEVELS.get(name, ""))]
    choices = [("tls", ""), (*of_platform, ""), *((name, "") for name in of_capability)]
    paths = ("/".join(filter(None, names)) for names in product(*choices))
    return tuple(filter(None, dict.fromkeys(paths)))


_LEVELS = {"haswell": "x86-64-v3", "avx512_1": "x86-64-v4"}
"""Levels of the x86-64 instruction set that come nearest to what older loaders called a processor."""

"""Small root file systems in which a loader is asked by chroot, and which are read from outside as images."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.images.folder import FolderTree, open_folder
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.ldd.collector import ElfCollector
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.libraries import Layout

LOADER = "/lib64/ld-linux-x86-64.so.2"
MUSL_LOADER = "/lib/ld-musl-x86_64.so.1"
LIBRARIES = "lib/x86_64-linux-gnu"
LOCAL = "usr/local/lib"
"""A place that the loader knows from its cache alone."""

HOST = "/host"


class Root(Layout):
    """A layout that is a root file system of its own: ``@`` stands for nothing.

    `program` is what is started: the host, which loads ``/m.so``, or another one alone.
    """

    def __init__(self, place: Path, compiler: str) -> None:
        """Begin with an empty root."""
        place.mkdir()
        super().__init__(place, compiler, inside="")
        self.program = HOST

    def copy(self, source: Path, target: str) -> None:
        path = self.root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source.resolve(), path)

    def main(self, name: str, *, needed: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> None:
        """Build a program that does nothing but start, and start it instead of the host."""
        self.program = f"/{name}"
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        start = 'void _start(void) { __asm__ volatile("mov $60, %eax; xor %edi, %edi; syscall"); }'
        self._build(path, start, [*options, *self._links(needed)])


class GlibcRoot(Root):
    """A root with the loader and the C library of a `system`: a Debian's root folder, or this machine's."""

    def __init__(self, place: Path, compiler: str, system: Path = Path("/")) -> None:
        """Put both there; the cache is made when a case asks for it."""
        super().__init__(place, compiler)
        self._system = open_folder(system)
        for name in ("libc.so.6", "libdl.so.2"):
            self.copy(self._of_system(f"/{LIBRARIES}/{name}"), f"{LIBRARIES}/{name}")
        # Its own name tells an older loader's version.
        loader = self._of_system(LOADER)
        self.copy(loader, f"{LIBRARIES}/{loader.name}")
        self.link(LOADER.lstrip("/"), f"/{LIBRARIES}/{loader.name}")
        self.put("etc/ld.so.conf", b"/usr/local/lib\n/opt/listed\n")

    def _of_system(self, name: str) -> Path:
        canonical = self._system.realpath(ImagePath(name))
        assert canonical is not None, f"{name} is not there"
        return Path(os.fsdecode(self._system.host_path(canonical)))

    def host(self) -> Path:
        """Build the program that loads, against this root's own C library."""
        libraries = [f"-L{self.root / LIBRARIES}", "-l:libc.so.6", "-l:libdl.so.2", "-lgcc"]
        self.host_options += ["-nodefaultlibs", "-Wl,--allow-shlib-undefined", *libraries]
        return super().host()

    def ldconfig(self) -> None:
        """Write ld.so.cache, as the loader of this root reads it."""
        # It is a static program, so another system's runs here.
        argv = [str(self._of_system("/sbin/ldconfig")), "-r", str(self.root)]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)  # noqa: S603  (a fixed argument list)


class MuslRoot(Root):
    """A root with musl's loader, which is its C library too."""

    def __init__(self, place: Path, compiler: str) -> None:
        """Put the loader where programs name it."""
        super().__init__(place, compiler)
        self.copy(Path(MUSL_LOADER), MUSL_LOADER)


class Truth(NamedTuple):
    """Whether it started or loaded, what was said, and the files that the host then found loaded."""

    is_loaded: bool
    said: str
    files: set[str]


def ask_inside(x: Root, *words: str) -> Truth:
    def enter() -> None:
        os.chroot(x.root)
        os.chdir("/")

    # Without a mounted /proc the loader still learns here where its program really stands.
    canonical = (x.root / x.program.lstrip("/")).resolve().relative_to(x.root)
    x.link("proc/self/exe", f"/{canonical}")
    try:
        done = subprocess.run(  # noqa: S603  (no thread is running; programs that this test has built)
            [x.program, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=x.env,
            preexec_fn=enter,
            check=False,
        )
    except OSError as e:
        return Truth(is_loaded=False, said=str(e), files=set())
    finally:
        (x.root / "proc/self/exe").unlink()
    said = done.stdout + done.stderr
    files = {line.removeprefix("loaded: ") for line in said.splitlines() if line.startswith("loaded: ")}
    return Truth(done.returncode == 0, said, files)


def ask_ourselves(x: Root) -> Closure:
    """Examine the folder as the image ``dir:``, whose configuration is that of the case."""
    kind, entry = (
        (EntryKind.EXTENSION_MODULE, "/m.so") if x.program == HOST else (EntryKind.EXECUTABLE, x.program)
    )
    collector = ElfCollector()
    with open_image(f"dir:{x.root}", collectors=(collector,)) as image:
        assert isinstance(image.tree, FolderTree)
        tree = image.tree
        world = World(
            tree, image.records(collector), x.env, symbols=lambda path: symbols_of_file(tree.open(path))
        )
        (found,) = examine(world, [EntryPoint(ImagePath(entry), kind)], ImagePath(HOST))
        return found


def inodes(x: Root, paths: Iterable[str]) -> set[int]:
    return {(x.root / path.lstrip("/")).stat().st_ino for path in paths}

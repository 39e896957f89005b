"""musl's own loader is the truth: small programs, built here, are listed with ``--list``."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.evidence import missing_sonames, problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.symbol_table import SymbolTable
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.folders import MachineFacts, MachineTree

LOADER = Path("/lib/ld-musl-x86_64.so.1")
COMPILER = shutil.which("musl-gcc")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not LOADER.exists() or COMPILER is None, reason="needs Debian's musl and musl-tools"),
]


class Workshop:
    """Builds libraries and one program below a folder; ``@`` in directories stands for the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env: dict[str, str] = {}
        (root / "stubs").mkdir()

    def lib(
        self, name: str, *needed: str, runpath: str = "", rpath: str = "", source: str = "", soname: str = ""
    ) -> None:
        options = [f"-Wl,-soname,{soname}"] if soname else []
        flags = ["-shared", "-fPIC", "-nostdlib", *options]
        links = [*self._directories(rpath, runpath), *self._links(needed)]
        self._build(name, source or "int v;", [*flags, *links])

    def program(self, *needed: str, runpath: str = "", rpath: str = "", source: str = "") -> None:
        links = [*self._directories(rpath, runpath), "-Wl,--allow-shlib-undefined", *self._links(needed)]
        self._build("main", source or "int main(void) { return 0; }", links)

    def put(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def link(self, name: str, target: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).symlink_to(target)

    def _directories(self, rpath: str, runpath: str) -> list[str]:
        tags = ["-Wl,--disable-new-dtags"] if rpath else ["-Wl,--enable-new-dtags"]
        text = (rpath or runpath).replace("@", str(self.root))
        return [*tags, f"-Wl,-rpath,{text}"] if text else []

    def _links(self, needed: tuple[str, ...]) -> list[str]:
        found = ["-Wl,--no-as-needed", f"-L{self.root}/stubs"]
        for name in needed:
            soname = name.replace("@", str(self.root))
            stub = f"stubs/{soname.replace('/', '_')}"
            if not (self.root / stub).exists():
                self._build(stub, "int s;", ["-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{soname}"])
            found.append(f"-l:{Path(stub).name}")
        return found

    def _build(self, name: str, source: str, options: list[str]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        argv = [COMPILER or "", "-x", "c", "-", "-x", "none", "-o", str(path), *options]
        subprocess.run(argv, input=source.encode(), check=True, capture_output=True, timeout=60)  # noqa: S603  (the compiler, on this file's own text)


Case = Callable[[Workshop], None]


def everything_is_there(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so")
    shop.lib("a/libb.so")
    shop.program("liba.so", rpath="@/a")


def one_is_missing(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libgone.so")
    shop.program("liba.so", rpath="@/a")


def runpath_of_the_program_serves_its_libraries(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so")
    shop.lib("a/libb.so")
    shop.program("liba.so", runpath="@/a")


def runpath_of_a_library_is_its_own_and_below(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so", runpath="@/b")
    shop.lib("b/libb.so", "libc1.so")
    shop.lib("b/libc1.so")
    shop.program("liba.so", "libc2.so", runpath="@/a")


def the_nearest_path_comes_first(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so", runpath="@/b")
    shop.lib("a/libb.so")
    shop.lib("b/libb.so")
    shop.program("liba.so", rpath="@/a")


def the_environment_comes_before_rpath(shop: Workshop) -> None:
    shop.lib("a/liba.so")
    shop.lib("e/liba.so")
    shop.env["LD_LIBRARY_PATH"] = f"{shop.root}/none:{shop.root}/e"
    shop.program("liba.so", rpath="@/a")


def a_soname_is_nothing(shop: Workshop) -> None:
    shop.lib("a/liba.so", soname="libother.so")
    shop.program("liba.so", "libother.so", rpath="@/a")


def a_name_that_is_loaded_is_not_searched_for(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so", rpath="@/b")
    shop.lib("b/libb.so")
    shop.lib("a/libz.so", "libb.so")
    shop.program("liba.so", "libz.so", rpath="@/a")


def a_path_gives_no_name(shop: Workshop) -> None:
    shop.lib("p/libp.so")
    shop.lib("a/liba.so", "libp.so")
    shop.program("@/p/libp.so", "liba.so", rpath="@/a")


def the_same_file_by_a_path_and_by_a_name(shop: Workshop) -> None:
    shop.lib("a/libp.so")
    shop.lib("a/liba.so", "libp.so")
    shop.program("@/a/libp.so", "liba.so", rpath="@/a")


def the_same_file_by_two_names(shop: Workshop) -> None:
    shop.lib("a/liba.so")
    shop.link("a/libalias.so", "liba.so")
    shop.program("liba.so", "libalias.so", rpath="@/a")


def the_first_file_wins_whatever_it_is(shop: Workshop) -> None:
    shop.put("t/liba.so", "/* GNU ld script */ INPUT(-lb)\n" * 5)
    shop.lib("a/liba.so")
    shop.program("liba.so", rpath="@/t:@/a")


def an_empty_file(shop: Workshop) -> None:
    shop.put("t/liba.so", "")
    shop.lib("a/liba.so")
    shop.program("liba.so", rpath="@/t:@/a")


def a_folder(shop: Workshop) -> None:
    (shop.root / "t/liba.so").mkdir(parents=True)
    shop.lib("a/liba.so")
    shop.program("liba.so", rpath="@/t:@/a")


def a_dangling_link_is_passed_over(shop: Workshop) -> None:
    shop.link("t/liba.so", "nothing")
    shop.lib("a/liba.so")
    shop.program("liba.so", rpath="@/t:@/a")


def names_of_the_c_library(shop: Workshop) -> None:
    shop.lib("a/libm.so.6")
    shop.program("libm.so.6", "libpthread.so.0", "libdl.so.2", "libc.so.6", "libcrypt.so.1", rpath="@/a")


def origin(shop: Workshop) -> None:
    shop.lib("a/liba.so", "libb.so", runpath="$ORIGIN/../b")
    shop.lib("b/libb.so")
    shop.program("liba.so", runpath="${ORIGIN}/a")


def origin_is_the_folder_of_the_link(shop: Workshop) -> None:
    shop.lib("real/liba.so", "libb.so", runpath="$ORIGIN")
    shop.link("a/liba.so", "../real/liba.so")
    shop.lib("a/libb.so")
    shop.program("liba.so", rpath="@/a")


def another_token_spoils_the_path(shop: Workshop) -> None:
    shop.lib("a/liba.so")
    shop.program("liba.so", rpath="@/a:$LIB/x")


def what_is_preloaded_has_a_name(shop: Workshop) -> None:
    shop.lib("e/liba.so")
    shop.env["LD_LIBRARY_PATH"] = str(shop.root / "e")
    shop.env["LD_PRELOAD"] = "libgone.so liba.so"
    shop.program("liba.so")


def an_undefined_symbol(shop: Workshop) -> None:
    source = "int gone(void); int f(void) { return gone(); }"
    shop.lib("a/liba.so", source=source)
    shop.program("liba.so", rpath="@/a")


def a_weak_symbol(shop: Workshop) -> None:
    shop.program(source="int gone(void) __attribute__((weak)); int main(void) { return gone != 0; }")


def a_symbol_of_the_c_library(shop: Workshop) -> None:
    source = "void *malloc(unsigned long); void *f(void) { return malloc(1); }"
    shop.lib("a/liba.so", source=source)
    shop.program("liba.so", rpath="@/a")


CASES: tuple[Case, ...] = (
    everything_is_there,
    one_is_missing,
    runpath_of_the_program_serves_its_libraries,
    runpath_of_a_library_is_its_own_and_below,
    the_nearest_path_comes_first,
    the_environment_comes_before_rpath,
    a_soname_is_nothing,
    a_name_that_is_loaded_is_not_searched_for,
    a_path_gives_no_name,
    the_same_file_by_a_path_and_by_a_name,
    the_same_file_by_two_names,
    the_first_file_wins_whatever_it_is,
    an_empty_file,
    a_folder,
    a_dangling_link_is_passed_over,
    names_of_the_c_library,
    origin,
    origin_is_the_folder_of_the_link,
    another_token_spoils_the_path,
    what_is_preloaded_has_a_name,
    an_undefined_symbol,
    a_weak_symbol,
    a_symbol_of_the_c_library,
)


def predicted(shop: Workshop) -> Closure:
    def symbols(path: ImagePath) -> SymbolTable | None:
        return symbols_of_file(os.open(path, os.O_RDONLY))

    world = World(MachineTree(), MachineFacts(), shop.env, symbols=symbols)
    (found,) = examine(world, [EntryPoint(ImagePath(str(shop.root / "main")), EntryKind.EXECUTABLE)], None)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_loaded_and_missed_is_what_musl_says(case: Case, tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    case(shop)
    listing = subprocess.run(  # noqa: S603  (musl's loader, on a program built here)
        [LOADER, "--list", str(tmp_path / "main")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=shop.env,
    )

    found = predicted(shop)

    said = listing.stdout + listing.stderr
    loaded = {os.path.realpath(path) for path in re.findall(r"=> (/\S+) \(", said)}
    absent = set(re.findall(r"Error loading shared library ([^:\s]+):", said))
    undefined = set(re.findall(r"Error relocating \S+ (\w+): symbol not found", said))
    assert {p for p in found.loaded[1:] if p.startswith(str(tmp_path))} == {
        path for path in loaded if path.startswith(str(tmp_path)) and not path.endswith("/main")
    }, said
    assert missing_sonames(found) == absent, said
    assert {p.name for p in found.symbol_problems} == undefined, said
    assert bool(problems(found)) == (listing.returncode != 0), said

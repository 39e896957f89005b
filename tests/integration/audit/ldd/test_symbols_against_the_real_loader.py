"""Which symbols a library is refused for: the answer is that of ctypes in this machine's own Python."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.symbol_table import SymbolTable
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.folders import MachineFacts, MachineTree

pytestmark = pytest.mark.integration

LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
MAP = "V1 { global: old; }; V2 { global: f; };"
Case = Callable[["Workshop"], Path]


class Workshop:
    """Builds shared libraries in a folder; libraries that are linked against are found by RUNPATH."""

    def __init__(self, root: Path, compiler: str) -> None:
        self.root = root
        self._compiler = compiler

    def lib(self, name: str, source: str, *options: str, against: tuple[str, ...] = ()) -> Path:
        path = self.root / name
        links = [f"-L{self.root}", f"-Wl,-rpath,{self.root}", *(f"-l:{other}" for other in against)]
        argv = [self._compiler, "-shared", "-fPIC", "-nostdlib", f"-Wl,-soname,{name}", "-x", "c", "-"]
        argv += ["-x", "none", "-o", str(path), "-Wl,--no-as-needed", *options, *links]
        subprocess.run(argv, input=source.encode(), check=True, capture_output=True, timeout=60)  # noqa: S603  (the compiler, on this file's own text)
        return path

    def versioned(self, name: str, source: str, script: str) -> Path:
        file = self.root / f"{name}.map"
        file.write_text(script)
        return self.lib(name, source, f"-Wl,--version-script={file}")


def undefined(shop: Workshop) -> Path:
    return shop.lib("m.so", "int gone(void); int use(void) { return gone(); }")


def undefined_data(shop: Workshop) -> Path:
    return shop.lib("m.so", "extern int gone; int *use(void) { return &gone; }")


def undefined_weak(shop: Workshop) -> Path:
    return shop.lib("m.so", "__attribute__((weak)) int gone(void); int use(void) { return gone && gone(); }")


def of_the_interpreter(shop: Workshop) -> Path:
    return shop.lib("m.so", "void *PyLong_FromLong(long); void *use(void) { return PyLong_FromLong(1); }")


def of_the_c_library(shop: Workshop) -> Path:
    return shop.lib("m.so", "void *malloc(unsigned long); void *use(void) { return malloc(1); }")


def of_a_dependency(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    return shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))


def of_a_dependencys_dependency(shop: Workshop) -> Path:
    shop.lib("libb.so", "int f(void) { return 1; }")
    shop.lib("liba.so", "int a;", against=("libb.so",))
    return shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))


def wanted_by_a_dependency(shop: Workshop) -> Path:
    shop.lib("liba.so", "int gone(void); int a(void) { return gone(); }")
    return shop.lib("m.so", "int a(void); int use(void) { return a(); }", against=("liba.so",))


def of_the_module_itself(shop: Workshop) -> Path:
    shop.lib("liba.so", "int use(void); int a(void) { return use(); }")
    return shop.lib("m.so", "int a(void); int use(void) { return a(); }", against=("liba.so",))


def by_the_old_hash_table(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }", "-Wl,--hash-style=sysv")
    return shop.lib(
        "m.so", "int f(void); int use(void) { return f(); }", "-Wl,--hash-style=sysv", against=("liba.so",)
    )


def undefined_by_the_old_hash_table(shop: Workshop) -> Path:
    return shop.lib("m.so", "int gone(void); int use(void) { return gone(); }", "-Wl,--hash-style=sysv")


def hidden_away(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.lib("liba.so", '__attribute__((visibility("hidden"))) int f(void) { return 1; } int a;')
    return module


def protected(shop: Workshop) -> Path:
    shop.lib("liba.so", '__attribute__((visibility("protected"))) int f(void) { return 1; }')
    return shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))


def indirect(shop: Workshop) -> Path:
    source = "static int g(void) { return 1; } static void *pick(void) { return g; }"
    shop.lib("liba.so", f'{source} int f(void) __attribute__((ifunc("pick")));')
    return shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))


def unique(shop: Workshop) -> Path:
    shop.lib(
        "liba.so", '__asm__(".globl u\\n.type u, %gnu_unique_object\\n.data\\nu: .long 1\\n.size u, 4");'
    )
    return shop.lib("m.so", "extern int u; int *use(void) { return &u; }", against=("liba.so",))


def versioned(shop: Workshop) -> Path:
    shop.versioned("liba.so", "int f(void) { return 1; } int old(void) { return 1; }", MAP)
    return shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))


def moved_to_another_version(shop: Workshop) -> Path:
    source = "int f(void) { return 1; } int old(void) { return 1; }"
    shop.versioned("liba.so", source, MAP)
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.versioned(
        "liba.so", source + "int other(void) { return 1; }", "V1 { global: f; }; V2 { global: other; };"
    )
    return module


def default_version_without_asking(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.versioned("liba.so", "int f(void) { return 1; } int old(void) { return 1; }", MAP)
    return module


def hidden_version_without_asking(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    source = 'int g(void) { return 1; } int old(void) { return 1; } __asm__(".symver g, f@V2");'
    shop.versioned("liba.so", source, "V1 { global: old; }; V2 { global: g; };")
    return module


CASES: tuple[Case, ...] = (
    undefined,
    undefined_data,
    undefined_weak,
    of_the_interpreter,
    of_the_c_library,
    of_a_dependency,
    of_a_dependencys_dependency,
    wanted_by_a_dependency,
    of_the_module_itself,
    by_the_old_hash_table,
    undefined_by_the_old_hash_table,
    hidden_away,
    protected,
    indirect,
    unique,
    versioned,
    moved_to_another_version,
    default_version_without_asking,
    hidden_version_without_asking,
)


def symbols(path: ImagePath) -> SymbolTable | None:
    return symbols_of_file(os.open(path, os.O_RDONLY))


def predicted(path: Path) -> Closure:
    """Examine the library as a module of the Python that runs this test."""
    tree = MachineTree()
    world = World(tree, MachineFacts(), {}, symbols=symbols)
    entry = EntryPoint(ImagePath(str(path)), EntryKind.CTYPES_TARGET)
    (found,) = examine(world, [entry], ImagePath(os.path.realpath(sys.executable)))
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_symbol_is_missed_where_the_loader_misses_it(case: Case, tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to build libraries")
    module = case(Workshop(tmp_path, compiler))
    said = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [sys.executable, "-c", LOAD, str(module)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={},
    ).stderr

    found = predicted(module)

    named = re.search(r"undefined symbol: (\w+)", said)
    assert [p.name for p in found.symbol_problems] == ([named[1]] if named else []), said
    assert found.requests == () or all(r.resolution.__class__.__name__ == "Resolved" for r in found.requests)

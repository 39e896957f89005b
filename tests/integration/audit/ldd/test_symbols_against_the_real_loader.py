"""Which symbols a library is refused for: the answer is that of ctypes in this machine's own Python."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from fleet_audit.audit.ldd.evidence import problems
from fleet_audit.audit.ldd.glibc import examine
from fleet_audit.audit.ldd.symbol_collector import symbols_of_file
from fleet_audit.audit.ldd.symbol_table import SymbolTable
from fleet_audit.audit.ldd.world import World
from fleet_audit.audit.model.elf import Closure, EntryKind, EntryPoint
from fleet_audit.audit.model.identity import ImagePath
from tests.support.folders import MachineFacts, MachineTree

pytestmark = pytest.mark.integration

LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
ST_OTHER = 5
STV_INTERNAL, STV_HIDDEN, STV_PROTECTED = 1, 2, 3
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

    def mark(self, name: str, symbol: str, visibility: int) -> None:
        """Change the visibility of a dynamic symbol, which a linker would have kept out of the table."""
        path = self.root / name
        with path.open("r+b") as file:
            table = ELFFile(file).get_section_by_name(".dynsym")
            assert isinstance(table, SymbolTableSection)
            number = next(n for n, found in enumerate(table.iter_symbols()) if found.name == symbol)
            file.seek(table["sh_offset"] + number * table["sh_entsize"] + ST_OTHER)
            file.write(bytes([visibility]))

    def program(self, source: str, *options: str, against: tuple[str, ...] = ()) -> Path:
        """Build a program; what it needs is found by RUNPATH, whether or not it defines everything."""
        path = self.root / "program"
        links = [f"-L{self.root}", f"-Wl,-rpath,{self.root}", *(f"-l:{other}" for other in against)]
        argv = [self._compiler, "-x", "c", "-", "-x", "none", "-o", str(path), "-Wl,--no-as-needed"]
        argv += ["-Wl,--unresolved-symbols=ignore-all", *options, *links]
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


def marked_hidden_in_the_table(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.mark("liba.so", "f", STV_HIDDEN)
    return module


def marked_hidden_with_many_others(shop: Workshop) -> Path:
    others = " ".join(f"int other{number}(void) {{ return 1; }}" for number in range(40))
    shop.lib("liba.so", f"int f(void) {{ return 1; }} {others}")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.mark("liba.so", "f", STV_HIDDEN)
    return module


def marked_internal_in_the_table(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.mark("liba.so", "f", STV_INTERNAL)
    return module


def marked_protected_in_the_table(shop: Workshop) -> Path:
    shop.lib("liba.so", "int f(void) { return 1; }")
    module = shop.lib("m.so", "int f(void); int use(void) { return f(); }", against=("liba.so",))
    shop.mark("liba.so", "f", STV_PROTECTED)
    return module


def wanted_and_marked_hidden(shop: Workshop) -> Path:
    module = shop.lib("m.so", "int gone(void); int use(void) { return gone(); }")
    shop.mark("m.so", "gone", STV_HIDDEN)
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
    marked_hidden_in_the_table,
    marked_hidden_with_many_others,
    marked_internal_in_the_table,
    marked_protected_in_the_table,
    wanted_and_marked_hidden,
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


def a_function_that_is_called(shop: Workshop) -> Path:
    return shop.program(CALLS_WHEN_ASKED, "-Wl,-z,lazy")


def a_function_that_is_called_and_bound_at_once(shop: Workshop) -> Path:
    return shop.program(CALLS_WHEN_ASKED, "-Wl,-z,now")


def a_variable(shop: Workshop) -> Path:
    return shop.program("extern int gone; int main(int n, char **v) { return n > 1 ? gone : 0; }", "-fPIE")


def the_address_of_a_function(shop: Workshop) -> Path:
    source = "int gone(void); void *kept = gone; int main(int n, char **v) { return n > 1 && kept == v; }"
    return shop.program(source, "-Wl,-z,lazy", "-fPIE", "-pie")


def a_function_that_a_library_calls(shop: Workshop) -> Path:
    shop.lib("liba.so", "int gone(void); int a(int n) { return n > 1 ? gone() : 0; }", "-Wl,-z,lazy")
    return shop.program(CALLS_A, "-Wl,-z,lazy", against=("liba.so",))


def a_function_whose_address_a_library_keeps(shop: Workshop) -> Path:
    shop.lib("liba.so", "int gone(void); void *kept = gone; int a(int n) { return n > 1 && kept; }")
    return shop.program(CALLS_A, "-Wl,-z,lazy", against=("liba.so",))


def a_function_that_a_library_bound_at_once_calls(shop: Workshop) -> Path:
    shop.lib("liba.so", "int gone(void); int a(int n) { return n > 1 ? gone() : 0; }", "-Wl,-z,now")
    return shop.program(CALLS_A, "-Wl,-z,lazy", against=("liba.so",))


def nothing(shop: Workshop) -> Path:
    shop.lib("liba.so", "int a(int n) { return n > 1; }")
    return shop.program(CALLS_A, "-Wl,-z,lazy", against=("liba.so",))


CALLS_WHEN_ASKED = "int gone(void); int main(int n, char **v) { return n > 1 ? gone() : 0; }"
CALLS_A = "int a(int); int main(int n, char **v) { return a(n) ? 3 : 0; }"

PROGRAMS: tuple[Case, ...] = (
    a_function_that_is_called,
    a_function_that_is_called_and_bound_at_once,
    a_variable,
    the_address_of_a_function,
    a_function_that_a_library_calls,
    a_function_whose_address_a_library_keeps,
    a_function_that_a_library_bound_at_once_calls,
    nothing,
)


@pytest.mark.parametrize("bind_now", [False, True], ids=["by default", "LD_BIND_NOW"])
@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case.__name__)
def test_a_program_starts_without_what_it_only_calls(case: Case, tmp_path: Path, *, bind_now: bool) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to build programs")
    env = {"LD_BIND_NOW": "1"} if bind_now else {}
    program = case(Workshop(tmp_path, compiler))
    world = World(MachineTree(), MachineFacts(), env, symbols=symbols)

    (found,) = examine(world, [EntryPoint(ImagePath(str(program)), EntryKind.EXECUTABLE)], None)

    at_start, when_called = (says_undefined(program, *words, env=env) for words in ((), ("call",)))
    ours = {problem.kind for problem in problems(found)}
    expected = {"symbol"} if at_start else {"optional"} if when_called else set()
    assert ours == expected, found.symbol_problems


def unversioned_with_the_symbol(shop: Workshop) -> None:
    shop.lib("liba.so", "int f(void) { return 1; }")


def unversioned_without_the_symbol_that_another_has(shop: Workshop) -> None:
    shop.lib("liba.so", "int a;")
    shop.lib("libb.so", "int f(void) { return 1; }")


def unversioned_behind_another_that_has_the_symbol(shop: Workshop) -> None:
    shop.lib("liba.so", "int f(void) { return 1; }")
    shop.lib("libb.so", "int f(void) { return 1; }")


@pytest.mark.parametrize(
    ("rebuild", "reference"),
    [
        (unversioned_with_the_symbol, ""),
        (unversioned_without_the_symbol_that_another_has, ""),
        (unversioned_behind_another_that_has_the_symbol, ""),
        (unversioned_with_the_symbol, "__attribute__((weak))"),
    ],
)
def test_a_library_that_lost_its_versions_matters_where_a_symbol_is_found_there(
    rebuild: Callable[[Workshop], None], reference: str, tmp_path: Path
) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to build libraries")
    shop = Workshop(tmp_path, compiler)
    shop.versioned("liba.so", "int f(void) { return 1; } int old(void) { return 1; }", MAP)
    shop.lib("libb.so", "int b;")
    source = f"{reference} int f(void); int use(void) {{ return f(); }}"
    module = shop.lib("m.so", source, against=("libb.so", "liba.so"))
    rebuild(shop)
    loaded = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [sys.executable, "-c", LOAD, str(module)], capture_output=True, timeout=60, check=False, env={}
    )

    found = predicted(module)

    assert bool(found.version_problems) == (loaded.returncode != 0), (loaded.stderr, found)


def says_undefined(program: Path, *words: str, env: dict[str, str]) -> bool:
    """Start a program and say whether the loader complains of a symbol."""
    done = subprocess.run(  # noqa: S603  (a program that this test has built)
        [str(program), *words], capture_output=True, text=True, timeout=60, check=False, env=env
    )
    return "undefined symbol: gone" in done.stderr

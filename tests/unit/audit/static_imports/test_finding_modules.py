"""Which file a module name means."""

import pytest

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.resolution.finder import Finder, Module, ModuleKind, Place, Side
from tests.support.trees import FOLDER, Link, tree

SUFFIXES = (".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so")


def find(files: dict[str, str | bytes | Link | None], name: str, *folders: str) -> Module | None:
    path = [Place(Side.IMAGE, normalise(folder)) for folder in folders or ("/a", "/b")]
    return Finder({Side.IMAGE: tree(files)}, path, SUFFIXES, stdlib.COMPILED).find(name)


def file_of(files: dict[str, str | bytes | Link | None], name: str) -> str | None:
    module = find(files, name)
    return None if module is None or module.file is None else module.file.path


def test_a_package_wins_over_an_extension_and_that_over_source() -> None:
    files: dict[str, str | bytes | Link | None] = {"/a/m.py": "", "/a/m.abi3.so": b"", "/a/m.so": b""}
    assert file_of(files, "m") == "/a/m.abi3.so"
    assert file_of({**files, "/a/m/__init__.py": ""}, "m") == "/a/m/__init__.py"


def test_the_first_folder_of_the_path_wins() -> None:
    assert file_of({"/a/m.py": "", "/b/m/__init__.py": ""}, "m") == "/a/m.py"


def test_a_folder_without_init_gives_way_to_a_module_further_on() -> None:
    assert file_of({"/a/m": FOLDER, "/b/m.py": ""}, "m") == "/b/m.py"


def test_namespace_portions_are_gathered() -> None:
    files: dict[str, str | bytes | Link | None] = {"/a/google/x.py": "", "/b/google/y.py": ""}
    module = find(files, "google")
    assert module is not None
    assert (module.kind, [str(f.path) for f in module.folders]) == (
        ModuleKind.NAMESPACE,
        ["/a/google", "/b/google"],
    )
    assert file_of(files, "google.y") == "/b/google/y.py"


def test_a_regular_package_closes_its_name() -> None:
    assert file_of({"/a/p/__init__.py": "", "/b/p/m.py": ""}, "p.m") is None


@pytest.mark.parametrize(
    "text",
    [
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
        "try:\n    __import__('pkg_resources').declare_namespace(__name__)\nexcept ImportError:\n    pass\n",
    ],
)
def test_packages_from_before_pep_420_may_add_their_parts_elsewhere(text: str) -> None:
    files: dict[str, str | bytes | Link | None] = {
        "/a/google/__init__.py": text,
        "/a/google/x.py": "",
        "/b/google/__init__.py": text,
        "/b/google/y.py": "",
    }
    assert file_of(files, "google") == "/a/google/__init__.py"
    assert file_of(files, "google.y") == "/b/google/y.py"
    assert file_of({**files, "/a/google/__init__.py": "# extend_path\n"}, "google.y") is None


def test_links_are_followed_inside_the_image() -> None:
    files: dict[str, str | bytes | Link | None] = {
        "/a/m": Link("/c/m"),
        "/c/m/__init__.py": "",
        "/a/n.py": Link("gone"),
    }
    assert file_of(files, "m") == "/a/m/__init__.py"
    assert file_of(files, "n") is None


def test_byte_code_alone_is_a_module_that_is_not_read() -> None:
    module = find({"/a/m.pyc": b""}, "m")
    assert module is not None
    assert module.kind is ModuleKind.BYTECODE


def test_an_extension_for_another_python_is_none_for_this_one() -> None:
    assert find({"/a/m.cpython-39-x86_64-linux-gnu.so": b""}, "m") is None


def test_built_in_modules_cannot_be_shadowed() -> None:
    module = find({"/a/sys.py": ""}, "sys")
    assert module is not None
    assert module.kind is ModuleKind.BUILTIN


def test_what_may_be_compiled_in_is_looked_for_first() -> None:
    assert file_of({"/a/math.so": b""}, "math") == "/a/math.so"
    module = find({}, "math")
    assert module is not None
    assert module.kind is ModuleKind.BUILTIN


def test_a_module_below_a_plain_module_is_none() -> None:
    assert find({"/a/m.py": ""}, "m.x") is None


def test_absurd_names_are_no_modules() -> None:
    assert find({}, ".".join("x" * 200)) is None
    assert find({}, "") is None
    assert find({}, "a..b") is None


def test_the_standard_library_differs_by_version() -> None:
    assert "distutils" in stdlib.modules(11)
    assert "distutils" not in stdlib.modules(12)
    assert "tomllib" not in stdlib.modules(10)
    assert "telnetlib" not in stdlib.modules(13)
    assert "zoneinfo" not in stdlib.modules(8)

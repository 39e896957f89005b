"""Where editable installs lead."""

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import ProviderKind
from fleet_audit.audit.static_imports.compiled.importable import importable_extensions
from fleet_audit.audit.static_imports.resolution.editable_finders import redirects
from fleet_audit.audit.static_imports.resolution.editables import Redirects, is_finder
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from tests.support.pythons import LIB, SITE, TAG, distribution, examination, python_image

FINDER = "__editable___mine_1_0_finder"
PTH = f"import {FINDER}; {FINDER}.install()"


def setuptools_finder(mapping: object, namespaces: object = None) -> str:
    return (
        "from __future__ import annotations\nimport sys\n"
        f"MAPPING: dict[str, str] = {mapping!r}\n"
        f"NAMESPACES: dict[str, list[str]] = {namespaces or {}!r}\n"
        "PATH_PLACEHOLDER = '__editable__.mine-1.0.finder' + '.__path_hook__'\n"
        "def install(): ...\n"
    )


def test_the_tables_of_setuptools_are_read() -> None:
    text = setuptools_finder(
        {"mine": "/src/mine", "one": "/src/one"}, {"space": ["/src/space"], "mapped": []}
    )
    found = redirects(FINDER, text.replace("'one'", "'mapped'").encode())
    assert found == Redirects(
        {ModuleName("mine"): ImagePath("/src/mine"), ModuleName("mapped"): ImagePath("/src/one")},
        {
            ModuleName("space"): (ImagePath("/src/space"),),
            ModuleName("mapped"): (ImagePath("/src/one"),),
        },
    )


def test_the_calls_of_the_editables_package_are_read() -> None:
    text = (
        "from editables.redirector import RedirectingFinder as F\nF.install()\n"
        "F.map_module('mine', '/src/mine/__init__.py')\n# F.map_module('other', '/x')\n"
    )
    found = redirects("_editable_impl_mine", text.encode())
    assert found == Redirects({ModuleName("mine"): ImagePath("/src/mine/__init__.py")})


@pytest.mark.parametrize(
    "text", ["", "MAPPING = where()", "MAPPING = {", "MAPPING = {" + "(" * 9000, "X = {'a': '/b'}"]
)
def test_a_finder_without_tables_that_can_be_read_is_none(text: str) -> None:
    assert redirects(FINDER, text.encode()) is None


def test_relative_and_computed_places_are_passed_over() -> None:
    assert redirects(FINDER, b"MAPPING = {'a': 'b', 'c': d, **e, 'f': '/../g'}") == Redirects(
        {ModuleName("f"): ImagePath("/g")}
    )


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (FINDER, True),
        ("_editable_impl_x", True),
        ("_x_editable_loader", True),
        ("editables", False),
        ("os", False),
    ],
)
def test_finders_are_known_by_their_names(module: str, expected: bool) -> None:
    assert is_finder(module) is expected


def imported(image: dict[str, str | bytes], app: str) -> dict[str, str | None]:
    (service,) = examination({"app.py": app}, image).services
    return {found.module: found.file for found in service.imports}


EDITABLE: dict[str, str | bytes] = {
    f"{SITE}/__editable__.mine-1.0.pth": PTH,
    f"{SITE}/{FINDER}.py": setuptools_finder(
        {"mine": "/src/mine", "single": "/src/single"}, {"space": ["/src/space"]}
    ),
    "/src/mine/__init__.py": "",
    "/src/mine/deep/inner.py": "",
    "/src/mine/deep/__init__.py": "",
    "/src/single.py": "",
    "/src/space/part.py": "",
}


def test_modules_of_an_editable_install_are_found_where_it_leads() -> None:
    assert imported(EDITABLE, "import mine.deep.inner, single, space.part\n") == {
        "mine.deep.inner": "/src/mine/deep/inner.py",
        "single": "/src/single.py",
        "space.part": "/src/space/part.py",
    }


def test_what_stands_on_the_path_comes_before_what_is_redirected() -> None:
    image = {**EDITABLE, f"{SITE}/single.py": "", f"{SITE}/space/__init__.py": ""}
    assert imported(image, "import single, space\n") == {
        "single": f"{SITE}/single.py",
        "space": f"{SITE}/space/__init__.py",
    }


def test_the_sources_of_an_editable_install_belong_to_its_distribution() -> None:
    metadata = distribution("mine", "1.0", {"__editable__.mine-1.0.pth": PTH})
    url = '{"dir_info": {"editable": true}, "url": "file:///src"}'
    image = {**EDITABLE, **metadata, "mine-1.0.dist-info/direct_url.json": url}
    (service,) = examination({"app.py": "import mine, single\n"}, image).services
    assert {(i.module, i.provided_by, i.distribution) for i in service.imports} == {
        ("mine", ProviderKind.FAMILY, "mine"),
        ("single", ProviderKind.FAMILY, "mine"),
    }


def test_extension_modules_of_an_editable_install_can_be_imported() -> None:
    image = python_image({**EDITABLE, f"/src/mine/deep/fast{TAG}": b"", "/src/other/slow.so": b""})
    interpreter = find_interpreter(image, ImageConfig())
    assert interpreter is not None
    modules = [found.module for found in importable_extensions(image, interpreter)]
    assert sorted(modules) == ["math", "mine.deep.fast"]


def test_a_finder_that_cannot_be_read_is_a_gap() -> None:
    pth = "import _mine_editable_loader\n"
    found = examination({"app.py": ""}, {"x.pth": pth, "_mine_editable_loader.py": "install('mine')"})
    assert [(gap.kind, gap.what) for gap in found.gaps] == [
        (GapKind.UNREADABLE_FILE, f"{SITE}/_mine_editable_loader.py")
    ]


def test_lines_of_code_in_pth_files_are_imports_of_every_service() -> None:
    image: dict[str, str | bytes] = {
        "hook.pth": "/nowhere\nimport os; enabled = True; enabled and __import__('hook').start()\n",
        "hook/__init__.py": "from . import fast\ndef start():\n    import heavy\n",
        f"hook/fast{TAG}": b"",
        "heavy.py": "import ctypes\nctypes.CDLL('libheavy.so.1')\n",
    }
    found = examination({"app.py": ""}, image)
    (service,) = found.services
    assert [(e.module, e.level, e.is_guarded) for e in service.extension_modules] == [("hook.fast", 0, True)]
    assert service.native_loads == ()
    (edge,) = [edge for edge in found.edges if edge.how == "starts Python, which runs"]
    assert (str(edge.source), str(edge.target)) == ("service:svc", "module:hook.pth")


def test_sitecustomize_runs_in_every_service_and_what_a_service_does_itself_is_still_followed() -> None:
    image = {"sitecustomize.py": "import both\n", "both.py": "def f():\n    import late\n", "late.py": ""}
    found = examination({"app.py": "import both\n"}, image)
    modules = {edge.target.name for edge in found.edges}
    assert {"sitecustomize", "both", "late"} <= modules
    assert "late" not in {edge.target.name for edge in examination({"app.py": ""}, image).edges}


def test_setuptools_stands_for_distutils_unless_a_variable_says_otherwise() -> None:
    line = (
        "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, '{}') == 'local'; "
        "enabled and __import__('_distutils_hack').add_shim()"
    )
    image: dict[str, str | bytes] = {
        "setuptools/__init__.py": "",
        "setuptools/_distutils/__init__.py": "",
        "setuptools/_distutils/core.py": "",
        f"{LIB}/distutils/__init__.py": "",
        f"{LIB}/distutils/core.py": "",
    }
    inside = f"{SITE}/setuptools/_distutils"
    app = "import distutils.core\n"
    assert imported({**image, "d.pth": line.format("local")}, app) == {"distutils.core": f"{inside}/core.py"}
    assert imported({**image, "d.pth": line.format("stdlib")}, app) == {
        "distutils.core": f"{LIB}/distutils/core.py"
    }

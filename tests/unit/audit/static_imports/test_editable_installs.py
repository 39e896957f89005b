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
        ("_x_editable", True),
        ("_editable_skbc_x", True),
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


SCIKIT = "class ScikitBuildRedirectingFinder:\n    pass\n\n\n"
SOURCES = {"mine": "/src/mine/__init__.py", "mine.part": "/src/mine/part.py", "it's": "/src/'.py"}
INSTALLED = {f"mine.{name}": f"mine/{file}" for name, file in (("fast", f"fast{TAG}"), ("made", "made.py"))}


@pytest.mark.parametrize(
    ("finder", "rest"),
    [
        ("_mine_editable", "None, False, True, [], [], ''"),
        (
            "_editable_skbc_mine",
            "{'mine': ['/src/mine', 'mine']}, ['mine'], '/src/build', True, True, [], [], ''",
        ),
    ],
)
def test_the_tables_of_scikit_build_core_are_read(finder: str, rest: str) -> None:
    image: dict[str, str | bytes] = {
        "mine.pth": f"import {finder}\n",
        f"{finder}.py": f"{SCIKIT}install({SOURCES!r}, {INSTALLED!r}, {rest})\n",
        f"mine/fast{TAG}": b"",
        "mine/made.py": "",
        "/src/mine/__init__.py": "",
        "/src/mine/part.py": "",
        "/src/mine/beside.py": "",
    }
    assert imported(image, "import mine.fast, mine.made, mine.part, mine.beside, mine.gone\n") == {
        "mine.fast": f"{SITE}/mine/fast{TAG}",
        "mine.made": f"{SITE}/mine/made.py",
        "mine.part": "/src/mine/part.py",
        "mine.beside": "/src/mine/beside.py",
        "mine.gone": None,
    }


MESON = "class MesonpyMetaFinder:\n    pass\n\n\n"
PLAN = """
{"targets": {"/build/fast.so": {"destination": "{py_platlib}/mine/fast.so", "tag": "runtime"}},
 "python": {"/src/mine/__init__.py": {"destination": "{py_purelib}/mine/__init__.py"},
            "/src/other.py": {"destination": "{py_purelib}/other.py"},
            "/src/tool": {"destination": "{bindir}/tool"}},
 "install_subdirs": {"/src/mine/sub": {"destination": "{py_purelib}/mine/sub",
                                       "exclude_files": ["left.py"], "exclude_dirs": ["out"]}}}
"""


@pytest.mark.parametrize(
    "call",
    [
        "install({'mine'}, '/build', ['ninja'], False)\n",
        "install(\n    'mine',\n    {'mine'},\n    '/build',\n    ['/usr/bin/ninja'],\n    False,\n)\n",
        "def init():\n    f = 1\n    finder = MesonpyMetaFinder('mine', {'mine'}, '/build', [], False)\n",
    ],
)
def test_the_install_plan_of_meson_python_is_read(call: str) -> None:
    image: dict[str, str | bytes] = {
        "mine-editable.pth": "import _mine_editable_loader\n",
        "_mine_editable_loader.py": MESON + call,
        "/build/meson-info/intro-install_plan.json": PLAN,
        "/build/fast.so": b"",
        "/src/other.py": "",
    }
    image |= {
        f"/src/mine/{n}.py": "" for n in ("__init__", "beside", "sub/__init__", "sub/left", "sub/out/x")
    }
    app = "import mine.fast, mine.sub, mine.beside, mine.sub.left, mine.sub.out, other\n"
    assert imported(image, app) == {
        "mine.fast": "/build/fast.so",
        "mine.sub": "/src/mine/sub/__init__.py",
        "mine.beside": None,
        "mine.sub.left": None,
        "mine.sub.out": None,
        "other": None,
    }
    interpreter = find_interpreter(python_image(image), ImageConfig())
    assert interpreter is not None
    modules = [found.module for found in importable_extensions(python_image(image), interpreter)]
    assert sorted(modules) == ["math", "mine.fast"]


@pytest.mark.parametrize(
    ("finder", "plan"),
    [
        (f"{MESON}install({{'mine'}}, '/elsewhere', [], False)\n", PLAN),
        (f"{MESON}install({{'mine'}}, '/build', [], False)\n", "{"),
        (f"{MESON}install({{'mine'}}, '/build', [], False)\n", "\ud800"),
        (f"{MESON}install({{'mine'}}, '/build', [], False)\n", '{"python": ["mine"]}'),
        (f"{MESON}install({{'mine'}}, '/build', [], False)\n", '{"a":' * 100_000),
        (f"{SCIKIT}install({ {f'm{i}': f'/m{i}.py' for i in range(20_000)} }, {{}}, None)\n", PLAN),
        (f"{MESON}install({{'mine'}}, build, [], False)\n", PLAN),
        (f"{MESON}install(", PLAN),
        (f"{SCIKIT}install({{}})\n", PLAN),
        (MESON, PLAN),
    ],
)
def test_a_finder_whose_tables_are_damaged_is_a_gap(finder: str, plan: str) -> None:
    image: dict[str, str | bytes] = {
        "mine-editable.pth": "import _mine_editable_loader\n",
        "_mine_editable_loader.py": finder,
        "/build/meson-info/intro-install_plan.json": plan.encode(errors="surrogatepass"),
    }
    found = examination({"app.py": "import mine\n"}, image)
    assert [(gap.kind, gap.what) for gap in found.gaps] == [
        (GapKind.UNREADABLE_FILE, f"{SITE}/_mine_editable_loader.py")
    ]


@pytest.mark.parametrize(
    "damage",
    [
        "'a': b, ",
        "'a': '/b' '/c', ",
        "**more, ",
        "'a': ['/b'], ",
        "'': '/b', ",
        "1: '/b', ",
        "'a': '\\x', ",
        "(",
    ],
)
def test_entries_that_are_no_strings_are_passed_over(damage: str) -> None:
    image: dict[str, str | bytes] = {
        "mine.pth": "import _mine_editable\n",
        "_mine_editable.py": f"{SCIKIT}install({{{damage}'mine': '/src/mine.py'}}, {{}}, None)\n",
        "/src/mine.py": "",
    }
    assert imported(image, "import mine\n") in ({"mine": "/src/mine.py"}, {"mine": None})


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

"""Which modules a service reaches, and how certainly."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.evidence import EvidenceGraph, Node, NodeKind
from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ComputedImport, ImportContext, Level
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import SITE, TAG, distribution, edges_between, examination, imports_of

World = Mapping[str, str | bytes]

CV2 = distribution(
    "opencv-python",
    "4.9",
    {
        "cv2/__init__.py": (
            "import importlib, sys\n"
            "def bootstrap():\n"
            "    sys.path.insert(1, here)\n"
            "    native = importlib.import_module('cv2')\n"
            "bootstrap()\n"
        ),
        "cv2/cv2.abi3.so": b"",
    },
)
PULSE = {
    "pulsectl/__init__.py": "from .pulsectl import Pulse\n",
    "pulsectl/pulsectl.py": "from . import _pulsectl as c\nclass Pulse: pass\n",
    "pulsectl/_pulsectl.py": (
        "from ctypes import *\n"
        "class LibPulse(object):\n"
        "\tdef __init__(self):\n"
        "\t\tp = CDLL('libpulse.so.0')\n"
        "pa = LibPulse()\n"
    ),
}


def levels(app: str, image: World, **others: str) -> dict[str, Level]:
    return {e.module: e.level for e in imports_of(app, image, **others).extension_modules}


def test_an_extension_module_that_a_module_level_import_leads_to_is_certain() -> None:
    image: World = {
        "pkg/__init__.py": "from .core import run\n",
        "pkg/core.py": "from . import _fast\n",
        f"pkg/_fast{TAG}": b"",
    }
    assert levels("import pkg\n", image) == {"pkg._fast": Level.CERTAIN}


def test_an_extension_module_that_only_a_function_imports_is_lazy() -> None:
    image: World = {"pkg/__init__.py": "def go():\n    from . import _fast\n", f"pkg/_fast{TAG}": b""}
    assert levels("import pkg\n", image) == {"pkg._fast": Level.LAZY}


def test_a_function_that_the_module_calls_is_as_certain_as_the_module() -> None:
    image: World = {"pkg/__init__.py": "def go():\n    from . import _fast\ngo()\n", f"pkg/_fast{TAG}": b""}
    assert levels("import pkg\n", image) == {"pkg._fast": Level.CERTAIN}


def test_what_is_called_through_many_functions_is_as_certain_as_the_first_call() -> None:
    steps = "".join(f"def f{i}():\n    f{i + 1}()\n" for i in reversed(range(60)))
    assert levels(f"def f60():\n    import _fast\n{steps}f0()\n", {f"_fast{TAG}": b""}) == {
        "_fast": Level.CERTAIN
    }


def test_a_function_whose_failed_import_the_caller_survives_by_name_is_probable() -> None:
    image: World = {f"_fast{TAG}": b""}
    tried = "def go():\n    import _fast\ntry:\n    go()\nexcept {}:\n    {}\n"

    assert levels(tried.format("ImportError", "pass"), image) == {"_fast": Level.PROBABLE}
    assert levels(tried.format("ImportError", "raise"), image) == {"_fast": Level.CERTAIN}
    assert levels(tried.format("Exception", "report()"), image) == {"_fast": Level.CERTAIN}


@pytest.mark.parametrize(
    ("call", "level"),
    [
        ("later = lambda: go()", Level.LAZY),
        ("register(lambda x, *y: [1, go(x)])", Level.LAZY),
        ("later = {'go': lambda: go()}", Level.LAZY),
        ("later = lambda: other.go()", Level.LAZY),
        ("later = lambda x=go(): x", Level.CERTAIN),
        ("print(lambda: 1, go())", Level.CERTAIN),
        ("later = lambda: 1; go()", Level.CERTAIN),
        ("later = lambda: 1\ngo()", Level.CERTAIN),
        ("print([lambda: 1], go())", Level.CERTAIN),
    ],
)
def test_what_a_lambda_calls_runs_when_the_lambda_does(call: str, level: Level) -> None:
    image: World = {f"fast{TAG}": b"", "other.py": "def go():\n    import fast\n"}
    app = f"import other\nregister = print\ndef go():\n    import fast\n{call}\n"
    assert levels(app, image) == {"fast": level}


def test_the_function_behind_the_main_guard_of_the_entry_runs() -> None:
    app = "def main():\n    import pkg\nif __name__ == '__main__':\n    main()\n"
    assert levels(app, {f"pkg{TAG}": b""}) == {"pkg": Level.CERTAIN}


def test_the_main_guard_of_a_library_does_not_run() -> None:
    image: World = {"pkg.py": "if __name__ == '__main__':\n    import _fast\n", f"_fast{TAG}": b""}
    assert levels("import pkg\n", image) == {}


def test_a_condition_that_cannot_be_decided_makes_it_probable() -> None:
    assert levels("if flag():\n    import pkg\n", {f"pkg{TAG}": b""}) == {"pkg": Level.PROBABLE}


def test_conditions_are_decided_for_linux_and_the_version_of_the_image() -> None:
    app = (
        "import sys\n"
        "if sys.platform == 'win32':\n    import a\n"
        "elif sys.version_info >= (3, 12):\n    import b\n"
        "else:\n    import c\n"
    )
    image: World = {f"{name}{TAG}": b"" for name in "abc"}
    assert levels(app, image) == {"c": Level.CERTAIN}


def test_what_only_type_checkers_import_is_listed_and_not_followed() -> None:
    app = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b\n"
    service = imports_of(app, {f"a{TAG}": b"", f"b{TAG}": b""})
    assert [e.module for e in service.extension_modules] == ["b"]
    assert {i.module: i.context for i in service.imports if i.module in "ab"} == {
        "a": ImportContext.TYPING,
        "b": ImportContext.MODULE,
    }


def test_the_handler_of_an_import_that_fails_runs() -> None:
    app = "try:\n    import a\nexcept ImportError:\n    import b\n"
    assert levels(app, {f"b{TAG}": b""}) == {"b": Level.CERTAIN}


def test_the_handler_of_an_import_that_succeeds_is_a_mere_possibility() -> None:
    app = "try:\n    import a\nexcept ImportError:\n    import b\n"
    assert levels(app, {f"a{TAG}": b"", f"b{TAG}": b""}) == {"a": Level.CERTAIN, "b": Level.STRING}


def test_a_name_that_is_not_in_its_module_makes_the_handler_run() -> None:
    app = "try:\n    from a import gone\nexcept ImportError:\n    import b\n"
    assert levels(app, {"a.py": "here = 1\n", f"b{TAG}": b""}) == {"b": Level.CERTAIN}


def test_a_name_that_its_module_may_compute_does_not() -> None:
    app = "try:\n    from a import gone\nexcept ImportError:\n    import b\n"
    assert levels(app, {"a.py": "globals()['gone'] = 1\n", f"b{TAG}": b""}) == {"b": Level.STRING}


def test_importing_a_submodule_imports_its_package_first() -> None:
    image: World = {"pkg/__init__.py": "from . import _base\n", f"pkg/_base{TAG}": b"", "pkg/sub.py": ""}
    assert levels("import pkg.sub\n", image) == {"pkg._base": Level.CERTAIN}


def test_a_name_that_a_package_binds_is_not_taken_for_its_submodule() -> None:
    image: World = {"pkg/__init__.py": "run = print\n", f"pkg/run{TAG}": b"", f"pkg/walk{TAG}": b""}
    assert levels("from pkg import run, walk\n", image) == {"pkg.walk": Level.CERTAIN}


def test_a_package_that_imports_its_own_name_again_means_the_extension_inside_it() -> None:
    found = imports_of("import cv2\n", CV2).extension_modules
    assert [(e.module, e.level, e.distribution) for e in found] == [
        ("cv2.cv2", Level.CERTAIN, "opencv-python")
    ]


def test_a_library_loaded_by_a_constructor_that_the_module_runs_is_certain() -> None:
    loads = imports_of("import pulsectl\n", PULSE).native_loads
    assert [(load.names, load.level) for load in loads] == [(("libpulse.so.0",), Level.CERTAIN)]


def test_a_library_loaded_by_a_constructor_that_nothing_runs_is_lazy() -> None:
    quiet = {
        **PULSE,
        "pulsectl/_pulsectl.py": str(PULSE["pulsectl/_pulsectl.py"]).replace("pa = ", "# pa = "),
    }
    assert [load.level for load in imports_of("import pulsectl\n", quiet).native_loads] == [Level.LAZY]


def test_a_module_reached_twice_has_the_level_of_its_most_certain_chain() -> None:
    image: World = {"a.py": "def f():\n    import x\n", "b.py": "import x\n", f"x{TAG}": b""}
    assert levels("import a\nimport b\n", image) == {"x": Level.CERTAIN}


def test_names_served_by_lazy_loader_lead_to_their_modules() -> None:
    image: World = {
        "sk/__init__.py": (
            "from lazy_loader import attach_stub\n__getattr__, __dir__, _ = attach_stub(__name__, __file__)\n"
        ),
        "sk/__init__.pyi": "from . import filters\nfrom ._draw import circle\n",
        "sk/filters/__init__.py": "from . import _edge\n",
        f"sk/filters/_edge{TAG}": b"",
        "sk/_draw.py": "import _pen\n",
        f"_pen{TAG}": b"",
        f"sk/unasked{TAG}": b"",
    }
    assert levels("from sk import filters, circle\n", image) == {
        "sk.filters._edge": Level.CERTAIN,
        "_pen": Level.CERTAIN,
    }


def test_an_import_known_to_be_computed_is_followed() -> None:
    found = examination(
        {"app.py": "import zmq\n"},
        {"zmq/__init__.py": "", f"zmq/_backend{TAG}": b""},
        computed=[ComputedImport("zmq", (ModuleName("zmq._backend"),), module=ModuleName("zmq"))],
    )
    assert [e.module for e in found.services[0].extension_modules] == ["zmq._backend"]


def test_every_step_is_an_edge_with_the_line_where_it_stands() -> None:
    found = examination({"app.py": "\nimport pulsectl\n"}, PULSE)
    (start,) = edges_between(found, "service:svc", "module:app")
    (own,) = edges_between(found, "module:app", "module:pulsectl")
    (inner,) = edges_between(found, "module:pulsectl.pulsectl", "module:pulsectl._pulsectl")
    (load,) = edges_between(found, "module:pulsectl._pulsectl", "so:libpulse.so.0")
    assert [str(e.location) for e in (start, own)] == ["app.py", "app.py:2"]
    assert [str(e.location) for e in (inner, load)] == [
        f"{SITE}/pulsectl/pulsectl.py:1",
        f"{SITE}/pulsectl/_pulsectl.py:4",
    ]


def test_modules_of_the_same_name_in_two_services_are_told_apart() -> None:
    services = [ServiceCode(name, f"{name}/app.py", (name,)) for name in ("one", "two")]
    sources = {
        "one/app.py": "import config\n",
        "one/config.py": "import a\n",
        "two/app.py": "import config\n",
        "two/config.py": "import b\n",
    }
    found = examination(sources, {f"a{TAG}": b"", f"b{TAG}": b""}, services=services)
    assert [[e.module for e in s.extension_modules] for s in found.services] == [["a"], ["b"]]
    assert edges_between(found, "module:one.config", "module:a")
    assert not edges_between(found, "module:one.config", "module:b")


def test_imports_in_a_circle_end() -> None:
    assert levels("import a\n", {"a.py": "import b\n", "b.py": "import a, _x\n", f"_x{TAG}": b""}) == {
        "_x": Level.CERTAIN
    }


def test_a_flag_that_is_false_keeps_its_branch_from_running() -> None:
    pkg = "SETUP = False\nif SETUP:\n    import a\nelse:\n    import b\n"
    assert levels("import pkg\n", {"pkg.py": pkg, f"a{TAG}": b"", f"b{TAG}": b""}) == {"b": Level.CERTAIN}


def test_a_flag_that_a_failed_import_sets_is_decided_in_the_image() -> None:
    pkg = (
        "try:\n    import gone\nexcept ImportError:\n    HAS = False\nelse:\n    HAS = True\n"
        "if HAS:\n    import a\n"
    )
    assert levels("import pkg\n", {"pkg.py": pkg, f"a{TAG}": b""}) == {}
    assert levels("import pkg\n", {"pkg.py": pkg, "gone.py": "", f"a{TAG}": b""}) == {"a": Level.CERTAIN}


def test_a_name_bound_before_an_import_that_fails_keeps_its_value() -> None:
    image: World = {"here.py": "", f"fast{TAG}": b""}
    app = "{0} = None\ntry:\n    import {0}\nexcept ImportError:\n    pass\nif {0}:\n    import fast\n"
    assert levels(app.format("gone"), image) == {}
    assert levels(app.format("here"), image) == {"fast": Level.CERTAIN}


def test_what_runs_where_a_name_is_bound_is_no_certainty() -> None:
    app = "try:\n    {}\nexcept NameError:\n    pass\nelse:\n    import fast\n"
    assert levels(app.format("unicode"), {f"fast{TAG}": b""}) == {"fast": Level.PROBABLE}
    assert levels(
        app.replace("NameError", "ImportError").format("import here"), {f"fast{TAG}": b"", "here.py": ""}
    ) == {"fast": Level.CERTAIN}


def test_what_stands_behind_a_suppressed_failure_does_not_run() -> None:
    image: World = {f"fast{TAG}": b"", "here.py": ""}
    app = "from contextlib import suppress\nwith suppress(ImportError):\n    import {}\n    import fast\n"
    assert levels(app.format("gone"), image) == {}
    assert levels(app.format("here"), image) == {"fast": Level.CERTAIN}


def test_a_failure_that_is_suppressed_inside_of_a_try_is_none_of_the_try() -> None:
    image: World = {f"fast{TAG}": b"", f"slow{TAG}": b""}
    app = (
        "from contextlib import suppress\n"
        "try:\n"
        "    with suppress(ImportError):\n"
        "        import gone\n"
        "    import fast\n"
        "except ImportError:\n"
        "    import slow\n"
    )
    assert levels(app, image) == {"fast": Level.CERTAIN, "slow": Level.STRING}


def test_a_relative_name_starts_from_the_package_that_the_call_gives() -> None:
    image: World = {"plug/__init__.py": "", f"plug/fast{TAG}": b""}
    app = "import importlib\nimportlib.import_module('.fast', package='plug')\n"
    assert levels(app, image) == {"plug.fast": Level.CERTAIN}


def test_a_flag_may_stand_in_another_module() -> None:
    image: World = {
        "pkg/__init__.py": (
            "from ._common import LINUX\nfrom . import _common as c\nif LINUX and c.LINUX:\n    import a\n"
        ),
        "pkg/_common.py": "import sys\nLINUX = sys.platform.startswith('linux')\n",
        f"a{TAG}": b"",
    }
    assert levels("import pkg\n", image) == {"a": Level.CERTAIN}


def test_a_flag_that_is_computed_decides_nothing() -> None:
    pkg = "FAST = True\nif probe():\n    FAST = False\nif FAST:\n    import a\n"
    assert levels("import pkg\n", {"pkg.py": pkg, f"a{TAG}": b""}) == {"a": Level.PROBABLE}


def test_an_environment_variable_is_usually_unset_and_may_be_set_by_whoever_starts_the_container() -> None:
    pkg = "import os\nif os.environ.get('PURE'):\n    import b\nelse:\n    import a\n"
    found = levels("import pkg\n", {"pkg.py": pkg, f"a{TAG}": b"", f"b{TAG}": b""})
    assert found == {"a": Level.CERTAIN, "b": Level.PROBABLE}


def test_a_flag_that_a_variable_sets_makes_its_branch_possible() -> None:
    pkg = "import os\nFAST = os.environ.get('FAST')\nif FAST:\n    import b\n"
    assert levels("import pkg\n", {"pkg.py": pkg, f"b{TAG}": b""}) == {"b": Level.PROBABLE}


def test_an_attribute_served_lazily_is_reached_where_it_is_used() -> None:
    image: World = {
        "sk/__init__.py": (
            "import lazy_loader as lazy\n"
            "__getattr__, _, _ = lazy.attach(__name__, ['io'], {'draw': ['pen']})\n"
        ),
        "sk/io.py": "import _io_fast\n",
        "sk/draw.py": "import _pen\n",
        f"_io_fast{TAG}": b"",
        f"_pen{TAG}": b"",
    }
    app = "import sk\nsk.io.read()\ndef f():\n    return sk.pen\n"
    assert levels(app, image) == {"_io_fast": Level.CERTAIN, "_pen": Level.LAZY}
    assert levels("import sk\n", image) == {}


def test_a_failure_further_down_makes_the_handler_run_as_well() -> None:
    image: World = {"a.py": "import b\n", "b.py": "import gone\n", f"c{TAG}": b""}
    app = "try:\n    import a\nexcept ImportError:\n    import c\n"
    service = imports_of(app, image)
    assert [(e.module, e.level) for e in service.extension_modules] == [("c", Level.CERTAIN)]
    assert service.missing == ()


def test_an_extension_module_behind_a_guard_is_marked_so() -> None:
    app = "try:\n    import a\nexcept ImportError:\n    a = None\nimport b\n"
    found = imports_of(app, {"a.py": "import x, y\n", "b.py": "import y\n", f"x{TAG}": b"", f"y{TAG}": b""})
    assert {e.module: e.is_guarded for e in found.extension_modules} == {"x": True, "y": False}


def test_an_import_by_a_call_is_guarded_as_a_statement_is() -> None:
    app = "import importlib\ntry:\n    importlib.import_module('x')\nexcept ImportError:\n    pass\n"
    app += "importlib.import_module('y')\n"
    found = imports_of(app, {f"x{TAG}": b"\x7fELF", f"y{TAG}": b"\x7fELF"})
    assert {e.module: e.is_guarded for e in found.extension_modules} == {"x": True, "y": False}


def test_what_an_installed_module_finds_in_one_services_code_is_no_evidence_for_another() -> None:
    sources = {"a/app.py": "import lib\n", "a/own.py": "import json\n", "b/app.py": "import lib\n"}
    services = [ServiceCode(name, f"{name}/app.py", (f"{name}",)) for name in ("a", "b")]

    found = examination(sources, {"lib.py": "import own\n"}, services=services)

    graph = EvidenceGraph(found.edges)
    own = Node(NodeKind.MODULE, "a.own")
    assert graph.chain(Node(NodeKind.SERVICE, "a"), own) is not None
    assert graph.chain(Node(NodeKind.SERVICE, "b"), own) is None


def test_a_string_of_own_code_that_names_a_module_is_the_weakest_link() -> None:
    image: World = {"plug/__init__.py": "", "plug/fast.py": "import _fast\n", f"_fast{TAG}": b""}
    for named in ("plug.fast", "plug.fast:app", "plug.fast.Handler"):
        app = f"import json\nPLUGINS = ['{named}', 'index.html', 'json.tool']\n"
        assert levels(app, image) == {"_fast": Level.STRING}
    assert levels("PLUGINS = ['plug.fasts:app']\n# 'plug.fast'\n", image) == {}


def test_strings_of_installed_code_name_nothing() -> None:
    image: World = {"pkg.py": "NAMES = ['plug.fast']\n", "plug/__init__.py": "", f"plug/fast{TAG}": b""}
    assert levels("import pkg\n", image) == {}

"""What packages import when a name is taken from them that they do not bind (PEP 562)."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, imports_of

World = Mapping[str, str | bytes]

MODULES: World = {
    "pkg/tools.py": "from . import _tools\nclass Tool: ...\n__all__ = ['Tool']\n",
    f"pkg/_tools{TAG}": b"",
    "pkg/other.py": "from . import _other\n",
    f"pkg/_other{TAG}": b"",
}
HOOK = "def __getattr__(name):\n    "
LOAD = "import importlib\n"


def levels(app: str, package: str) -> dict[str, Level]:
    image = {**MODULES, "pkg/__init__.py": package}
    return {e.module: e.level for e in imports_of(app, image).extension_modules}


@pytest.mark.parametrize(
    "package",
    [
        f"{HOOK}if name == 'Tool':\n        from .tools import Tool\n        return Tool\n",
        f"{HOOK}if name in ('Tool', 'x'):\n        from . import tools\n        return tools.Tool\n",
        f"{HOOK}if name != 'Tool':\n        raise AttributeError\n    from .tools import Tool\n",
        f"{LOAD}_LAZY = {{'Tool': 'tools'}}\n{HOOK}return importlib.import_module(_LAZY[name])\n",
        f"{LOAD}_LAZY = {{'Tool': '.tools'}}\n{HOOK}return importlib.import_module(_LAZY[name], __name__)\n",
        f"{LOAD}_LAZY = {{'Tool': ('pkg.tools', 'Tool')}}\n{HOOK}return load(*_LAZY[name])\n",
        f"_LAZY = {{\n    # tools\n    'Tool': ('tools', 'Tool'),  # why\n    'b': 'other',\n}}\n{HOOK}...\n",
        "import sys\nsys.modules[__name__] = _LazyModule(__name__, {'tools': ['A', 'Tool'], 'b': ['x']})\n",
        "_S = {}\n_S['tools'] = ['Hammer']\n_S['tools'].append('Tool')\n__getattr__ = attach(_S)\n",
        "__getattr__, __dir__ = _attach(__name__, submodules=[], submod_attrs={'tools': ('Tool',)})\n",
        "from celery import local\nlocal.recreate_module(__name__, by_module={'pkg.tools': ['Tool']})\n",
        "if TYPE_CHECKING:\n    from .tools import Tool\nelse:\n    def __getattr__(name):\n        ...\n",
        f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .tools import *\n{HOOK}...\n",
    ],
)
@pytest.mark.parametrize("app", ["from pkg import Tool\n", "import pkg\nx = pkg.Tool()\n"])
def test_a_name_leads_to_the_module_that_the_package_serves_it_from(package: str, app: str) -> None:
    assert levels(app, package) == {"pkg._tools": Level.CERTAIN}
    assert levels("import pkg\n", package).get("pkg._tools", Level.LAZY) is Level.LAZY


def test_a_submodule_is_served_under_its_own_name() -> None:
    package = f"{LOAD}{HOOK}return importlib.import_module(f'.{{name}}', __name__)\n"
    assert levels("from pkg import other\n", package) == {"pkg._other": Level.CERTAIN}
    assert levels("import pkg\npkg.other.run()\n", package) == {"pkg._other": Level.CERTAIN}


def test_a_name_that_no_table_has_leads_nowhere() -> None:
    assert levels("from pkg import Saw\n", f"_LAZY = {{'Tool': 'tools'}}\n{HOOK}...\n") == {}


def test_a_table_of_a_package_that_serves_nothing_is_left_alone() -> None:
    assert levels("import pkg\nx = pkg.Tool\n", "NAMES = {'Tool': 'tools'}\n") == {}


def test_entries_that_are_made_under_a_condition_are_decided_in_the_image() -> None:
    package = (
        "_S = {}\n"
        "try:\n    if not has_torch():\n        raise NotThere()\n"
        "except NotThere:\n    _S['other'] = ['Tool']\n"
        "else:\n    _S['tools'] = ['Tool']\n"
        "def has_torch():\n    return find_spec('torch') is not None\n"
        "import sys\nsys.modules[__name__] = _LazyModule(__name__, _S)\n"
    )
    assert levels("from pkg import Tool\n", package) == {"pkg._other": Level.CERTAIN}


def test_a_star_import_takes_what_the_package_names_and_serves() -> None:
    package = f"__all__ = list({{'Tool', 'x'}} | set(more.__all__))\n_LAZY = {{'Tool': 'tools'}}\n{HOOK}...\n"
    assert levels("from pkg import *\n", package) == {"pkg._tools": Level.CERTAIN}


def test_packages_that_serve_each_other_in_a_circle_end() -> None:
    image: World = {
        "a.py": f"{HOOK}import b\n    return b.thing\n",
        "b.py": f"{HOOK}import a\n    return a.thing\n",
    }
    assert imports_of("import a\nx = a.thing\n", image).extension_modules == ()


def test_a_long_chain_of_packages_that_serve_from_the_next_ends() -> None:
    image = {f"p{i}.py": f"{HOOK}import p{i + 1}\n    return p{i + 1}.thing\n" for i in range(600)}
    assert imports_of("import p0\nx = p0.thing\n", image).extension_modules == ()

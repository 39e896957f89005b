"""Imports by names that are computed, where the package that the names are in can be told."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, examination

World = Mapping[str, str | bytes]

IMAGE: World = {f"fast{TAG}": b"", f"slow{TAG}": b"", "hidden.py": "import slow\n"}
PLUGINS = {
    "plugins/__init__.py": "",
    "plugins/first.py": "import fast\n",
    "plugins/second/__init__.py": "",
    "plugins/second/inner.py": "import slow\n",
    "plugins/__main__.py": "import slow\n",
    "plugins/test_first.py": "import slow\n",
    "plugins/notes.txt": "import slow\n",
}
LISTED = "for _, name, _ in pkgutil.iter_modules(plugins.__path__): "
PREFIXED = "for _, name, _ in pkgutil.iter_modules(plugins.__path__, prefix='plugins.'): "
WALKED = "for _, name, _ in pkgutil.walk_packages(plugins.__path__, 'plugins.'): "


def levels(app: str, **packages: str) -> dict[str, Level]:
    inits = {f"{name}/__init__.py": text for name, text in packages.items()}
    found = examination({**PLUGINS, **inits, "app.py": f"import importlib, pkgutil, sys\n{app}"}, IMAGE)
    return {each.module: each.level for each in found.services[0].extension_modules}


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module(f'plugins.{sys.argv[1]}')",
        "importlib.import_module(f'plugins.{sys.argv[1]}.handler')",
        "importlib.import_module('plugins.' + sys.argv[1])",
        "importlib.import_module('plugins.%s' % sys.argv[1])",
        "importlib.import_module('plugins.{}'.format(sys.argv[1]))",
        "importlib.import_module('.' + sys.argv[1], package='plugins')",
        "PACKAGE = 'plugins'\nimportlib.import_module(f'{PACKAGE}.{sys.argv[1]}')",
        "import plugins\nimportlib.import_module(f'{plugins.__name__}.{sys.argv[1]}')",
        f"import plugins\n{LISTED}importlib.import_module('plugins.' + name)",
        f"import plugins\n{PREFIXED}importlib.import_module(name)",
        f"import plugins\ndef load():\n    {WALKED}importlib.import_module(name)\nload()",
    ],
)
def test_each_module_of_an_own_package_that_is_named_is_probable(call: str) -> None:
    assert levels(f"{call}\n") == {"fast": Level.PROBABLE}


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module(f'{__name__}.{name}')",
        "importlib.import_module('.' + name, __name__)",
        "importlib.import_module(names[name])",
    ],
)
def test_a_package_may_import_all_that_stands_in_it(call: str) -> None:
    init = f"import importlib, pkgutil\nfor _, name, _ in pkgutil.iter_modules(__path__): {call}\n"
    assert levels("import plugins\n", plugins=init) == {"fast": Level.PROBABLE}


def test_a_name_that_an_argument_decides_is_lazy() -> None:
    load = "def load(name):\n    return importlib.import_module(f'plugins.{name}')\nload(sys.argv[1])\n"
    assert levels(load) == {"fast": Level.LAZY}


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module(sys.argv[1])",
        "importlib.import_module(sys.argv[1] + '.plugins')",
        "importlib.import_module('plugins' + sys.argv[1])",
        "importlib.import_module('.' + sys.argv[1])",
        "importlib.import_module('.' + sys.argv[1], sys.argv[2])",
        f"import plugins\n{LISTED}print(name)\ndef load():\n    importlib.import_module(sys.argv[1])",
        "def names():\n    return pkgutil.iter_modules(find_folders())\nimportlib.import_module(sys.argv[1])",
    ],
)
def test_a_name_that_tells_no_package_leads_nowhere(call: str) -> None:
    assert levels(f"{call}\n") == {}


def test_installed_packages_are_not_taken_as_a_whole() -> None:
    image: World = {"lib/__init__.py": "", "lib/one.py": "import fast\n", f"fast{TAG}": b""}
    found = examination(
        {"app.py": "import importlib, sys\nimportlib.import_module(f'lib.{sys.argv}')\n"}, image
    )
    assert found.services[0].extension_modules == ()


def test_a_computed_name_is_told_all_the_same() -> None:
    app = "import importlib, sys\nimportlib.import_module(f'plugins.{sys.argv[1]}')\n"
    found = examination({**PLUGINS, "app.py": app}, IMAGE).services[0]
    assert [call.location.line for call in found.dynamic_imports] == [2]
    assert found.missing == ()


def test_many_calls_beside_many_listings_are_followed() -> None:
    app = "import plugins\n" + LISTED + "print(name)\n" + "pkgutil.iter_modules(plugins.__path__)\n" * 800
    assert levels(app + "importlib.import_module(name)\n" * 800) == {"fast": Level.PROBABLE}

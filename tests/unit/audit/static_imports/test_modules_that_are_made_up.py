"""Modules that a service's own code puts into ``sys.modules``: nobody else has to bring them."""

import pytest

from fleet_audit.audit.model.imports import ProviderKind
from tests.support.pythons import imports_of


def missing(app: str, **others: str) -> list[str]:
    return [found.module for found in imports_of(app, {}, **others).missing]


@pytest.mark.parametrize(
    "makes",
    [
        "sys.modules['made'] = stub",
        "sys.modules[\n    'made'\n] = stub",
        "sys.modules.setdefault('made', stub)",
        "for name in ('other', 'made'):\n    sys.modules[name] = stub",
        "NAME = 'made'\nsys.modules[NAME] = stub",
        "def make():\n    sys.modules['made'] = stub\nmake()",
        "try:\n    import gone\nexcept ImportError:\n    sys.modules['made'] = stub",
    ],
)
def test_a_module_that_own_code_makes_up_is_not_missing(makes: str) -> None:
    assert "made" not in missing(f"import sys\n{makes}\nimport made\n")


@pytest.mark.parametrize(
    "does",
    [
        "stub = sys.modules['made']",
        "if sys.modules['made'] == stub: pass",
        "sys.modules[stub] = 'made'",
        "sys.modules['other'] = 'made'",
        "sys.modules['made.inner'] = stub",
        "sys.modules.get('made', stub)",
        "sys.modules.setdefault('other', 'made')",
        "'''\nsys.modules['made'] = stub\n'''",
        "def test():\n    sys.modules['made'] = stub",
        "if sys.platform == 'win32':\n    sys.modules['made'] = stub",
    ],
)
def test_a_module_that_is_only_spoken_of_is_missing(does: str) -> None:
    assert missing(f"import sys\n{does}\nimport made\n") == ["made"]


def test_another_file_may_make_it_up() -> None:
    stubs = "import sys\nsys.modules['made'] = object()\n"
    assert missing("import stubs\nfrom made import name\n", stubs=stubs) == []
    assert missing("from made import name\n", stubs=stubs) == ["made"]


def test_what_is_below_a_module_that_is_made_up_is_still_missing() -> None:
    assert missing("import sys\nsys.modules['made'] = object()\nimport made.inner\n") == ["made.inner"]


def test_a_module_that_is_made_up_is_the_services_own() -> None:
    found = imports_of("import sys\nsys.modules['made'] = object()\nimport made\n")
    assert [i.provided_by for i in found.imports if i.module == "made"] == [ProviderKind.FIRST_PARTY]

"""Names that a service takes from its own packages, and that are nowhere."""

import pytest

from fleet_audit.audit.model.imports import ImportContext, Level
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import examination

TAKING = "from common import gone\n"


def missing(app: str, package: str, **others: str) -> dict[str, tuple[Level, ImportContext]]:
    """Return what is missing for ``app.py`` beside a package ``common`` with this text."""
    sources = {"app.py": app, "common/__init__.py": package, "common/there.py": ""}
    sources |= {f"{name.replace('__', '/')}.py": text for name, text in others.items()}
    service = ServiceCode("svc", "app.py", (".",))
    found = examination(sources, {"lib/__init__.py": ""}, services=(service,)).services[0]
    return {m.module: (m.level, m.context) for m in found.missing if m.is_first_party}


def test_a_name_that_is_neither_bound_nor_a_module_is_missing() -> None:
    found = missing("from common import there, made, gone\n", "made = 1\n")

    assert found == {"common.gone": (Level.CERTAIN, ImportContext.MODULE)}


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("def f():\n    from common import gone\n", (Level.LAZY, ImportContext.LAZY)),
        (
            "try:\n    from common import gone\nexcept ImportError:\n    gone = None\n",
            (0, ImportContext.GUARDED),
        ),
    ],
)
def test_how_badly_it_is_missing_is_what_the_import_says(app: str, expected: tuple[int, str]) -> None:
    assert missing(app, "")["common.gone"] == expected


@pytest.mark.parametrize(
    "package",
    [
        "def __getattr__(name):\n    return name\n",
        "from lib import *\n",
        "globals().update(table)\n",
        "import sys\nsys.modules[__name__] = Other()\n",
        "def set_up():\n    global gone\n    gone = 1\n",
        "for gone in range(3):\n    pass\n",
        "if (gone := find()):\n    pass\n",
        "match x:\n    case [gone, *_]:\n        pass\n",
        "with open(x) as gone:\n    pass\n",
        "import gone.inner\n",
        "class gone: ...\n",
        "type gone = int\n",
        "exec('gone = 1')\n",
        "# gone is set by the loader\n",
    ],
)
def test_a_package_whose_text_may_bind_the_name_is_not_said_to_lack_it(package: str) -> None:
    assert "common.gone" not in missing(TAKING, package)


@pytest.mark.parametrize(
    "other",
    [
        "import common\ncommon.gone = 1\n",
        "import common as c\nc.gone: int = 1\n",
        "import common\nsetattr(common, 'gone', 1)\n",
    ],
)
def test_a_name_that_another_file_may_set_is_not_said_to_be_missing(other: str) -> None:
    assert missing(f"import other\n{TAKING}", "", other=other) == {}
    assert missing(f"import tools.other\n{TAKING}", "", tools__other=other) == {}


@pytest.mark.parametrize(
    "other", ["import common\ncommon.gone == 1\n", "setattr(x, 'other', 1)\n", "gone = 1\nbygone.gone()\n"]
)
def test_another_file_that_only_has_the_word_changes_nothing(other: str) -> None:
    assert list(missing(f"import other\n{TAKING}", "", other=other)) == ["common.gone"]


def test_only_packages_of_the_repository_are_judged() -> None:
    assert missing("from lib import gone\n", "") == {}
    assert missing("from plain import gone\n", "", plain="") == {}

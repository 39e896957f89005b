"""Imports by names that code computes, as the knowledge base has them."""

from collections.abc import Mapping

import msgspec
import pytest

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import ComputedImports, KnowledgeFile
from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, examination

ENGINE = ComputedImports(
    id="db-fast",
    distribution="db",
    why="an engine imports the driver that its address names",
    references=("db: create_engine()",),
    checked="db 1",
    calls={"db.create_engine": ("fast", "gone")},
    prefix="db+fast:",
    unless=("module",),
)
BACKENDS = ComputedImports(
    id="db-backend",
    distribution="db",
    why="the first that is there",
    references=("db: select()",),
    checked="db 1",
    modules={"db.backend": ("gone", "slow", "fast")},
    takes_first=True,
)
RUNNER = ComputedImports(
    id="db-run",
    distribution="db",
    why="what is named is imported",
    references=("db: run()",),
    checked="db 1",
    calls={"db.run": ()},
    names_module=True,
    level="probable",
)
IMAGE: Mapping[str, str | bytes] = {
    "db/__init__.py": "from .engine import create_engine\ndef run(name): ...\n",
    "db/engine.py": "def create_engine(address, module=None): ...\n",
    "db/backend.py": "",
    f"fast{TAG}": b"",
    f"slow{TAG}": b"",
}


def levels(app: str, *rows: ComputedImports) -> dict[str, Level]:
    known = Knowledge([KnowledgeFile(computed_imports=rows)])
    found = examination({"app.py": app}, IMAGE, computed=known.computed_imports)
    return {e.module: e.level for e in found.services[0].extension_modules}


@pytest.mark.parametrize(
    "call",
    [
        "import db\ndb.create_engine('db+fast://host')\n",
        "from db import create_engine as create\ncreate('db+fast://host', echo=True)\n",
        "import db as d\nURL = 'db+fast://host'\ne = d.create_engine(URL)\n",
        "import db\ne = db.create_engine(f'db+fast://{host}/x')\n",
    ],
)
def test_a_call_with_an_address_loads_what_the_address_names(call: str) -> None:
    assert levels(call, ENGINE) == {"fast": Level.CERTAIN}


@pytest.mark.parametrize(
    "call",
    [
        "import db\ndb.create_engine('db+slow://host')\n",
        "import db\ndb.create_engine(address)\n",
        "import db\ndb.create_engine('db+fast://host', module='mine')\n",
        "import db\n",
        "from other import create_engine\ncreate_engine('db+fast://host')\n",
    ],
)
def test_a_call_that_names_something_else_loads_nothing(call: str) -> None:
    assert levels(call, ENGINE) == {}


def test_a_call_in_a_function_that_nothing_runs_is_lazy() -> None:
    assert levels("import db\ndef f():\n    db.create_engine('db+fast:')\n", ENGINE) == {"fast": Level.LAZY}


def test_a_function_is_known_by_the_names_that_pass_it_on() -> None:
    call = "from db import create_engine\ncreate_engine('db+fast:')\n"
    row = msgspec.structs.replace(ENGINE, calls={"db.engine.create_engine": ("fast",)})
    assert levels(call, row) == {"fast": Level.CERTAIN}


def test_of_several_candidates_the_first_that_is_there_is_loaded() -> None:
    assert levels("import db.backend\n", BACKENDS) == {"slow": Level.CERTAIN}


def test_a_module_that_a_call_names_is_loaded_as_certainly_as_the_row_says() -> None:
    assert levels("import db\ndb.run('fast:app')\n", RUNNER) == {"fast": Level.PROBABLE}
    assert levels("import db\ndb.run('not a module')\n", RUNNER) == {}


PLUGINS = ComputedImports(
    id="db-plugins",
    distribution="db",
    why="those whose library is not installed are passed over",
    references=("db: plugins()",),
    checked="db 1",
    calls={"db.run": ("db.with_fast", "db.with_gone")},
    survives=True,
)


@pytest.mark.parametrize(("survives", "expected"), [(True, {"fast"}), (False, {"fast", "slow"})])
def test_a_module_that_cannot_be_imported_is_passed_over_where_that_is_survived(
    survives: bool,
    expected: set[str],
) -> None:
    image = {
        **IMAGE,
        "db/with_fast.py": "import fast\n",
        "db/with_gone.py": "import slow\ntry:\n    import gone\nexcept ImportError:\n    raise NotEnabled\n",
    }
    row = msgspec.structs.replace(PLUGINS, survives=survives)
    known = Knowledge([KnowledgeFile(computed_imports=(row,))])

    found = examination({"app.py": "import db\ndb.run('x')\n"}, image, computed=known.computed_imports)

    modules = found.services[0].extension_modules
    assert {e.module for e in modules if e.level is Level.CERTAIN} == expected


@pytest.mark.parametrize(("package", "expected"), [({}, set()), ({"space/__init__.py": ""}, {"slow"})])
def test_only_a_package_with_code_of_its_own_may_have_modules_without_files(
    package: Mapping[str, str], expected: set[str]
) -> None:
    image = {
        **IMAGE,
        **package,
        "space/there.py": "",
        "db/with_fast.py": "import fast\n",
        "db/with_gone.py": "import slow\nimport space.gone\n",
    }
    known = Knowledge([KnowledgeFile(computed_imports=(PLUGINS,))])

    found = examination({"app.py": "import db\ndb.run('x')\n"}, image, computed=known.computed_imports)

    modules = found.services[0].extension_modules
    assert {e.module for e in modules if e.level is Level.CERTAIN} == {"fast", *expected}


NAMES = ComputedImports(
    id="db-names",
    distribution="db",
    why="a name is imported as it is taken",
    references=("db: __getattr__()",),
    checked="db 1",
    names={"fast": ("db.Fast", "db.quick"), "slow": ("db.Slow",)},
)
LISTED = ComputedImports(
    id="db-listed",
    distribution="db",
    why="what is listed is imported",
    references=("db: Context()",),
    checked="db 1",
    calls={"db.run": ()},
    lists=("0", "kinds"),
    names_of="db",
)
INCLUDED = msgspec.structs.replace(
    LISTED, id="db-included", lists=("include",), names_of="", names_module=True
)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("from db import Fast\n", {"fast": Level.CERTAIN}),
        ("from db import quick as q, Slow\n", {"fast": Level.CERTAIN, "slow": Level.CERTAIN}),
        ("import db\ndb.Slow()\n", {"slow": Level.CERTAIN}),
        ("def f():\n    from db import Slow\n", {"slow": Level.LAZY}),
        ("from db import run\n", {}),
        ("from other import Fast\n", {}),
    ],
)
def test_a_name_loads_what_it_is_known_to_come_from(app: str, expected: dict[str, Level]) -> None:
    assert levels(app, NAMES) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("db.run(['Fast'])\n", {"fast"}),
        ("db.run(kinds=('Fast', 'Slow'), other=['Slow'])\n", {"fast", "slow"}),
        ("db.run(kinds='Slow')\n", {"slow"}),
        ("db.run(other=['Slow'])\n", set()),
        ("db.run(['Unknown', 1])\n", set()),
        ("db.run([['Fast']])\n", set()),
    ],
)
def test_a_call_loads_what_its_argument_lists(call: str, expected: set[str]) -> None:
    assert set(levels(f"import db\n{call}", NAMES, LISTED)) == expected


def test_modules_may_be_listed_by_their_own_names() -> None:
    assert set(levels("import db\ndb.run('slow', include=['fast'])\n", INCLUDED)) == {"fast"}


def test_of_listed_packages_the_submodule_that_is_there_is_loaded() -> None:
    row = msgspec.structs.replace(LISTED, id="db-related", names_of="", submodule="backend")
    image = {**IMAGE, "db/backend.py": "import fast\n", "other/__init__.py": "import slow\n"}
    known = Knowledge([KnowledgeFile(computed_imports=(row,))])
    app = "import db\ndb.run(['db', 'other', 'gone'])\n"

    (service,) = examination({"app.py": app}, image, computed=known.computed_imports).services

    assert [e.module for e in service.extension_modules] == ["fast"]
    assert service.missing == ()

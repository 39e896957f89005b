"""Code behind statements that leave, handlers of what is raised, and questions that decide both."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, imports_of

A, B = f"a{TAG}", f"b{TAG}"


def levels(pkg: str, image: Mapping[str, str | bytes] | None = None) -> dict[str, Level]:
    """Return what importing a package with this text leads to, where only ``a`` and ``b`` are there."""
    there: Mapping[str, str | bytes] = {A: b"", B: b""} if image is None else image
    found = imports_of("import pkg\n", {"pkg.py": pkg, **there})
    return {e.module: e.level for e in found.extension_modules}


@pytest.mark.parametrize(
    "leaving",
    [
        "    return\n",
        "    if True:\n        return\n",
        "    if True:\n        pass\n    else:\n        x()\n    return 1\n",
        "    with lock:\n        return\n",
        "    while True:\n        work()\n",
        "    if x:\n        return 1\n    else:\n        raise KeyError\n",
        "    import os\n    os._exit(1)\n",
        "    try:\n        return 1\n    finally:\n        done()\n",
        "    if x:\n        return 1\n    elif y:\n        return 2\n    else:\n        return 3\n",
        "    for x in y:\n        pass\n    return\n",
        "    if x: return 1\n    else: return 2\n",
    ],
)
def test_what_stands_behind_a_statement_that_leaves_does_not_run(leaving: str) -> None:
    assert levels(f"def go():\n{leaving}    import a\ngo()\nimport b\n") == {"b": Level.CERTAIN}


@pytest.mark.parametrize(
    "going_on",
    [
        "    if False:\n        return\n",
        "    def inner():\n        return\n",
        "    for x in y:\n        continue\n",
        "    while True:\n        break\n",
        "    while more():\n        work()\n",
        "    x = 'return'\n",
        "    if x:\n        raise ValueError\n",
        "    if x:\n        y = 1\n    else:\n        raise ValueError\n",
        "    x = lambda: 1\n",
        "    try:\n        x()\n    except OSError:\n        return\n",
    ],
)
def test_what_stands_behind_a_statement_that_goes_on_runs(going_on: str) -> None:
    assert levels(f"def go():\n{going_on}    import a\ngo()\n") == {"a": Level.CERTAIN}


@pytest.mark.parametrize(
    "leaving",
    [
        "    if x:\n        return\n",
        "    match x:\n        case 1:\n            return\n",
        "    if x:\n        if y:\n            return 1\n        return 2\n",
    ],
)
def test_what_stands_behind_a_return_that_nothing_decides_is_probable(leaving: str) -> None:
    assert levels(f"def go():\n{leaving}    import a\ngo()\n") == {"a": Level.PROBABLE}


def test_a_return_in_a_try_whose_imports_succeed_leaves_the_fallback_unused() -> None:
    pkg = (
        "def go():\n    try:\n        import a\n        return a\n"
        "    except ImportError:\n        pass\n    import b\ngo()\n"
    )
    assert levels(pkg) == {"a": Level.CERTAIN, "b": Level.STRING}
    assert levels(pkg, {B: b""}) == {"b": Level.CERTAIN}


def test_what_stands_behind_a_loop_runs_whatever_the_loop_does() -> None:
    pkg = "def go():\n    for x in y:\n        if x:\n            return\n    import a\ngo()\n"
    assert levels(pkg) == {"a": Level.CERTAIN}


def test_the_rest_of_a_loop_does_not_run_behind_continue() -> None:
    assert levels("for x in y:\n    continue\n    import a\nimport b\n") == {"b": Level.CERTAIN}


@pytest.mark.parametrize(("system", "level"), [("linux", Level.CERTAIN), ("win32", Level.STRING)])
def test_a_module_that_raises_import_errors_here_makes_its_importers_handler_run(
    system: str, level: Level
) -> None:
    other = f"import sys\nif sys.platform == '{system}':\n    raise ImportError('not here')\n"
    pkg = "try:\n    import other\nexcept ImportError:\n    import a\n"
    assert levels(pkg, {"other.py": other, A: b""}) == {"a": level}


def test_an_exception_that_a_try_raises_itself_runs_the_handler_of_its_name() -> None:
    pkg = (
        "import importlib.util\n"
        "class NotThere(Exception): pass\n"
        "def has_torch():\n    return importlib.util.find_spec('torch') is not None\n"
        "try:\n    if not has_torch():\n        raise NotThere()\n"
        "except NotThere:\n    import b\nelse:\n    import a\n"
    )
    assert levels(pkg) == {"b": Level.CERTAIN}
    assert levels(pkg, {A: b"", B: b"", "torch.py": ""}) == {"a": Level.CERTAIN, "b": Level.STRING}


def test_a_loop_that_raises_where_it_finds_nothing_may_well_find_something() -> None:
    pkg = (
        "try:\n    for name in names:\n        if find(name):\n            break\n"
        "    else:\n        raise OSError('nothing found')\n    import a\n"
        "except OSError:\n    import b\n"
    )
    assert levels(pkg) == {"a": Level.CERTAIN, "b": Level.STRING}


def test_an_import_in_a_branch_that_does_not_run_makes_no_try_fail() -> None:
    pkg = (
        "import sys\n"
        "try:\n    if sys.version_info < (3,):\n        import Queue\n    else:\n        import a\n"
        "except ImportError:\n    import b\n"
    )
    assert levels(pkg) == {"a": Level.CERTAIN, "b": Level.STRING}


@pytest.mark.parametrize(
    "answer",
    [
        "def has_x():\n    return find_spec('gone') is not None\n",
        "def has_x():\n  try:\n    import gone\n    return True\n  except ImportError:\n    return False\n",
        "def has_x():\n  try:\n    import gone\n  except ImportError:\n    return False\n  return True\n",
        "_x = _is_package_available('gone')\ndef has_x():\n    return _x\n",
        "def has_x() -> bool:\n    if find_spec('gone') is None:\n        return False\n    return probe()\n",
        "_gone, _v = _is_package_available('gone', True)\ndef has_x():\n    return _gone and _v > '1'\n",
    ],
)
def test_a_function_that_answers_is_evaluated_in_the_image(answer: str) -> None:
    pkg = f"from importlib.util import find_spec\n{answer}if has_x():\n    import a\nelse:\n    import b\n"
    assert levels(pkg) == {"b": Level.CERTAIN}
    assert "a" in levels(pkg, {A: b"", B: b"", "gone.py": ""})


def test_a_function_that_answers_may_stand_in_another_module() -> None:
    image: dict[str, str | bytes] = {"util.py": "def has_x():\n    return False\n", A: b"", B: b""}
    pkg = "from util import has_x\nif has_x():\n    import a\nelse:\n    import b\n"
    assert levels(pkg, image) == {"b": Level.CERTAIN}


def test_a_function_whose_answer_depends_on_what_runs_decides_nothing() -> None:
    pkg = "def has_x():\n    if probe():\n        return True\n    return False\nif has_x():\n    import a\n"
    assert levels(pkg) == {"a": Level.PROBABLE}


@pytest.mark.parametrize(
    "question",
    [
        "os.environ.get('X', '0') == '1'",
        "os.getenv('X', '').lower() in ('1', 'true')",
        "bool(os.environ.get('X'))",
        "int(os.environ.get('X', '0'))",
        "'X' in os.environ",
        "os.environ.get('X') is not None",
        "not os.environ.get('X', '1')",
        "os.environ.get('X', 'a') != 'a'",
    ],
)
def test_a_question_about_a_variable_has_its_usual_answer_where_it_is_unset(question: str) -> None:
    pkg = f"import os\nif {question}:\n    import a\nelse:\n    import b\n"
    assert levels(pkg) == {"a": Level.PROBABLE, "b": Level.CERTAIN}


def test_a_question_about_a_variable_with_a_computed_default_has_no_usual_answer() -> None:
    pkg = "import os\nif os.environ.get('X', default) == '1':\n    import a\nelse:\n    import b\n"
    assert levels(pkg) == {"a": Level.PROBABLE, "b": Level.PROBABLE}


@pytest.mark.parametrize(
    "question",
    [
        "hasattr(sys, 'pypy_version_info')",
        "getattr(sys, 'frozen', False)",
        "'__pypy__' in sys.builtin_module_names",
        "not hasattr(os, 'fork')",
        "NOTHING is not None",
    ],
)
def test_what_this_python_is_not_is_known(question: str) -> None:
    pkg = f"import os, sys\nNOTHING = None\nif {question}:\n    import a\nelse:\n    import b\n"
    assert levels(pkg) == {"b": Level.CERTAIN}


def test_an_attribute_that_installed_code_takes_while_it_is_imported_is_served() -> None:
    image: Mapping[str, str | bytes] = {
        "np/__init__.py": "def __getattr__(name):\n    if name == 'random':\n        import np.random\n",
        "np/random/__init__.py": "from . import _rng\n",
        f"np/random/_rng{TAG}": b"",
    }
    taken = "import np\ndef draw(rng: np.random.Generator): ...\n"
    assert levels(taken, image) == {"np.random._rng": Level.CERTAIN}
    assert levels(f"from __future__ import annotations\n{taken}", image) == {"np.random._rng": Level.LAZY}
    assert levels("import np\ndef draw():\n    return np.random.x\n", image) == {"np.random._rng": Level.LAZY}


def test_what_stands_behind_an_import_that_fails_does_not_run() -> None:
    tried = "try:\n    import gone\n    import a\nexcept ImportError:\n    pass\nimport b\n"
    assert levels(tried) == {"b": Level.CERTAIN}
    assert levels(tried.replace("gone", "a")) == {"a": Level.CERTAIN, "b": Level.CERTAIN}


def test_a_module_whose_failure_is_survived_is_followed_to_the_import_that_fails() -> None:
    text = "import a\nimport gone\ntry:\n    import b\nexcept ImportError:\n    pass\n"
    other: Mapping[str, str | bytes] = {"other.py": text, A: b"", B: b""}
    guarded = "try:\n    import other\nexcept ImportError:\n    pass\n"
    assert levels(guarded, other) == {"a": Level.CERTAIN}
    assert levels("import other\n", other) == {"a": Level.CERTAIN, "b": Level.CERTAIN}


@pytest.mark.parametrize(
    ("value", "question", "taken"),
    [
        ("os.environ.get('X', 'c')", "how == 'c'", "a"),
        ("os.environ.get('X', 'c').strip()", "how in ('python', 'pure')", "b"),
        ("os.getenv('X', '').lower()", "not how or how == 'c'", "a"),
        ("os.environ.get('X')", "how", "b"),
    ],
)
def test_a_name_for_a_variables_value_is_asked_like_the_variable(
    value: str, question: str, taken: str
) -> None:
    pkg = f"import os\nhow = {value}\nif {question}:\n    import a\nelse:\n    import b\n"
    assert {name for name, level in levels(pkg).items() if level is Level.CERTAIN} == {taken}


def test_a_name_that_is_assigned_again_has_no_usual_answer() -> None:
    pkg = "import os\nhow = os.environ.get('X', 'c')\nif x():\n    how = 'd'\nif how == 'c':\n    import a\n"
    assert levels(pkg) == {"a": Level.PROBABLE}


def test_constants_of_code_that_sets_disguised_names_decide_nothing() -> None:
    pkg = "FAST = True\nglobals()['TSAF'[::-1]] = False\nif FAST:\n    import a\n"
    assert levels(pkg) == {"a": Level.PROBABLE}


def test_a_name_that_a_handler_sets_to_nothing_says_whether_the_import_worked() -> None:
    pkg = (
        "try:\n    import extra\nexcept ImportError:\n    extra = None\n"
        "if extra is not None:\n    import a\nelse:\n    import b\n"
    )
    assert levels(pkg) == {"b": Level.CERTAIN}
    assert levels(pkg, {"extra.py": "", A: b"", B: b""}) == {"a": Level.CERTAIN}


def test_a_name_that_is_nothing_at_first_may_become_something() -> None:
    pkg = "lib = None\nfor n in names:\n    lib = load(n)\nif lib is None:\n    raise ImportError\nimport a\n"
    assert levels(pkg) == {"a": Level.CERTAIN}
    guarded: Mapping[str, str | bytes] = {"pkg2.py": pkg, A: b"", B: b""}
    assert levels("try:\n    import pkg2\nexcept ImportError:\n    import b\n", guarded) == {
        "a": Level.CERTAIN,
        "b": Level.STRING,
    }
    assert levels("lib = None\nif lib is None:\n    import a\n") == {"a": Level.CERTAIN}


def test_what_stands_behind_a_raise_that_is_caught_here_is_probable() -> None:
    choice = "try:\n    if x():\n        raise ImportError\n    import a\nexcept ImportError:\n    import b\n"
    assert levels(choice) == {"a": Level.PROBABLE, "b": Level.PROBABLE}
    otherwise = (
        "try:\n    if x():\n        raise ImportError\nexcept ImportError:\n    pass\nelse:\n    import a\n"
    )
    assert levels(otherwise) == {"a": Level.PROBABLE}
    assert levels("if x():\n    raise ImportError\nimport a\n") == {"a": Level.CERTAIN}


def test_a_question_is_answered_by_what_is_bound_before_it() -> None:
    pkg = "kind = None\nif kind is None:\n    import a\n    kind = x()\nif kind is not None:\n    import b\n"
    assert levels(pkg) == {"a": Level.CERTAIN, "b": Level.PROBABLE}


def test_what_is_bound_behind_an_import_that_fails_is_not_bound() -> None:
    pkg = (
        "try:\n    import gone\n    new = gone.version > 3\nexcept ImportError:\n    new = False\n"
        "if new:\n    import a\nelse:\n    import b\n"
    )
    assert levels(pkg) == {"b": Level.CERTAIN}
    assert levels(pkg, {"gone.py": "", A: b"", B: b""}) == {"a": Level.PROBABLE, "b": Level.PROBABLE}


def test_a_flag_at_the_end_of_a_long_chain_of_guarded_imports_is_still_known() -> None:
    image: dict[str, str | bytes] = {
        f"m{i}.py": f"try:\n    import m{i + 1}\nexcept ImportError:\n    pass\n" for i in range(11)
    }
    image["m11.py"] = "from flags import LINUX\nif LINUX:\n    import _fast\n"
    image["flags.py"] = "import sys\nLINUX = sys.platform.startswith('linux')\n"
    image[f"_fast{TAG}"] = b""

    assert levels("try:\n    import m0\nexcept ImportError:\n    pass\n", image) == {"_fast": Level.CERTAIN}

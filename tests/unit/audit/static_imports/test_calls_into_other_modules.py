"""Functions that run because another module calls them, and what they import for what they are given."""

from collections.abc import Mapping

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, edges_between, examination, imports_of

World = Mapping[str, str | bytes]

IMPORTER = (
    "import importlib\n"
    "def optional(name, errors='raise'):\n"
    "    try:\n        return importlib.import_module(name)\n"
    "    except ImportError:\n        return None\n"
    "class Registry:\n"
    "    def load(self, kind):\n        return importlib.import_module(f'pkg.{kind}_fast')\n"
)
IMAGE: World = {
    "pkg/__init__.py": "",
    "pkg/importer.py": IMPORTER,
    f"pkg/a_fast{TAG}": b"",
    f"pkg/b_fast{TAG}": b"",
    f"_native{TAG}": b"",
}


def levels(app: str, image: World, **others: str) -> dict[str, Level]:
    return {e.module: e.level for e in imports_of(app, image, **others).extension_modules}


@pytest.mark.parametrize(
    "call",
    [
        "from pkg.importer import optional\noptional('_native')\n",
        "from pkg.importer import optional as opt\nopt(name='_native', errors='warn')\n",
        "from pkg import importer\nx = importer.optional('_native')\n",
        "import pkg.importer as i\nx = i.optional(\n    '_native',\n)\n",
        "from pkg.importer import optional\nclass A:\n    native = optional('_native')\n",
        "import pkg.importer\ndef main():\n    pkg.importer.optional('_native')\nmain()\n",
    ],
)
def test_a_function_that_imports_what_it_is_given_imports_what_the_caller_names(call: str) -> None:
    assert levels(call, IMAGE) == {"_native": Level.CERTAIN}


@pytest.mark.parametrize(
    "call",
    [
        "from pkg.importer import optional\noptional(errors='_native')\n",
        "from pkg.importer import optional\noptional(name)\n",
        "from pkg.importer import optional\noptional\n",
        "def optional(name): ...\noptional('_native')\n",
    ],
)
def test_a_call_that_names_nothing_imports_nothing(call: str) -> None:
    assert levels(call, IMAGE) == {}


def test_a_call_inside_of_a_function_that_nothing_runs_is_lazy_at_most() -> None:
    app = "from pkg.importer import optional\ndef f():\n    optional('_native')\n"
    assert levels(app, IMAGE).get("_native", Level.LAZY) is Level.LAZY


def test_a_name_may_be_passed_on_by_other_modules() -> None:
    image = {**IMAGE, "front.py": "from pkg.importer import optional\n"}
    assert levels("from front import optional\noptional('_native')\n", image) == {"_native": Level.CERTAIN}


def test_a_method_of_an_imported_class_runs_where_its_instance_is_made_and_used() -> None:
    app = "from pkg.importer import Registry\nr = Registry()\nr.load('a')\n"
    assert levels(app, IMAGE) == {"pkg.a_fast": Level.CERTAIN}


def test_making_an_instance_does_not_call_it() -> None:
    tester = "class Tester:\n    def __call__(self):\n        import _native\n"
    image = {**IMAGE, "tester.py": tester}
    assert levels("from tester import Tester\ntest = Tester()\n", image) == {"_native": Level.LAZY}
    assert levels(f"{tester}test = Tester()\n", IMAGE) == {"_native": Level.LAZY}


def test_a_function_in_the_same_file_is_given_names_too() -> None:
    pkg = "def _load(kind):\n    return __import__('pkg.' + kind)\nx = _load('a_fast')\n"
    assert levels("import pkg.loader\n", {**IMAGE, "pkg/loader.py": pkg}) == {"pkg.a_fast": Level.CERTAIN}


def test_an_argument_decides_which_branch_of_the_function_runs() -> None:
    kinds = (
        "def start(kind):\n    if kind == 'a':\n        from pkg import a_fast\n"
        "    elif kind in ('b', 'c'):\n        from pkg import b_fast\n"
    )
    image = {**IMAGE, "kinds.py": kinds}
    assert levels("import kinds\nkinds.start('c')\n", image) == {
        "pkg.b_fast": Level.CERTAIN,
        "pkg.a_fast": Level.LAZY,
    }
    assert levels("import kinds\nkinds.start(x)\n", image) == {
        "pkg.a_fast": Level.PROBABLE,
        "pkg.b_fast": Level.PROBABLE,
    }


def test_functions_of_own_modules_that_the_entry_calls_run() -> None:
    app = (
        "from worker import Worker, prepare\nif __name__ == '__main__':\n    prepare()\n    Worker().run()\n"
    )
    worker = (
        "def prepare():\n    import _native\n"
        "class Base:\n    def run(self):\n        self.step()\n"
        "    def step(self):\n        from pkg import a_fast\n"
        "class Worker(Base):\n    def __init__(self):\n        from pkg import b_fast\n"
    )
    found = levels(app, IMAGE, worker=worker)
    assert set(found.values()) == {Level.CERTAIN}
    assert set(found) == {"_native", "pkg.a_fast", "pkg.b_fast"}


@pytest.mark.parametrize(
    "code",
    [
        "class A:\n    def run(self):\n        import _native\na = A()\na.run()\n",
        "class A:\n    def run(self):\n        import _native\nA().run()\n",
        "class A:\n    def run(self):\n        import _native\nwith A() as a:\n    a.run()\n",
        "class A:\n    def run(self):\n        import _native\nclass B(A): pass\nb = B()\nb.run()\n",
        "class A:\n  def go(self):\n    self.run()\n  def run(self):\n    import _native\nA().go()\n",
        "import asyncio\nasync def main():\n    import _native\nasyncio.run(main())\n",
    ],
)
def test_methods_of_own_instances_run_where_they_are_called(code: str) -> None:
    assert levels(code, IMAGE) == {"_native": Level.CERTAIN}


@pytest.mark.parametrize(
    "code",
    [
        "class A:\n    def run(self):\n        import _native\na = A()\n",
        "class A:\n    def run(self):\n        import _native\na = make()\na.run()\n",
        "class A:\n  def run(self):\n    import _native\nclass B:\n  def run(self): ...\nb = B()\nb.run()\n",
    ],
)
def test_methods_that_nothing_calls_stay_lazy(code: str) -> None:
    assert levels(code, IMAGE) == {"_native": Level.LAZY}


def test_a_loop_over_names_imports_each_of_them() -> None:
    app = "import importlib\nfor name in ('a', 'b'):\n    importlib.import_module(f'pkg.{name}_fast')\n"
    assert levels(app, IMAGE) == {"pkg.a_fast": Level.CERTAIN, "pkg.b_fast": Level.CERTAIN}


def test_a_loop_that_stops_at_the_first_name_that_works_imports_that_one() -> None:
    app = (
        "import importlib\nfor name in ('gone', 'pkg.a_fast', 'pkg.b_fast'):\n"
        "    try:\n        importlib.import_module(name)\n        break\n"
        "    except ImportError:\n        continue\n"
    )
    assert levels(app, IMAGE) == {"pkg.a_fast": Level.CERTAIN, "pkg.b_fast": Level.STRING}


def test_the_call_is_a_step_of_the_chain() -> None:
    found = examination({"app.py": "from pkg.importer import optional\noptional('_native')\n"}, IMAGE)
    (call,) = edges_between(found, "module:app", "function:pkg.importer.optional(name='_native')")
    (inner,) = edges_between(found, "function:pkg.importer.optional(name='_native')", "module:_native")
    assert (call.how, str(call.location)) == ("calls", "app.py:2")
    assert str(inner.location).endswith("pkg/importer.py:4")


def test_a_library_that_a_called_function_loads_is_as_certain_as_the_call() -> None:
    image: World = {"lib.py": "from ctypes import CDLL\ndef init():\n    CDLL('libx.so.1')\n"}
    loads = imports_of("import lib\nlib.init()\n", image).native_loads
    assert [(load.names, load.level) for load in loads] == [(("libx.so.1",), Level.CERTAIN)]
    loads = imports_of("import lib\n", image).native_loads
    assert [(load.names, load.level) for load in loads] == [(("libx.so.1",), Level.LAZY)]


def test_functions_that_call_each_other_in_a_circle_end() -> None:
    one = "from two import g\ndef f():\n    g()\n"
    two = "import one\ndef g():\n    one.f()\n    import _native\n"
    assert levels("import one\none.f()\n", IMAGE, one=one, two=two) == {"_native": Level.CERTAIN}


def test_more_names_than_are_looked_at_are_a_gap() -> None:
    def gaps(count: int) -> list[str]:
        names = ", ".join(f"'m{i}'" for i in range(count))
        app = f"import importlib\nfor name in ({names},):\n    importlib.import_module(name)\n"
        return [gap.kind for gap in examination({"app.py": app}, IMAGE).gaps]

    assert gaps(60) == ["limit-reached"]
    assert gaps(40) == []


@pytest.mark.parametrize(
    ("app", "library"),
    [
        ("import lib\nlib.load('libx.so.1')\n", "libx.so.1"),
        ("import lib\nlib.by_stem('x')\n", "libx.so"),
        ("from ctypes import CDLL\ndef own(name):\n    return CDLL(name)\nown('libx.so.1')\n", "libx.so.1"),
    ],
)
def test_a_function_that_loads_what_it_is_given_loads_what_the_caller_names(app: str, library: str) -> None:
    lib = (
        "from ctypes import CDLL\ndef load(name):\n    return CDLL(name)\n"
        "def by_stem(stem):\n    return CDLL('lib' + stem + '.so')\n"
    )
    loads = [load for load in imports_of(app, {"lib.py": lib}).native_loads if load.names]
    assert [(load.names, load.level) for load in loads] == [((library,), Level.CERTAIN)]


def test_a_function_that_is_given_no_name_loads_nothing_that_is_known() -> None:
    lib = "from ctypes import CDLL\ndef load(name):\n    return CDLL(name)\n"
    assert imports_of("import lib\nlib.load(find())\n", {"lib.py": lib}).native_loads == ()


def test_more_calls_of_one_module_than_are_followed_are_a_gap() -> None:
    def gaps(count: int) -> list[str]:
        calls = "".join(f"optional('m{i}')\n" for i in range(count))
        app = f"from pkg.importer import optional\n{calls}"
        return [gap.kind for gap in imports_of(app, IMAGE).gaps]

    assert gaps(1_100) == ["limit-reached"]
    assert gaps(900) == []

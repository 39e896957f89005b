"""What is loaded because code looks it up among the entry points of installed distributions."""

from collections.abc import Mapping
from time import process_time

import pytest

from fleet_audit.audit.model.imports import Level
from tests.support.pythons import TAG, distribution, examination, imports_of


def offering(name: str, entries: str) -> dict[str, str | bytes]:
    """Return a distribution of one extension module of its own name, and its entry points."""
    return distribution(name, "1.0", {f"{name}{TAG}": b"", f"{name}-1.0.dist-info/entry_points.txt": entries})


IMAGE: Mapping[str, str | bytes] = {
    **offering("wav", "[sound.readers]\nwav = wav:Reader\n"),
    **offering("ogg", "[sound.readers]\nogg = ogg:Reader\n\n[console_scripts]\noggenc = ogg:main\n"),
    **offering("png", "[image.readers]\npng = png\n"),
    **distribution("stevedore", "5.0", {"stevedore/__init__.py": "", "stevedore/driver.py": ""}),
}

ASKING = "from importlib.metadata import entry_points\n"


def levels(app: str, image: Mapping[str, str | bytes] = IMAGE) -> dict[str, Level]:
    return {e.module: e.level for e in imports_of(app, image).extension_modules}


@pytest.mark.parametrize(
    "loading",
    [
        "for found in entry_points(group='sound.readers'):\n    found.load()\n",
        "READERS = {e.name: e.load() for e in entry_points(group='sound.readers')}\n",
        "readers = [e.load() for e in entry_points().select(group='sound.readers')]\n",
        "for found in entry_points()['sound.readers']:\n    found.load()\n",
        "for found in entry_points().get('sound.readers', ()):\n    found.load()\n",
        "GROUP = 'sound.readers'\neps = entry_points()\nfor e in eps.select(group=GROUP):\n    e.load()\n",
        "import pkg_resources\nfor e in pkg_resources.iter_entry_points('sound.readers'):\n    e.load()\n",
        "from stevedore import ExtensionManager\nExtensionManager('sound.readers', invoke_on_load=True)\n",
        "def load():\n    for e in entry_points(group='sound.readers'):\n        e.load()\nload()\n",
    ],
)
def test_all_that_a_group_offers_is_loaded_where_each_is(loading: str) -> None:
    assert levels(ASKING + loading) == {"wav": Level.CERTAIN, "ogg": Level.CERTAIN}


@pytest.mark.parametrize(
    "loading",
    [
        "reader, = entry_points(group='sound.readers', name='ogg')\nreader.load()\n",
        "import pkg_resources\npkg_resources.load_entry_point('ogg', 'sound.readers', 'ogg')\n",
        "import stevedore.driver\nstevedore.driver.DriverManager('sound.readers', 'ogg')\n",
        "import stevedore.driver\nstevedore.driver.DriverManager(namespace='sound.readers', name='ogg')\n",
        "from stevedore import NamedExtensionManager\nNamedExtensionManager('sound.readers', ['ogg'])\n",
    ],
)
def test_one_that_is_asked_for_by_its_name_is_loaded_alone(loading: str) -> None:
    assert levels(ASKING + loading) == {"ogg": Level.CERTAIN}


@pytest.mark.parametrize(
    "loading",
    [
        "next(iter(entry_points(group='sound.readers', name=chosen))).load()\n",
        "for e in entry_points(group='sound.readers'):\n    if e.name == chosen:\n        e.load()\n",
        "for e in entry_points(group='sound.readers'):\n    if e in off:\n        continue\n    e.load()\n",
    ],
)
def test_each_of_several_of_which_something_chooses_is_probable(loading: str) -> None:
    assert levels(ASKING + loading) == {"wav": Level.PROBABLE, "ogg": Level.PROBABLE}


def test_the_only_one_that_is_offered_is_the_one_that_is_chosen() -> None:
    asking = f"{ASKING}next(iter(entry_points(group='image.readers', name=chosen))).load()\n"
    assert levels(asking) == {"png": Level.CERTAIN}


@pytest.mark.parametrize(
    "looking",
    [
        "KNOWN = {e.name: e for e in entry_points(group='sound.readers')}\n",
        "KNOWN = {e.name: e for e in entry_points(group='sound.readers')}\ndef f(n):\n    KNOWN[n].load()\n",
    ],
)
def test_what_is_looked_up_and_not_loaded_there_is_a_text_that_may_be(looking: str) -> None:
    assert levels(ASKING + looking) == {"wav": Level.STRING, "ogg": Level.STRING}


@pytest.mark.parametrize(
    "other",
    [
        "for e in entry_points(group='video.readers'):\n    e.load()\n",
        "for e in entry_points(group=chosen):\n    e.load()\n",
        "if False:\n    for e in entry_points(group='sound.readers'):\n        e.load()\n",
        "def entry_points(group='sound.readers'):\n    pass\n",
        "table.select('sound.readers').load()\n",
    ],
)
def test_another_group_or_one_that_nobody_can_tell_loads_nothing(other: str) -> None:
    assert levels(ASKING + other) == {}


def test_commands_are_loaded_where_code_loads_them_and_not_where_it_lists_them() -> None:
    listing = f"{ASKING}NAMES = [e.name for e in entry_points(group='console_scripts')]\n"
    loading = "import pkg_resources\npkg_resources.load_entry_point('ogg', 'console_scripts', 'oggenc')()\n"

    assert levels(listing) == {}
    assert levels(loading) == {"ogg": Level.CERTAIN}


def test_the_group_may_be_what_a_function_is_given() -> None:
    image = {
        **IMAGE,
        "readers/__init__.py": (
            f"{ASKING}def load_all(kind):\n"
            "    return [e.load() for e in entry_points(group=f'{kind}.readers')]\n"
        ),
    }
    assert levels("import readers\nreaders.load_all('sound')\n", image) == {
        "wav": Level.CERTAIN,
        "ogg": Level.CERTAIN,
    }
    assert levels("import readers\n", image) == {}


def test_a_function_that_nobody_is_seen_to_call_loads_lazily() -> None:
    asking = f"{ASKING}def load():\n    for e in entry_points(group='sound.readers'):\n        e.load()\n"
    assert set(levels(asking).values()) == {Level.LAZY}


def test_a_plugin_whose_failure_is_survived_demands_nothing() -> None:
    image = {**IMAGE, **distribution("ogg", "1.0", {"ogg.py": "import _ogg\n", f"_ogg{TAG}": b""})}
    image["ogg-1.0.dist-info/entry_points.txt"] = "[sound.readers]\nogg = ogg\n"
    tried = (
        f"{ASKING}for e in entry_points(group='sound.readers'):\n"
        "    try:\n        e.load()\n    except {}:\n        pass\n"
    )

    def is_guarded(app: str) -> bool:
        return next(e.is_guarded for e in imports_of(app, image).extension_modules if e.module == "_ogg")

    assert is_guarded(tried.format("ImportError"))
    assert is_guarded("from stevedore import ExtensionManager\nExtensionManager('sound.readers')\n")
    assert not is_guarded(tried.format("KeyError"))
    assert not is_guarded("from stevedore import DriverManager\nDriverManager('sound.readers', 'ogg')\n")


def test_the_evidence_shows_the_line_that_looks_a_plugin_up() -> None:
    app = f"{ASKING}\nfor e in entry_points(group='image.readers'):\n    e.load()\n"
    (edge,) = (e for e in examination({"app.py": app}, IMAGE).edges if str(e.target) == "module:png")

    assert (edge.how, str(edge.location)) == ("loads (as an entry point)", "app.py:3")


@pytest.mark.parametrize(
    "text",
    [
        "entry_points(group=" * 4_000,
        "ExtensionManager(" * 2_000 + "'sound.readers'" + ")" * 2_000,
        "entry_points()[" * 4_000,
        "for e in entry_points(group='sound.readers'):\n    e.load()\n" * 1_200,
    ],
)
def test_any_number_of_look_ups_and_plugins_comes_to_an_end(text: str) -> None:
    many = "".join(f"p{i} = wav:r{i}\n" for i in range(8_000))
    image = {**IMAGE, "wav-1.0.dist-info/entry_points.txt": f"[sound.readers]\n{many}"}

    started = process_time()
    levels(ASKING + text, image)

    assert process_time() - started < 5

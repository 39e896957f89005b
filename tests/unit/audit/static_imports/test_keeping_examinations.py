"""What services reach, between runs: taken again only while everything that it depends on is the same."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import pytest

from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import ComputedImport
from fleet_audit.audit.static_imports import kept_examination
from fleet_audit.audit.static_imports.compiled.compiled_names import CompiledNames
from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.kept_examination import Keeping
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source import syntax
from fleet_audit.audit.static_imports.source.store import MemoryStore
from tests.support.pythons import LIB, TAG, distribution, examination
from tests.support.trees import Link

APP = "import lib\nimport config\nimport gone\n"
SOURCES: dict[str, str | bytes] = {"app.py": APP, "config.py": "import json\n", "notes.txt": "x"}
IMAGE = {
    **distribution("lib", "1", {"lib/__init__.py": "from lib import _fast\n", f"lib/_fast{TAG}": b"\x7fELF"}),
    "other.py": "",
}


def times(found: Examination) -> tuple[int, int]:
    """Return how many files were read anew, and how many were known."""
    return found.parsed, found.cached


def said(found: Examination) -> Examination:
    """Return an answer without what it cost."""
    return msgspec.structs.replace(found, parsed=0, cached=0)


def again(
    sources: Mapping[str, str | bytes] = SOURCES,
    image: Mapping[str, str | bytes] | None = IMAGE,
    *,
    digest: str = "",
    store: MemoryStore | None = None,
    services: tuple[ServiceCode, ...] = (ServiceCode("svc", "app.py", ("app.py",)),),
) -> Examination:
    """Examine `SOURCES` on `IMAGE`, and then these with what was kept; both without records of files."""
    keeping = Keeping(store or MemoryStore(), digest)
    examination(SOURCES, IMAGE, keeping=keeping)
    second = examination(sources, image, keeping=keeping, services=services)
    assert said(second) == said(examination(sources, image, services=services))
    return second


def test_a_second_run_over_the_same_reads_no_file_anew() -> None:
    first = examination(SOURCES, IMAGE)
    assert first.parsed > 2
    assert times(again()) == (0, first.parsed)


@pytest.mark.parametrize(
    "sources",
    [
        {**SOURCES, "app.py": APP + "import other\n"},
        {**SOURCES, "config.py": "import other\n"},
        {**SOURCES, "lib.py": "import other\n"},
        {**SOURCES, "gone/__init__.py": ""},
        {"app.py": APP},
        {**SOURCES, "config.py": b"\x00"},
    ],
)
def test_other_code_of_the_services_is_examined_anew(sources: dict[str, str | bytes]) -> None:
    assert again(sources).parsed > 0
    assert again(sources, digest="sha256:1").parsed > 0


def test_files_that_nothing_asked_for_may_change() -> None:
    assert again({**SOURCES, "notes.txt": "longer than it was"}).parsed == 0


@pytest.mark.parametrize(
    "image",
    [
        {**IMAGE, "lib/__init__.py": "import other\n"},
        {**IMAGE, "gone.py": "import json\n"},
        {**IMAGE, f"lib/_fast{TAG}": b"\x7fELF\0other\0"},
        {path: body for path, body in IMAGE.items() if "dist-info" not in path},
        {**IMAGE, f"{LIB}/json/decoder.py": "", "gone.pth": "/srv"},
        {**IMAGE, "lib/_fast.py": "import other\n"},
    ],
)
def test_an_image_without_a_digest_is_looked_at_again(image: dict[str, str | bytes]) -> None:
    assert again(image=image).parsed > 0


def test_an_image_that_is_known_by_its_digest_is_not_looked_at_again() -> None:
    keeping = Keeping(MemoryStore(), "sha256:1")
    first = examination(SOURCES, IMAGE, keeping=keeping)
    second = examination(SOURCES, {**IMAGE, "lib/__init__.py": ""}, keeping=keeping)
    assert (second.parsed, said(second)) == (0, said(first))


def test_an_image_of_another_digest_is_another_image() -> None:
    store = MemoryStore()
    examination(SOURCES, IMAGE, keeping=Keeping(store, "sha256:1"))
    assert examination(SOURCES, IMAGE, keeping=Keeping(store, "sha256:2")).parsed > 0


def test_no_image_is_not_taken_for_one() -> None:
    assert again(image=None).parsed > 0


def test_services_with_other_search_paths_have_answers_of_their_own() -> None:
    sources = {**SOURCES, "b/config.py": "import other\n", "b/app.py": APP}
    for service in (
        ServiceCode("svc", "app.py", ("app.py",), pythonpath=("b", ".")),
        ServiceCode("svc", "b/app.py", ("b",)),
        ServiceCode("svc", "app.py", ("app.py", "config.py")),
        ServiceCode("svc", "module:config", ("config.py",)),
        ServiceCode("other", "app.py", ("app.py",)),
    ):
        keeping = Keeping(MemoryStore())
        examination(sources, IMAGE, keeping=keeping)
        found = examination(sources, IMAGE, services=[service], keeping=keeping)
        assert found.parsed > 0
        assert said(found) == said(examination(sources, IMAGE, services=[service]))


def test_what_is_known_of_modules_is_part_of_the_question() -> None:
    keeping = Keeping(MemoryStore())
    suggestions = MappingProxyType({"gone": (DistributionName("gone-dist"),)})
    computed = [ComputedImport("row", loads=(ModuleName("other"),), module=ModuleName("lib"))]
    examination(SOURCES, IMAGE, keeping=keeping)
    suggested = examination(SOURCES, IMAGE, keeping=keeping, suggestions=suggestions)
    assert suggested.services[0].missing[0].suggestions == ("gone-dist",)
    loaded = examination(SOURCES, IMAGE, keeping=keeping, computed=computed)
    assert "other" in {edge.target.name for edge in loaded.edges}


def test_names_in_extension_modules_are_asked_for_again_where_the_image_is_not_known() -> None:
    def naming(word: str) -> Callable[[ImagePath], CompiledNames]:
        return lambda _: CompiledNames(dotted=word, is_cython=True)

    image = {**IMAGE, **distribution("pkg", "1", {"lib/inner.py": ""})}
    keeping = Keeping(MemoryStore())
    answers = [
        examination(SOURCES, image, keeping=keeping, compiled=naming(word))
        for word in ("json.none", "lib.inner", "lib.inner")
    ]
    reached = ["lib.inner" in {edge.target.name for edge in found.edges} for found in answers]
    assert reached == [False, True, True]
    assert [found.parsed > 0 for found in answers] == [True, True, False]


@pytest.mark.parametrize("where", ["own_code", "_others_code"])
def test_other_code_takes_no_answer_for_its_own(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keeping = Keeping(MemoryStore())
    examination(SOURCES, IMAGE, keeping=keeping)
    monkeypatch.setattr(kept_examination, where, lambda: "other")
    assert examination(SOURCES, IMAGE, keeping=keeping).parsed > 0


class Spoilt(MemoryStore):
    """A store whose disk changes a byte of all that it gives."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self._at = at

    def get(self, key: str) -> bytes | None:
        """See `RecordStore.get`."""
        value = super().get(key)
        if value is None:
            return None
        changed = bytearray(value)
        changed[int(self._at * (len(changed) - 1))] ^= 0x20
        return bytes(changed)


@pytest.mark.parametrize("at", [0.0, 0.01, 0.3, 0.6, 1.0])
def test_a_damaged_answer_is_worked_out_again(at: float) -> None:
    assert again(store=Spoilt(at)).parsed > 0


def test_a_judgement_that_may_be_another_next_time_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "MAX_BYTES", 10)
    keeping = Keeping(MemoryStore())
    for _ in range(2):
        assert examination(SOURCES, IMAGE, keeping=keeping).parsed > 0


def test_a_link_that_leads_elsewhere_is_followed_anew() -> None:
    keeping = Keeping(MemoryStore())
    first = {"a/__init__.py": "", "b/__init__.py": "import gone\n", "now": Link("a")}
    second = {**first, "now": Link("b")}
    missing = [
        [
            m.module
            for m in examination({"app.py": "import now\n", **files}, {}, keeping=keeping).services[0].missing
        ]
        for files in (first, second, first)
    ]
    assert missing == [[], ["gone"], []]


@pytest.mark.parametrize(
    "app",
    [
        "import sys\nsys.path.insert(0, '\\ud800')\nimport lib\n",
        "import ctypes\nctypes.CDLL('\\ud800.so')\n",
        "import subprocess\nsubprocess.run(['\\ud800'])\n",
        "import importlib\nimportlib.import_module('\\ud800' + name)\n",
    ],
)
def test_half_a_character_in_a_string_ends_no_run(app: str) -> None:
    keeping = Keeping(MemoryStore())
    first, second = (examination({"app.py": app}, IMAGE, keeping=keeping) for _ in range(2))
    assert said(first) == said(second) == said(examination({"app.py": app}, IMAGE))


def test_a_path_that_cannot_be_written_ends_no_run() -> None:
    service = ServiceCode("svc", "app\udc80.py", ("app.py",))
    found = examination(SOURCES, IMAGE, services=[service], keeping=Keeping(MemoryStore()))
    assert said(found) == said(examination(SOURCES, IMAGE, services=[service]))

"""The list of modules and their distributions, and how it is made."""

import datetime
from pathlib import Path

import pytest
import yaml

from fleet_audit.audit.knowledge.base import packaged_knowledge
from fleet_audit.audit.knowledge.module_index import ModuleIndex, packaged_module_index, read_modules
from fleet_audit.audit.model.identity import DistributionName
from tests.knowledge.module_index import modules, rows, write

DAY = datetime.date(2026, 11, 20)


def names(*found: str) -> tuple[DistributionName, ...]:
    return tuple(map(DistributionName, found))


def listed(folder: Path, text: str) -> ModuleIndex:
    (folder / "modules.txt").write_text(text, encoding="utf-8")
    return ModuleIndex(lambda: read_modules(folder / "modules.txt"))


def test_lines_name_a_module_and_its_distributions(tmp_path: Path) -> None:
    index = listed(
        tmp_path, "# comment\ncv2 opencv-python opencv-contrib-python\n\nlonely\ngoogle.auth google-auth\n"
    )
    assert dict(index) == {
        "cv2": names("opencv-python", "opencv-contrib-python"),
        "google.auth": names("google-auth"),
    }
    assert index.distributions == names("google-auth", "opencv-contrib-python", "opencv-python")


def test_rows_of_the_knowledge_base_come_before_the_list(tmp_path: Path) -> None:
    index = listed(tmp_path, "cv2 opencv-python\nyaml pyyaml\n").behind(
        {"cv2": names("mine"), "own": names("mine")}
    )
    assert (index["cv2"], index["yaml"], len(index)) == (names("mine"), names("pyyaml"), 3)
    assert "gone" not in index


@pytest.mark.parametrize(
    ("module", "holder"),
    [
        ("yaml", "pyyaml"),
        ("sklearn", "scikit-learn"),
        ("google.cloud.storage", "google-cloud-storage"),
        ("zmq", "pyzmq"),
    ],
)
def test_the_shipped_list_knows_modules_that_are_called_otherwise_than_their_distributions(
    module: str, holder: str
) -> None:
    assert packaged_module_index()[module][0] == holder


def test_the_shipped_list_is_sorted_dated_and_counted() -> None:
    index = packaged_module_index()
    text = (packaged_knowledge() / "modules.txt").read_text(encoding="utf-8")
    said = f"{len(index)} modules of {len(index.distributions)} distributions"
    assert said in text
    assert list(index) == sorted(index)
    assert len(index.distributions) > 1500


def test_no_row_of_the_knowledge_base_repeats_the_list() -> None:
    text = (packaged_knowledge() / "import_names.yaml").read_text(encoding="utf-8")
    (by_hand,) = yaml.safe_load(text)["module_distributions"]
    index = packaged_module_index()
    assert [name for name, held in by_hand["modules"].items() if list(index.get(name, ())) == held] == []


WHEEL = [
    "pkg/__init__.py",
    "pkg/sub/__init__.py",
    "pkg/data.txt",
    "fast.cpython-311-x86_64-linux-gnu.so",
    "one.py",
    "space/part/__init__.py",
    "space/part/deep.py",
    "dist-1.0.data/purelib/moved.py",
    "dist-1.0.data/scripts/run.py",
    "dist-1.0.dist-info/METADATA",
    "not-a-name/x.py",
]


def test_modules_are_read_off_the_names_in_a_wheel() -> None:
    found = modules(WHEEL)
    assert {name for name, is_space in found.items() if is_space} == {"space"}
    assert {"pkg", "pkg.sub", "fast", "one", "space.part", "moved"} <= set(found)
    assert not {"data", "run", "x"} & {name.rpartition(".")[2] for name in found}


def test_below_a_namespace_the_portions_are_listed_and_elsewhere_only_the_top() -> None:
    index = rows(
        {
            "acme-web": modules(["acme/web/__init__.py", "acme/web/views.py"]),
            "acme-db": modules(["acme/db/__init__.py", "tests/__init__.py"]),
            "legacy": modules(["acme/__init__.py", "acme/old/__init__.py", "legacy.py"]),
            "whole": modules(["whole/__init__.py", "whole/inner/__init__.py"]),
        }
    )
    assert index == {
        "acme.db": ["acme-db"],
        "acme.old": ["legacy"],
        "acme.web": ["acme-web"],
        "legacy": ["legacy"],
        "whole": ["whole"],
    }


def test_portions_of_one_holder_are_one_row() -> None:
    found = {
        "protos": modules(["google/api/a_pb2.py", "google/api/b_pb2.py"]),
        "auth": modules(["google/auth/x.py"]),
    }
    assert rows(found) == {"google.api": ["protos"], "google.auth": ["auth"]}


def test_of_several_holders_the_one_of_the_modules_name_comes_first() -> None:
    assert rows({"a-cv": modules(["cv/__init__.py"]), "cv": modules(["cv/__init__.py"])}) == {
        "cv": ["cv", "a-cv"]
    }


def test_what_is_written_says_when_and_how_much() -> None:
    text = write({"one": modules(["one.py", "two.py"])}, DAY)
    assert "made on 2026-11-20" in text
    assert "2 modules of 1 distributions" in text
    assert text.endswith("one one\ntwo one\n")

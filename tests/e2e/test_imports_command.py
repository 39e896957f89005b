"""What services import, with and without an image, from a manifest or a path."""

import pytest

from tests.support.worlds import FAMILY, SERVICE, Answer, Document, World, installed, opencv

APP = """\
import json
import typing
import cv2
import numpy
import common.eyes

try:
    import fast
except ImportError:
    fast = None

if typing.TYPE_CHECKING:
    import pandas


def later():
    import lazy_one
    return __import__('dynamic_one')
"""


def service(answer: Answer, name: str = SERVICE) -> Document:
    """Return what is said of one service."""
    found: dict[str, Document] = {each["name"]: each for each in answer.document["services"]}
    return found[name]


@pytest.fixture
def fleet(world: World) -> World:
    """Give a service with an import in every context."""
    world.file("common/eyes.py", "import os\n")
    return world.family(FAMILY, opencv(), aliases=["eyes"]).service(SERVICE, APP)


def test_each_import_has_its_context_and_provider(fleet: World) -> None:
    answer = fleet.run("imports", SERVICE)

    found = {row["module"]: (row["context"], row["provided_by"]) for row in service(answer)["imports"]}
    assert found["json"] == ("module", "stdlib")
    assert found["cv2"] == ("module", f"family:{FAMILY}")
    assert found["common.eyes"] == ("module", "first-party")
    assert found["numpy"] == ("module", None)
    assert found["fast"] == ("guarded", None)
    assert found["pandas"] == ("typing", None)
    assert found["lazy_one"] == ("lazy", None)
    assert found["dynamic_one"][0] == "dynamic"


def test_only_what_is_imported_at_start_and_provided_by_nobody_blocks(fleet: World) -> None:
    answer = fleet.run("imports", "-o", "text")

    assert answer.code == 1
    errors = [f for f in answer.document["findings"] if f["severity"] == "error"]
    assert [(f["rule"], f["location"]["line"]) for f in errors] == [("FA-IMP-001", 4)]
    assert "numpy" in answer.out


def test_with_everything_provided_the_code_is_0(world: World) -> None:
    world.family(FAMILY, opencv()).service(SERVICE, "import json\nimport cv2\n")

    assert world.run("imports").code == 0


def test_a_distribution_that_the_service_itself_installs_is_declared(world: World) -> None:
    world.file("services/face/requirements.txt", "numpy==1.26\n").family(FAMILY)
    world.service(SERVICE, "import numpy\n", requirements=["services/face/requirements.txt"])

    assert world.run("imports").code == 0
    assert world.run("deps", FAMILY).needs["numpy"]["status"] == "declared"


def test_the_family_that_brought_a_distribution_is_the_one_whose_image_has_its_layer(world: World) -> None:
    world.family("base", installed("six", {"six.py": ""}))
    world.family(FAMILY, installed("six", {"six.py": ""}), opencv(), parent="base")
    world.service(SERVICE, "import six\nimport cv2\n")

    rows = service(world.run("imports"))["imports"]

    assert {row["module"]: row["provided_by"] for row in rows} == {
        "six": "family:base",
        "cv2": f"family:{FAMILY}",
    }


def test_a_path_is_a_service_of_its_own(world: World) -> None:
    world.file("code/app.py", "import helper\nimport numpy\n").file("code/helper.py", "import json\n")

    answer = world.run("imports", "code")

    assert answer.code == 0
    assert {row["module"] for row in service(answer, "code")["imports"]} == {"helper", "numpy", "json"}
    assert answer.document["image"] is None


def test_a_single_file_is_a_service_too(world: World) -> None:
    world.file("code/app.py", "import numpy\n").file("code/other.py", "import json\n")

    answer = world.run("imports", "code/app.py")

    assert {row["module"] for row in service(answer, "code")["imports"]} == {"numpy"}


def test_what_stands_beside_a_single_file_is_not_its_concern(world: World) -> None:
    world.file("code/app.py", "import helper\n").file("code/other.py", "def broken(:\n")
    world.file("code/helper.py", "import json\n")

    answer = world.run("imports", "code/app.py")

    assert answer.document["unparsed"] == []
    assert service(answer, "code")["files"] == ["app.py", "helper.py"]


@pytest.mark.parametrize("path", ["src/acme", "src/acme/", "src/acme/core.py", "src/acme/parts"])
def test_what_lies_in_a_package_is_imported_from_outside_of_it(world: World, path: str) -> None:
    world.file("src/acme/__init__.py").file("src/acme/parts/__init__.py", "import acme.core\n")
    world.file("src/acme/core.py", "from . import parts\nfrom acme import parts\n")

    answer = world.run("imports", path, "--image", world.image("x"))

    assert (answer.code, answer.document["gaps"]) == (0, [])
    files = next(iter(answer.document["services"]))["files"]
    assert {"acme/core.py", "acme/parts/__init__.py"} <= set(files)


def test_several_paths_are_services_of_their_own_each(world: World) -> None:
    world.file("a/app.py", "import json\n").file("b/app.py", "import os\n").file("b/more.py", "")

    answer = world.run("imports", "a", "b/app.py")

    assert [document["subject"] for document in answer.document["subjects"]] == ["a", "b"]


def test_the_folder_of_the_manifest_means_its_services(fleet: World) -> None:
    answer = fleet.run("imports", "./")

    assert [s["name"] for s in answer.document["services"]] == [SERVICE]


def test_a_folder_with_another_manifest_is_not_taken_for_one_service(fleet: World) -> None:
    fleet.file("other/fleet.yaml", "version: 1\n")

    code, _, err = fleet.say("imports", "other/")

    assert (code, "-f other/fleet.yaml" in err) == (2, True)


def test_everything_that_cannot_be_looked_at_is_said_at_once(fleet: World) -> None:
    code, out, err = fleet.say("imports", "./nowhere", SERVICE, "fce")

    assert (code, out) == (2, "")
    assert "./nowhere" in err or "nowhere: does not exist" in err
    assert "fce" in err


def test_a_path_on_an_image_is_judged_by_it(world: World) -> None:
    world.file("code/app.py", "import numpy\nimport cv2\n")

    answer = world.run("imports", "code", "--image", world.image("x", opencv()))

    assert answer.code == 1
    assert [row["module"] for row in service(answer, "code")["missing"]] == ["numpy"]
    assert service(answer, "code")["extension_modules"][0]["module"] == "cv2.cv2"


def test_services_of_one_family_stand_in_one_document(fleet: World) -> None:
    fleet.service("dream", "import json\n")

    assert [s["name"] for s in fleet.run("imports").document["services"]] == ["dream", SERVICE]
    assert [s["name"] for s in fleet.run("imports", SERVICE, "dream").document["services"]] == [
        "dream",
        SERVICE,
    ]


def test_services_of_several_families_stand_in_subjects(fleet: World) -> None:
    fleet.family("web").service("hub", family="web")

    answer = fleet.run("imports")

    assert [d["subject"] for d in answer.document["subjects"]] == [FAMILY, "web"]


def test_what_read_an_import_is_said_of_each(world: World) -> None:
    world.family(FAMILY, opencv()).file("services/face/helper.py", "import json\n")
    world.service(SERVICE, "import helper\nimport cv2\ndef f(): import json, csv, (\n")

    rows = service(world.run("imports"))["imports"]

    assert {(r["module"], r["context"]): r["parser"] for r in rows} == {
        ("helper", "module"): "block",
        ("cv2", "module"): "block",
        ("json", "lazy"): "skim",
        ("csv", "lazy"): "skim",
        ("json", "module"): "whole",
    }


def test_a_file_that_does_not_parse_is_listed_with_its_line(world: World) -> None:
    world.family(FAMILY, opencv()).service(SERVICE, "import cv2\n\ndef (:\n    import os\n")

    answer = world.run("imports", "-o", "text")

    assert answer.code == 1
    (row,) = answer.document["unparsed"]
    assert (row["path"], row["line"]) == ("services/face/app.py", 3)
    assert (row["parser"], row["skimmed"]) == ("block", [{"first": 3, "last": 3}])
    assert {r["module"]: r["parser"] for r in service(answer)["imports"]} == {"cv2": "block", "os": "block"}
    assert "services/face/app.py:3" in answer.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "did you mean"),
        (["./nowhere"], "does not exist"),
        ([SERVICE, "--image", "dir:nowhere"], "no such file or folder"),
        ([SERVICE, "-o", "html"], "'html'"),
        (["/dev/null"], "/dev/null"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(fleet: World, words: list[str], says: str) -> None:
    code, out, err = fleet.say("imports", *words)

    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert says in err or "no family or service" in err


def test_a_file_that_is_not_there_is_not_taken_for_an_image(world: World) -> None:
    code, out, err = world.say("imports", "nothere.py")

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("fleet-audit: nothere.py: there is no such file or folder")

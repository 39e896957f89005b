"""Manifests and repositories that are not what they should be: everything at once, with its line."""

import os
from typing import Any

import pytest

from tests.support.worlds import APP, FAMILY, World, opencv

BROKEN = """\
version: 1
fleet: small
famlies: {}
families:
  vision:
    gpu: 'yes'
    parent: nobody
    imge: oci:x
  loop: {parent: loop}
services:
  - name: face
    family: visoin
    requires: ['ffmpeg']
    entry: ../../etc/passwd
  - name: face
    family: vision
    ports: {svc: 99999}
  - family: 5
"""


def test_everything_that_is_wrong_with_a_manifest_is_said_at_once_with_its_line(world: World) -> None:
    world.file("fleet.yaml", BROKEN)

    code, out, err = world.say("deps", FAMILY)

    assert (code, out) == (2, "")
    for line, word in (
        (3, "famlies"),
        (6, "gpu"),
        (7, "nobody"),
        (8, "imge"),
        (9, "cycle"),
        (12, "visoin"),
        (13, "bin:NAME"),
        (14, "leaves"),
        (15, "defined already"),
        (17, "99999"),
        (18, "family"),
        (18, "name"),
    ):
        assert any(f"fleet.yaml:{line}:" in each and word in each for each in err.splitlines()), (line, word)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "fleet.yaml"),
        (b"\xff\xfe\x00", "fleet.yaml"),
        (b"a: [", "fleet.yaml:"),
        (b"- 1", "fleet.yaml"),
        (b"version: 1\nversion: 1\n", "fleet.yaml:2"),
        (b"a: &a [*a]\n", "fleet.yaml"),
        (b"x: !!python/object/apply:os.system [id]\n", "fleet.yaml"),
        (b"[" * 5000, "fleet.yaml"),
        (b"version: 2\nfleet: x\nfamilies: {}\nservices: []\n", "version 2"),
        (b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n" + b"d: [*c,*c]\n" * 3, "fleet.yaml"),
        (b"? [1]\n: 2\n", "fleet.yaml"),
        (b"version: 1\nfleet: x\nfamilies: {v: null}\nservices: null\n", "fleet.yaml"),
        (b"version: 1\nfleet: x\nfamilies: {}\nservices: []\n\x1b[31m: 1\n", "fleet.yaml"),
    ],
)
def test_what_is_no_manifest_is_refused(world: World, body: bytes, says: str) -> None:
    world.file("fleet.yaml", body)

    code, out, err = world.say("deps", FAMILY)

    assert (code, out) == (2, "")
    assert says in err
    assert "internal error" not in err
    assert "\x1b" not in err


@pytest.mark.parametrize("command", [["deps", FAMILY], ["imports"], ["explain", "so:x"], ["ldd", FAMILY]])
def test_a_manifest_that_is_not_there_or_is_a_folder_is_one_sentence(
    world: World, command: list[str]
) -> None:
    for name in ("nowhere.yaml", ".", "/dev/null/x"):
        code, out, err = world.say(*command, "-f", name)

        assert (code, out, err.count("\n")) == (2, "", 1), err


def test_a_manifest_without_families_has_nothing_to_audit(world: World) -> None:
    world.file("fleet.yaml", "version: 1\nfleet: x\nfamilies: {}\nservices: []\n")

    for words in (["deps", "--all"], ["deps", "--gpu"], ["imports"]):
        code, out, err = world.say(*words)
        assert (code, out) == (2, "")
        assert "nothing to audit" in err


def test_a_family_without_a_built_image_is_incomplete_and_says_what_to_do(world: World) -> None:
    world.family(FAMILY, image="oci:images/unbuilt:x").service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.code == 3
    gap = answer.gaps["no-image"]
    assert "build it or pass --image" in gap["why"]
    assert gap["location"] == {"path": "fleet.yaml", "line": 4}
    assert world.run("imports").code == 3
    for words in ([], ["--tree", "/x"], ["--deep", "/x"], ["--hardening"]):
        answer = world.run("ldd", FAMILY, *words)
        assert (answer.code, list(answer.gaps)) == (3, ["no-image"])


@pytest.mark.parametrize("image", ["images/unbuilt", "oci:images/vision:untagged", "dir:nowhere", "a.tar:x"])
def test_an_image_that_is_not_there_is_a_gap_however_it_is_named(world: World, image: str) -> None:
    world.family(FAMILY).service("face").family("other", image=image).service("dim", family="other")

    answer = world.run("deps", "other")

    assert (answer.code, answer.gaps["no-image"]["what"]) == (3, "other")


def test_an_image_named_by_its_path_alone_is_relative_to_the_manifest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.image("images/bare", opencv("libGL.so.1"))
    world.family(FAMILY, image="images/bare").service("face", "import cv2\n")
    monkeypatch.chdir(world.folder.parent)

    assert world.run("deps", FAMILY, "-f", "fleet/fleet.yaml").code == 1


def test_a_family_that_names_no_image_is_incomplete(world: World) -> None:
    world.family(FAMILY, image=None).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.code == 3
    assert "add `image:` or pass --image" in answer.gaps["no-image"]["why"]
    assert world.run("deps", FAMILY, "--image", world.image("x", opencv())).code == 0


def test_of_several_families_the_unbuilt_one_leaves_the_others_answered(world: World) -> None:
    world.family("a", image=None).service("one", family="a").family("b").service("two", family="b")

    answer = world.run("deps", "--all")

    assert answer.code == 3
    assert [d["verdict"] for d in answer.document["subjects"]] == ["incomplete", "pass"]


@pytest.mark.parametrize(
    "fields",
    [
        {"source_paths": ["services/nowhere"]},
        {"entry": "services/face/nowhere.py"},
        {"source_paths": ["services/nowhere"], "entry": "services/nowhere/app.py"},
        {"entry": "module:nowhere"},
        {"requirements": ["nowhere.txt"]},
    ],
)
def test_a_service_whose_code_is_not_where_it_says_is_incomplete(
    world: World, fields: dict[str, Any]
) -> None:
    world.family(FAMILY, opencv()).service("face", "import cv2\n", **fields)

    answer = world.run("deps", FAMILY)

    assert answer.code == 3, answer.document["gaps"]
    assert any("nowhere" in gap["what"] + gap["why"] for gap in answer.document["gaps"])
    assert world.run("imports").code == 3


@pytest.mark.parametrize(
    "fields", [{"entry": "", "source_paths": []}, {"entry": "", "source_paths": ["docs"]}]
)
def test_a_service_without_any_code_is_no_clean_report(world: World, fields: dict[str, Any]) -> None:
    world.file("docs/page.md").family(FAMILY, opencv()).service("face", **fields)

    for command in (["deps", FAMILY], ["imports"]):
        answer = world.run(*command)
        assert (answer.code, answer.gaps["no-service-source"]["what"]) == (3, "face")


def test_a_service_with_an_entry_alone_has_code(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n", source_paths=[])
    world.service("still", "", source_paths=[])

    assert world.run("deps", "face").code == 1
    assert world.run("deps", "still").code == 0


def test_a_source_folder_without_python_is_no_clean_report(world: World) -> None:
    world.file("docs/page.md")

    answer = world.run("deps", world.image("x"), "--source", "docs")

    assert answer.code == 3


def test_a_link_in_the_repository_does_not_lead_out_of_it(world: World) -> None:
    outside = world.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("import cv2\n", encoding="utf-8")
    world.family(FAMILY, opencv("libGL.so.1")).service(
        "face", "import secret\n", pythonpath=["services/face"]
    )
    (world.folder / "services/face/secret.py").symlink_to(outside / "secret.py")

    answer = world.run("deps", FAMILY)

    assert answer.code in (1, 3)
    assert "libGL.so.1" not in answer.needs


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\xff",
        b"import cv2\0",
        b"# coding: utf-7\nimport cv2\n",
        b"# coding: nonsense\nimport cv2\n",
        b"(" * 10_000,
        b"import " + b"a." * 5000 + b"b\n",
        b"from " + b"." * 5000 + b" import x\n",
        b"x = " + b"-" * 20_000 + b"1\n",
        b"import cv2\r" * 100,
        b"'''" + b"\n" * 50_000,
        b"if 1:\n" + b"".join(b" " * i + b"if 1:\n" for i in range(1, 300)) + b" " * 300 + b"pass\n",
        "import \u202ecv2\nimport \ufeffcv2\n".encode(),
    ],
)
def test_source_that_is_odd_ends_no_run_in_a_traceback(world: World, body: bytes) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", body)

    assert world.run("deps", FAMILY, "-o", "text").code in (0, 1, 3)
    assert world.run("imports", "-o", "text").code in (0, 1, 3)


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "dangling"])
def test_an_entry_that_is_no_file_is_incomplete(world: World, kind: str) -> None:
    world.family(FAMILY).service("face", "")
    entry = world.folder / APP
    entry.unlink()
    match kind:
        case "fifo":
            os.mkfifo(entry)
        case "folder":
            entry.mkdir()
        case "loop":
            entry.symlink_to(entry)
        case _:
            entry.symlink_to("nowhere.py")

    assert world.run("deps", FAMILY).code == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"ignore": [{"rule": "FA-NOPE-999", "reason": "x"}]},
        {"ignore": [{"rule": "FA-NEED-001"}]},
    ],
)
def test_an_exemption_that_is_none_is_refused(world: World, fields: dict[str, Any]) -> None:
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n", **fields)

    code, _, err = world.say("deps", FAMILY)

    assert code == 2
    assert "fleet.yaml:" in err


def test_an_exempt_service_does_not_block(world: World) -> None:
    ignore = [{"rule": "FA-NEED-001", "reason": "the picture is never shown"}]
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n", ignore=ignore)

    answer = world.run("deps", FAMILY)

    assert answer.code == 0
    assert answer.needs["libGL.so.1"]["status"] == "missing"


@pytest.mark.parametrize("name", ["policy", "rules"])
def test_a_policy_that_is_not_there_is_one_sentence(world: World, name: str) -> None:
    world.family(FAMILY).service("face")
    text = (world.folder / "fleet.yaml").read_text(encoding="utf-8")
    world.file("fleet.yaml", text + f"{name}: {'nowhere' if name == 'policy' else '[nowhere]'}\n")

    code, _, err = world.say("deps", FAMILY)

    assert (code, "internal error" in err) == (2, False), err
    assert "nowhere" in err


@pytest.mark.parametrize(
    ("name", "why"), [("nowhere.yaml", "there is no such file"), ("services", "is a folder, not a manifest")]
)
def test_a_manifest_that_is_none_is_named_as_it_was_given(world: World, name: str, why: str) -> None:
    world.family(FAMILY, opencv()).file("services/README", "")
    place = str(world.folder / name)

    code, out, err = world.say("deps", FAMILY, "-f", place)

    assert (code, out, err) == (2, "", f"fleet-audit: {place}: {why}; check what -f names\n")

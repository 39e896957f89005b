"""Images that are not what they should be: one clear sentence or a gap, and never a clean report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.elf import elf
from tests.support.images import ImageBuilder, layer_tar, write_images
from tests.support.trees import Link
from tests.support.worlds import FAMILY, Answer, World, base_files, library, opencv, small_image

MISSING_GL = opencv("libGL.so.1")


@pytest.fixture
def fleet(world: World) -> World:
    """Give a service that misses a library on an image that is a test's to damage."""
    return world.family(FAMILY, MISSING_GL).service(
        "face", "import cv2\nimport subprocess\nsubprocess.run('ffmpeg')\n"
    )


def layers(world: World) -> list[Path]:
    """Return the files of the layers of the family's image, the lowest first."""
    folder = world.folder / "images" / FAMILY
    index = json.loads((folder / "index.json").read_bytes())
    manifest = json.loads((folder / "blobs/sha256" / index["manifests"][0]["digest"][7:]).read_bytes())
    return [folder / "blobs/sha256" / layer["digest"][7:] for layer in manifest["layers"]]


def is_refused(world: World, ref: str, *says: str) -> None:
    """Check that every command refuses an image in one sentence with 2, and writes nothing."""
    for words in (["deps", ref], ["ldd", ref], ["explain", "so:x", "--image", ref]):
        code, out, err = world.say(*words, "-o", "json=out.json")
        assert (code, out) == (2, ""), err
        assert err.count("\n") == 1
        assert all(word in err for word in says), err
        assert not (world.folder / "out.json").exists()


def is_unknown(answer: Answer) -> None:
    """Check that nothing is called missing, nothing is proposed, and the verdict is incomplete."""
    assert (answer.code, answer.document["verdict"]) == (3, "incomplete"), answer.err
    assert answer.gaps["unreadable-layer"]["blocking"] is True
    assert {need["status"] for need in answer.document["needs"]} <= {"unknown", "resolved"}
    assert answer.document["proposal"]["roots"] == []
    assert answer.document["findings"] == []


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[: len(data) // 3],
    "empty": lambda _: b"",
    "of other bytes": lambda data: b"nonsense" * (len(data) // 8),
    "flipped": lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
    "longer": lambda data: data + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_with_a_damaged_layer_nothing_is_missing_and_the_verdict_is_incomplete(
    fleet: World, damage: str
) -> None:
    layer = layers(fleet)[1]
    layer.write_bytes(DAMAGES[damage](layer.read_bytes()))

    is_unknown(fleet.run("deps", FAMILY))
    is_unknown(fleet.run("deps", FAMILY))


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_a_damaged_archive_is_refused_or_unknown(world: World, form: Any, damage: str) -> None:
    world.file("code/app.py", "import cv2\n")
    ref = world.image("images/x.tar", MISSING_GL, form=form)
    file = world.folder / "images" / "x.tar"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))

    answer = world.run("deps", ref, "--source", "code")

    if damage in ("longer", "flipped"):  # the end of a tar is zeros that nobody reads
        assert answer.code in (1, 3)
    else:
        assert answer.code in (2, 3)
        assert answer.written is None or answer.document["findings"] == []
    assert "Traceback" not in answer.err


def test_an_absent_layer_is_a_gap(fleet: World) -> None:
    layers(fleet)[1].unlink()

    is_unknown(fleet.run("deps", FAMILY))


def test_a_wrong_diff_id_is_a_gap(world: World) -> None:
    image = world.image("images/x", MISSING_GL, diff_ids={1: "sha256:" + "0" * 64})
    world.family(FAMILY, image=image).service("face", "import cv2\n")

    is_unknown(world.run("deps", FAMILY))


@pytest.mark.parametrize("kind", ["application/x-unknown", "application/vnd.oci.image.layer.v1.tar+xz", ""])
def test_a_layer_of_an_unknown_media_type_is_a_gap(world: World, kind: str) -> None:
    image = world.image("images/x", MISSING_GL, media_types={1: kind})
    world.family(FAMILY, image=image).service("face", "import cv2\n")

    is_unknown(world.run("deps", FAMILY))


def test_a_bomb_is_a_gap_and_does_not_fill_the_memory(world: World) -> None:
    header = layer_tar({"zeros": b""})[:512]
    zeros = bytearray(header[:124] + b"77777777777\0" + header[136:512])
    zeros[148:156] = b" " * 8
    zeros[148:156] = b"%06o\0 " % sum(zeros)
    world.family(FAMILY, MISSING_GL, bytes(zeros) + b"\0" * (32 << 20)).service("face", "import cv2\n")

    is_unknown(world.run("deps", FAMILY))


@pytest.mark.parametrize(
    "names",
    [
        ["../../etc/evil", "a/../../../evil", "/absolute"],
        ["a" * 5000],
        ["x/" * 3000],
        ["\udcff\udcfe", "a\nb", "\x1b[31m", "\u202e"],
        ["usr/local/bin/python3.11/inside-a-file"],
    ],
)
def test_names_that_lead_astray_stay_within_the_image(world: World, names: list[str]) -> None:
    hostile = layer_tar([(name, "x") for name in names])
    world.family(FAMILY, hostile, MISSING_GL).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY, "-o", "text")

    assert answer.code in (1, 3)
    assert not (world.folder.parent / "evil").exists()
    assert not Path("/etc/evil").exists()


CIRCLES = {
    "of one": {"usr/lib/libGL.so.1": Link("libGL.so.1")},
    "of two": {"usr/lib/libGL.so.1": Link("b"), "usr/lib/b": Link("libGL.so.1")},
    "of a chain": {f"usr/lib/l{i}": Link(f"l{i + 1}") for i in range(100)}
    | {"usr/lib/libGL.so.1": Link("l0")},
}
DEAD_ENDS = {
    "to nothing": {"usr/lib/libGL.so.1": Link("/nowhere/x")},
    "above the root": {"usr/lib/libGL.so.1": Link("../../../../../../etc/os-release")},
    "of a folder": {"usr/lib/libGL.so.1": Link(".")},
}


@pytest.mark.parametrize("circle", CIRCLES)
def test_a_link_in_a_circle_ends_the_search_of_a_list(world: World, circle: str) -> None:
    config = {"Env": ["LD_LIBRARY_PATH=/usr/lib:/opt"]}
    layers = (MISSING_GL, CIRCLES[circle], library("opt/libGL.so.1"))
    world.family(FAMILY, *layers, config=config).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.code == 1
    assert answer.needs["libGL.so.1"]["status"] == "missing"


@pytest.mark.parametrize("end", DEAD_ENDS)
def test_a_link_that_leads_nowhere_supplies_nothing(world: World, end: str) -> None:
    world.family(FAMILY, MISSING_GL, DEAD_ENDS[end]).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.code == 1
    assert answer.needs["libGL.so.1"]["status"] in ("missing", "fatal")


@pytest.mark.parametrize("place", ["usr", "usr/lib", "usr/local/lib/python3.11", "etc", "lib64"])
def test_a_folder_that_is_a_link_to_itself_ends_no_run_in_a_traceback(world: World, place: str) -> None:
    files = {name: body for name, body in base_files().items() if not name.startswith(f"{place}/")}
    raw = layer_tar({**files, place: Link(f"/{place}")}, mode=0o755)
    ImageBuilder((raw,)).write(world.folder / "x")
    world.family(FAMILY, image="oci:x").service("face", "import json\nimport cv2\n")

    assert world.run("deps", FAMILY).code in (1, 3)
    assert world.run("ldd", FAMILY).code in (0, 1, 3)
    assert world.run("imports").code in (1, 3)


def test_several_images_without_a_choice_are_listed(world: World) -> None:
    for form, separator in (("oci", ""), ("oci-archive", ".tar"), ("docker-archive", ".d.tar")):
        images = [small_image(tag=tag) for tag in ("one", "two")]
        ref = write_images(images, world.folder / f"both{separator}", form)  # type: ignore[arg-type]  # a str

        is_refused(world, ref, "one", "two")


def test_an_image_of_several_is_chosen_by_its_tag(world: World) -> None:
    images = [small_image(opencv("libGL.so.1"), tag="one"), small_image(opencv(), tag="two")]
    write_images(images, world.folder / "both")
    world.file("code/app.py", "import cv2\n")

    assert world.run("deps", "oci:both:one", "--source", "code").code == 1
    assert world.run("deps", "oci:both:two", "--source", "code").code == 0
    is_refused(world, "oci:both:three", "one", "two")


def test_an_image_for_another_platform_is_refused_and_says_which_there_are(world: World) -> None:
    world.image("arm", architecture="arm64")

    is_refused(world, "oci:arm", "arm64", "linux/amd64")
    assert world.run("deps", "oci:arm", "--platform", "linux/arm64").code in (0, 1, 3)


def listing(media_type: str, digest: str) -> bytes:
    """Return an index with one manifest."""
    row = {"mediaType": f"application/{media_type}", "digest": f"sha256:{digest}", "size": 5}
    return json.dumps({"schemaVersion": 2, "manifests": [row]}).encode()


BROKEN_INDEXES = {
    "no json": b"{",
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "no manifests": b'{"schemaVersion": 2}',
    "manifests of numbers": b'{"schemaVersion": 2, "manifests": [1]}',
    "deep": b"[" * 100_000,
    "a path for a digest": listing("vnd.oci.image.manifest.v1+json", "../../../etc/passwd"),
    "an unknown type": listing("x", "0" * 64),
    "an absent manifest": listing("vnd.oci.image.manifest.v1+json", "0" * 64),
    "surrogates": b'{"schemaVersion": 2, "manifests": [{"mediaType": "\\ud800"}]}',
}


@pytest.mark.parametrize("fault", BROKEN_INDEXES)
def test_a_broken_index_is_refused(fleet: World, fault: str) -> None:
    fleet.file(f"images/{FAMILY}/index.json", BROKEN_INDEXES[fault])

    is_refused(fleet, f"oci:images/{FAMILY}", f"oci:images/{FAMILY}")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"rootfs": 5}', b'{"config": {"Env": 7}}', b"\xff"]
)
def test_a_broken_config_or_manifest_is_refused(fleet: World, body: bytes) -> None:
    index = json.loads((fleet.folder / "images" / FAMILY / "index.json").read_bytes())
    manifest = index["manifests"][0]["digest"][7:]
    config = json.loads((fleet.folder / f"images/{FAMILY}/blobs/sha256/{manifest}").read_bytes())["config"]

    fleet.file(f"images/{FAMILY}/blobs/sha256/{config['digest'][7:]}", body)
    is_refused(fleet, f"oci:images/{FAMILY}", f"oci:images/{FAMILY}")
    fleet.file(f"images/{FAMILY}/blobs/sha256/{manifest}", body)
    is_refused(fleet, f"oci:images/{FAMILY}", f"oci:images/{FAMILY}")


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\0" * 1024, b"\x1f\x8b" + b"x" * 99]
)
@pytest.mark.parametrize("transport", ["", "oci:", "oci-archive:", "docker-archive:", "dir:"])
def test_a_file_that_is_no_image_is_refused(world: World, transport: str, body: bytes) -> None:
    world.file("x.tar", body)

    is_refused(world, f"{transport}x.tar", "x.tar")


@pytest.mark.parametrize(
    "ref", ["oci:", "dir:", "oci-archive:", "oci:.", "dir:/nowhere", "./", "oci-archive:/dev/null"]
)
def test_a_reference_that_leads_to_nothing_is_refused(world: World, ref: str) -> None:
    code, _, err = world.say("deps", ref)

    assert (code, err.count("\n")) == (2, 1), err


def test_a_root_without_python_is_incomplete_and_no_clean_report(world: World) -> None:
    world.file("root/etc/os-release", "ID=debian\n").file("code/app.py", "import json\n")

    answer = world.run("deps", "dir:root", "--source", "code")

    assert (answer.code, answer.gaps["no-interpreter"]["blocking"]) == (3, True)
    assert [gap["kind"] for gap in answer.document["gaps"]].count("no-interpreter") == 1
    assert world.run("ldd", "dir:root").code == 3


def test_an_image_of_an_unknown_loader_is_incomplete(world: World) -> None:
    loader = "lib/ld-uClibc.so.0"
    files = {name: body for name, body in base_files().items() if "lib64" not in name}
    python = {"usr/local/bin/python3.11": elf(interpreter=f"/{loader}", needed=["libc.so.0"])}
    raw = layer_tar({**files, **python, **MISSING_GL, **library(loader)}, mode=0o755)
    ImageBuilder((raw,)).write(world.folder / "x")
    world.family(FAMILY, image="oci:x").service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert (answer.code, answer.roots) == (3, []), answer.document["findings"]
    assert "unsupported-loader" in answer.gaps


def test_an_image_without_dpkg_proposes_nothing_and_says_so(world: World) -> None:
    world.family(FAMILY, MISSING_GL, {"var/lib/dpkg/.wh.status": b""}).service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert (answer.code, answer.roots) == (1, [])
    assert "no-package-state" in answer.gaps


@pytest.mark.parametrize(
    "status", [b"\xff" * 100, b"Package: x\n" * 1000, b"Package: " + b"x" * 100_000, b"\0\n\n\0"]
)
def test_a_damaged_dpkg_status_ends_no_run_in_a_traceback(world: World, status: bytes) -> None:
    world.family(FAMILY, MISSING_GL, {"var/lib/dpkg/status": status}).service("face", "import cv2\n")

    assert world.run("deps", FAMILY).code == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF" + b"\xff" * 200,
        b"\x7fELF\x02\x01\x01" + b"\0" * 57,
        b"hello",
        b"GROUP ( libx.so )",
    ],
)
def test_a_damaged_extension_module_is_never_called_fine(world: World, body: bytes) -> None:
    world.family(FAMILY, opencv(), {"usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so": body})
    world.service("face", "import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.code in (1, 3), answer.document["needs"]

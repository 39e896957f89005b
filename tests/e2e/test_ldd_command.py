"""Which entry points of an image cannot load, as a whole command says it."""

import pytest

from tests.support.archives import stanza
from tests.support.elf import AARCH64, LOADER, Facts, Needs, Symbol, elf
from tests.support.images import Content, ImageBuilder, layer_tar, layout_files
from tests.support.worlds import FAMILY, Document, World, installed, library, opencv, small_image


def problems(world: World, *words: str) -> dict[str, list[Document]]:
    """Return each entry point's problems by its path."""
    entries = world.run("ldd", *words).document["entries"]
    return {entry["path"]: entry["problems"] for entry in entries}


CV2 = "/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so"


def test_a_missing_library_is_named_with_where_it_was_looked_for(world: World) -> None:
    answer = world.run("ldd", world.image("x", opencv("libGL.so.1")), "-o", "text")

    assert answer.code == 1
    (entry,) = (e for e in answer.document["entries"] if e["path"] == CV2)
    assert (entry["kind"], entry["module"], entry["distribution"]) == (
        "extension-module",
        "cv2.cv2",
        "opencv-python",
    )
    (problem,) = entry["problems"]
    assert (problem["kind"], problem["soname"], problem["wanted_by"]) == ("missing", "libGL.so.1", CV2)
    assert "/usr/lib" in problem["searched"]
    assert "libGL.so.1" in answer.out


def test_an_image_in_which_everything_loads_passes(world: World) -> None:
    answer = world.run("ldd", world.image("x", opencv("libGL.so.1"), library("usr/lib/libGL.so.1")))

    assert answer.code == 0
    assert all(entry["problems"] == [] for entry in answer.document["entries"])


def test_a_family_or_service_means_its_image(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"), aliases=["eyes"]).service("face")

    assert {world.run("ldd", name).code for name in (FAMILY, "eyes", "face")} == {1}


def test_the_chain_of_libraries_is_followed(world: World) -> None:
    image = world.image("x", opencv("liba.so.1"), library("usr/lib/liba.so.1", "libb.so.1"))

    assert problems(world, image)[CV2][0]["wanted_by"] == "/usr/lib/liba.so.1"


def test_the_environment_of_the_image_counts(world: World) -> None:
    files = library("opt/lib/libGL.so.1")

    bare = world.image("bare", opencv("libGL.so.1"), files)
    told = world.image("told", opencv("libGL.so.1"), files, config={"Env": ["LD_LIBRARY_PATH=/opt/lib"]})

    assert (world.run("ldd", bare).code, world.run("ldd", told).code) == (1, 0)


def test_a_version_that_libc_lacks_is_a_problem(world: World) -> None:
    module = elf(
        needed=["libc.so.6"],
        version_needs=[Needs("libc.so.6", ["GLIBC_2.99"])],
        symbols=[Symbol("PyInit_new")],
    )

    found = problems(world, world.image("x", installed("new", {"new.abi3.so": module})))

    (problem,) = found["/usr/local/lib/python3.11/site-packages/new.abi3.so"]
    assert problem["kind"] == "version"
    assert "GLIBC_2.99" in problem["detail"] + problem["soname"]


@pytest.mark.parametrize("part", ["Entrypoint", "Cmd"])
def test_what_the_image_starts_is_an_entry_point(world: World, part: str) -> None:
    tool = {"opt/tool": elf(interpreter=LOADER, needed=["libgone.so.1"])}

    found = problems(world, world.image("x", tool, config={part: ["/opt/tool", "x"]}))

    assert found["/opt/tool"][0]["soname"] == "libgone.so.1"


def test_a_script_whose_interpreter_is_not_there_is_not_started(world: World) -> None:
    script: dict[str, Content] = {"app/run": "#!/usr/bin/bash\nexec serve\n"}

    answer = world.run("ldd", world.image("x", script, config={"Entrypoint": ["/app/run"]}))

    assert answer.code == 1
    (entry,) = (e for e in answer.document["entries"] if e["path"] == "/app/run")
    (problem,) = entry["problems"]
    assert (entry["kind"], problem["kind"]) == ("executable", "fatal")
    assert (
        problem["detail"] == "/app/run: its interpreter /usr/bin/bash is not there: No such file or directory"
    )
    (finding,) = answer.document["findings"]
    assert (finding["rule"], finding["subject"]) == ("FA-NEED-003", "bin:/app/run")


def test_a_script_whose_interpreter_is_there_is_no_finding(world: World) -> None:
    files: dict[str, Content] = {"app/run": "#!/bin/sh\n", "bin/sh": elf(interpreter=LOADER)}

    assert world.run("ldd", world.image("x", files, config={"Entrypoint": ["/app/run"]})).code == 0


def test_a_finding_of_a_family_stands_where_its_dockerfile_installs(world: World) -> None:
    world.file("docker/Dockerfile", "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n")
    world.family(FAMILY, opencv("libGL.so.1"), dockerfiles=["docker/Dockerfile"])
    world.family("bare", opencv("libGL.so.1"))

    (placed,) = world.run("ldd", FAMILY).document["findings"]
    (unplaced,) = world.run("ldd", "bare").document["findings"]

    assert (placed["location"]["path"], placed["location"]["line"]) == ("docker/Dockerfile", 2)
    assert unplaced["location"]["path"] == "fleet.yaml"
    assert "of vision" in placed["message"]


def test_the_hosts_driver_is_no_failure(world: World) -> None:
    answer = world.run("ldd", world.image("x", opencv("libcuda.so.1")))

    assert answer.code == 0
    (entry,) = (e for e in answer.document["entries"] if e["path"] == CV2)
    assert [p["kind"] for p in entry["problems"]] == ["host-driver"]


def test_a_library_that_cannot_be_imported_is_a_plugin_and_never_in_the_way(world: World) -> None:
    plugin = installed(
        "qt", {"qt/plugins/libx.so": elf(needed=["libgone.so.1"], symbols=[Symbol("qt_plugin")])}
    )

    answer = world.run("ldd", world.image("x", plugin))

    assert answer.code == 0
    (entry,) = (e for e in answer.document["entries"] if e["path"].endswith("libx.so"))
    assert (entry["kind"], [p["kind"] for p in entry["problems"]]) == ("plugin", ["optional"])


def test_a_root_folder_is_an_image_too(world: World) -> None:
    for name, body in {"etc/os-release": "ID=debian\n", "usr/lib/libx.so.1": "x"}.items():
        world.file(f"root/{name}", body)

    assert world.run("ldd", "dir:root").code == 3


def test_a_family_whose_image_is_not_built_is_incomplete_and_looks_it(world: World) -> None:
    world.family(FAMILY, image="oci:images/unbuilt:x").service("face", "import cv2\n")

    answer = world.run("ldd", FAMILY, "-o", "text")

    assert (answer.code, answer.document["verdict"]) == (3, "incomplete")
    assert list(answer.gaps) == ["no-image"]
    assert "✓" not in answer.out


ARM_LOADER = "lib/ld-linux-aarch64.so.1"


def _of_arm64(*needed: str) -> dict[str, Content]:
    """Return a program for arm64, and next to it a library that only amd64 could load."""
    return {
        "opt/app": elf(machine=AARCH64, interpreter=f"/{ARM_LOADER}", needed=needed, runpath="/opt/lib"),
        ARM_LOADER: elf(machine=AARCH64, soname="ld-linux-aarch64.so.1"),
        "opt/lib/liba.so": elf(),
        "lib64/libz.so.1": elf(machine=AARCH64),
        "lib64/libtext.so": "INPUT(-ltext)\n" * 9,
    }


def test_the_platform_chooses_among_the_images_of_an_index(world: World) -> None:
    config = {"Entrypoint": ["/opt/app"]}
    amd = small_image({"opt/app": elf(interpreter=LOADER)}, config=config)
    arm = ImageBuilder((layer_tar(_of_arm64("libgone.so"), mode=0o755),), config=config, architecture="arm64")
    for path, body in layout_files([amd, arm], "gzip").items():
        world.file(f"both/{path}", body)

    answers = {
        word: world.run("ldd", "oci:both", "--platform", word) for word in ("linux/amd64", "linux/arm64")
    }

    assert {word: answer.code for word, answer in answers.items()} == {"linux/amd64": 0, "linux/arm64": 1}
    (entry,) = answers["linux/arm64"].document["entries"]
    assert [(p["kind"], p["soname"]) for p in entry["problems"]] == [("missing", "libgone.so")]


def test_an_arm64_program_is_judged_by_its_own_loader(world: World) -> None:
    needed = ("liba.so", "libz.so.1", "libtext.so")
    layer = layer_tar(_of_arm64(*needed), mode=0o755)
    ImageBuilder((layer,), architecture="arm64").write(world.folder / "arm", "oci")

    answer = world.run("ldd", "oci:arm", "--platform", "linux/arm64", "--tree", "/opt/app")

    steps = answer.document["tree"]["steps"]
    assert answer.document["tree"]["loader"]["path"] == f"/{ARM_LOADER}"

    assert [(step["soname"], step["status"]) for step in steps] == [
        ("liba.so", "wrong-machine"),
        ("libz.so.1", "resolved"),
        ("libtext.so", "fatal"),
    ]


@pytest.mark.parametrize(
    ("facts", "rule"),
    [(Facts(executable_stack=True), "FA-ELF-002"), (Facts(runpath="build/lib"), "FA-ELF-003")],
)
def test_what_loads_and_is_still_not_well_made_is_told_and_does_not_fail(
    world: World, facts: Facts, rule: str
) -> None:
    facts["symbols"] = [Symbol("PyInit_odd")]
    module = elf(**facts)
    world.family(FAMILY, installed("odd", {"odd.abi3.so": module}))

    answer = world.run("ldd", FAMILY)

    assert answer.code == 0
    (finding,) = answer.document["findings"]
    assert (finding["rule"], finding["severity"]) == (rule, "warn")
    assert finding["subject"] == "file:/usr/local/lib/python3.11/site-packages/odd.abi3.so"


def test_what_does_not_load_is_attributed_to_its_package_layer_and_family(world: World) -> None:
    status = stanza("tool", "1.0", Status="install ok installed")
    lists = {"var/lib/dpkg/status": status, "var/lib/dpkg/info/tool.list": "/opt\n/opt/tool\n"}
    below = layer_tar({"opt/tool": elf(interpreter=LOADER, needed=["libgone.so"]), **lists}, mode=0o755)
    world.family("base", below, config={"Entrypoint": ["/opt/tool"]})
    above = opencv("libGL.so.1")
    world.family(FAMILY, below, above, config={"Entrypoint": ["/opt/tool"]}, parent="base")

    answer = world.run("ldd", FAMILY, "-o", "text")

    entries = {entry["path"]: entry for entry in answer.document["entries"]}
    tool, module = entries["/opt/tool"], entries[CV2]
    assert (tool["package"], tool["distribution"], tool["origin"]) == ("tool", None, "base")
    assert (module["package"], module["distribution"], module["origin"]) == (None, "opencv-python", FAMILY)
    assert tool["layer"] != module["layer"]
    assert "tool, from base" in answer.out


def test_what_loads_is_attributed_to_nobody(world: World) -> None:
    world.family(FAMILY, opencv())

    entries = world.run("ldd", FAMILY).document["entries"]

    assert {(entry["package"], entry["layer"], entry["origin"]) for entry in entries} == {(None, None, None)}

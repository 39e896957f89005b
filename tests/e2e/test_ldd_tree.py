"""``ldd --tree``: how one file loads, told to the loader's own conclusion."""

import pytest

from tests.support.elf import I386, LOADER, elf
from tests.support.images import Content
from tests.support.pythons import SITE, TAG
from tests.support.worlds import FAMILY, LIBRARIES, World, installed, library, opencv

CV2 = f"{SITE}/cv2/cv2.abi3.so"
PYTHON = "/usr/local/bin/python3.11"


def test_a_missing_library_is_followed_through_every_place(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1", "libz.so.1"), library(f"{LIBRARIES}/libz.so.1"))

    answer = world.run("ldd", FAMILY, "--tree", CV2)

    assert answer.code == 1
    assert answer.document["schema"] == "fleet-audit.ldd/1"
    tree = answer.document["tree"]
    assert tree["process"] == PYTHON
    assert tree["loader"]["path"] == LOADER
    step = next(step for step in tree["steps"] if step["soname"] == "libGL.so.1")
    assert (step["status"], step["wanted_by"]) == ("missing", CV2)
    assert [attempt["rule"] for attempt in step["attempts"]][:1] == ["cache"]
    assert [p["soname"] for p in answer.document["entries"][0]["problems"]] == ["libGL.so.1", "libz.so.1"]


def test_a_file_that_loads_passes_whatever_else_is_broken_in_the_image(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"))

    answer = world.run("ldd", FAMILY, "--tree", PYTHON)

    assert answer.code == 0
    assert answer.document["entries"][0]["kind"] == "executable"
    assert answer.document["tree"]["loaded"] == [PYTHON, "/lib64/libc.so.6"]


def test_a_driver_of_the_host_does_not_keep_a_file_from_loading(world: World) -> None:
    world.family(FAMILY, opencv("libcuda.so.1"))

    answer = world.run("ldd", FAMILY, "--tree", CV2)

    assert answer.code == 0
    assert {s["status"] for s in answer.document["tree"]["steps"]} == {"host-driver", "resolved"}


def test_a_loader_that_is_not_known_leaves_the_answer_open(world: World) -> None:
    program = elf(interpreter="/lib/ld-strange.so.1", needed=["liba.so"])
    world.family(FAMILY, {"opt/app": program, "lib/ld-strange.so.1": elf()})

    answer = world.run("ldd", FAMILY, "--tree", "/opt/app")

    assert answer.code == 3
    assert "unsupported-loader" in answer.gaps


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "file too short"),
        (b"INPUT(libreal.so.1)\n" * 10, "invalid ELF header"),
        (elf()[:20], "file too short"),
        (elf(little_endian=False), "ELF file data encoding not little-endian"),
    ],
)
def test_what_is_no_library_is_refused_in_the_loaders_words(world: World, body: bytes, why: str) -> None:
    world.family(FAMILY, {"opt/lib.so": body})

    answer = world.run("ldd", FAMILY, "--tree", "/opt/lib.so")

    assert answer.code == 1
    assert why in answer.document["entries"][0]["problems"][0]["detail"]


def test_a_folder_is_no_library(world: World) -> None:
    world.family(FAMILY)

    answer = world.run("ldd", FAMILY, "--tree", "/etc")

    assert answer.code == 1
    assert "Is a directory" in answer.document["entries"][0]["problems"][0]["detail"]


def test_a_path_that_is_not_there_is_wrong_usage_with_a_hint(world: World) -> None:
    world.family(FAMILY, opencv())

    code, _, err = world.say("ldd", FAMILY, "--tree", "/cv2.abi3.so")

    assert code == 2
    assert f"did you mean {CV2}?" in err


def test_hostile_names_act_on_nothing(world: World) -> None:
    name = "lib\x1b[31m\nred\u202e.so"
    world.family(FAMILY, {"opt/x.so": elf(needed=[name], runpath=["/\x1b[2J"])})

    code, out, _ = world.say("ldd", FAMILY, "--tree", "/opt/x.so")

    assert code == 1
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "lib\\x1b[31m\\nred\\u202e.so" in out


def test_the_text_names_rules_places_and_the_end(world: World) -> None:
    files = {
        "opt/app": elf(interpreter=LOADER, needed=["liba.so", "libc.so.6"], rpath=["$ORIGIN/lib"]),
        "opt/lib/liba.so": elf(needed=["libgone.so", "libc.so.6"]),
    }
    world.family(FAMILY, files)

    _, out, _ = world.say("ldd", FAMILY, "--tree", "opt/app")

    told = out[out.index("/opt/app needs") :]
    assert told.startswith(
        """\
/opt/app needs
 ✓ liba.so  → /opt/lib/liba.so
     its RPATH /opt/lib: taken
 ✓ libc.so.6  → /lib64/libc.so.6
"""
    )
    assert (
        "     RPATH of app /opt/lib: not there\n     /etc/ld.so.cache: no entry that can be opened\n" in told
    )
    assert told.rstrip().endswith("FAIL  it does not load · exit code 1")


def test_only_text_and_json_can_tell_of_one_file(world: World) -> None:
    world.family(FAMILY)

    assert world.say("ldd", FAMILY, "--tree", "/etc", "-o", "sarif")[0] == 2


def _torch() -> dict[str, Content]:
    return installed(
        "torch",
        {
            "torch/__init__.py": "from torch import _C\n",
            f"torch/_C{TAG}": elf(needed=["libtorch.so", "libc.so.6"], rpath="$ORIGIN/lib"),
            "torch/lib/libtorch.so": elf(soname="libtorch.so", needed=["libc.so.6"]),
        },
    )


def _vision(first: str) -> dict[str, Content]:
    module = elf(needed=["libtorch.so", "libc.so.6"])
    return installed("vision", {"vision/__init__.py": first, f"vision/_C{TAG}": module})


def test_what_the_package_itself_imports_first_is_loaded_already(world: World) -> None:
    world.family(FAMILY, _torch(), _vision("import torch\nfrom vision import _C\n"))

    answer = world.run("ldd", FAMILY, "--tree", f"{SITE}/vision/_C{TAG}")

    assert answer.code == 0
    step = answer.document["tree"]["steps"][0]
    assert (step["soname"], step["status"]) == ("libtorch.so", "resolved")
    assert "loaded before by what its package imports first" in step["note"]
    assert [attempt["outcome"] for attempt in step["attempts"]][-1] == "not there"


def test_what_only_another_import_brings_is_told_with_its_provider(world: World) -> None:
    world.family(FAMILY, _torch(), _vision("from vision import _C\n"))

    answer = world.run("ldd", FAMILY, "--tree", f"{SITE}/vision/_C{TAG}", "-o", "text")

    assert answer.code == 1
    (problem,) = answer.document["entries"][0]["problems"]
    assert (problem["kind"], problem["soname"]) == ("order-dependent", "libtorch.so")
    assert "torch" in problem["detail"]
    assert "libtorch.so  order-dependent" in answer.out


MUSL = "/lib/ld-musl-x86_64.so.1"


def test_a_program_of_musl_is_followed_by_musls_rules(world: World) -> None:
    program = elf(interpreter=MUSL, needed=["liba.so", "libc.musl-x86_64.so.1", "libgone.so"], runpath="/opt")
    files: dict[str, Content] = {
        "opt/app": program,
        MUSL[1:]: elf(soname="libc.musl-x86_64.so.1"),
        "usr/lib/liba.so": elf(needed=["libc.musl-x86_64.so.1"]),
    }
    world.family(FAMILY, files)

    answer = world.run("ldd", FAMILY, "--tree", "/opt/app", "-o", "text")

    assert answer.code == 1
    tree = answer.document["tree"]
    assert tree["loader"]["path"] == MUSL
    assert [(s["soname"], s["status"]) for s in tree["steps"][:3]] == [
        ("liba.so", "resolved"),
        ("libc.musl-x86_64.so.1", "resolved"),
        ("libgone.so", "missing"),
    ]
    assert [(a["rule"], a["place"]) for a in tree["steps"][2]["attempts"]] == [
        ("runpath", "/opt"),
        ("default", "/lib"),
        ("default", "/usr/local/lib"),
        ("default", "/usr/lib"),
    ]
    assert "musl's loader is this library itself" in tree["steps"][1]["note"]
    assert "libgone.so" in answer.out


def test_what_loads_with_musl_passes(world: World) -> None:
    files: dict[str, Content] = {"opt/app": elf(interpreter=MUSL), MUSL[1:]: elf()}
    world.family(FAMILY, files)

    assert world.run("ldd", FAMILY, "--tree", "/opt/app").code == 0


def test_a_library_for_another_machine_is_followed_by_that_machines_loader(world: World) -> None:
    files: dict[str, Content] = {
        "lib/ld-linux.so.2": elf(bits=32, machine=I386, soname="ld-linux.so.2"),
        "lib/liba.so": elf(bits=32, machine=I386, needed=["libb.so", "libc.so.6"]),
        "lib/libb.so": elf(bits=32, machine=I386),
    }
    world.family(FAMILY, files)

    answer = world.run("ldd", FAMILY, "--tree", "/lib/liba.so")

    assert answer.document["tree"]["loader"]["path"] == "/lib/ld-linux.so.2"
    assert [(s["soname"], s["status"]) for s in answer.document["tree"]["steps"]] == [
        ("libb.so", "resolved"),
        ("libc.so.6", "missing"),
    ]


def test_a_module_for_another_machine_is_still_one_that_python_does_not_load(world: World) -> None:
    world.family(FAMILY, installed("odd", {f"odd{TAG}": elf(bits=32, machine=I386)}))

    answer = world.run("ldd", FAMILY, "--tree", f"{SITE}/odd{TAG}")

    assert answer.code == 1
    assert [p["kind"] for p in answer.document["entries"][0]["problems"]] == ["wrong-machine"]

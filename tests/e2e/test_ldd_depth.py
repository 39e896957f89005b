"""``ldd --deep`` and ``ldd --hardening``: one file in depth, and what protects many."""

import pytest

from tests.support.elf import LOADER, elf
from tests.support.worlds import FAMILY, World, opencv

CV2 = "/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so"
PYTHON = "/usr/local/bin/python3.11"


def test_one_file_is_told_in_depth(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"))

    answer = world.run("ldd", FAMILY, "--deep", CV2, "-o", "text")

    assert answer.code == 0
    deep = answer.document["deep"]
    assert (deep["path"], deep["machine"], deep["needed"]) == (CV2, "X86_64", ["libGL.so.1", "libc.so.6"])
    assert deep["hardening"]["has_executable_stack"] is False
    assert "libGL.so.1" in answer.out


@pytest.mark.parametrize("body", [b"", elf()[:30]])
def test_a_file_that_cannot_be_read_in_depth_is_a_gap(world: World, body: bytes) -> None:
    world.family(FAMILY, {"opt/x.so": body})

    answer = world.run("ldd", FAMILY, "--deep", "/opt/x.so")

    assert answer.code == 3
    assert answer.document["deep"] is None
    assert answer.gaps["unreadable-elf"]["what"] == "/opt/x.so"


def test_a_folder_is_a_gap_too(world: World) -> None:
    world.family(FAMILY)

    answer = world.run("ldd", FAMILY, "--deep", "/etc")

    assert (answer.code, answer.gaps["unreadable-file"]["why"]) == (3, "is a folder, not a file")


def test_every_program_and_extension_module_has_its_hardening(world: World) -> None:
    static = elf(interpreter=LOADER, elf_type=2, executable_stack=True)
    world.family(FAMILY, opencv(), {"opt/old": static, "opt/liba.so": elf(soname="liba.so")})

    answer = world.run("ldd", FAMILY, "--hardening", "-o", "text")

    assert answer.code == 0
    found = {each["path"]: each for each in answer.document["hardening"]}
    assert {CV2, PYTHON, "/opt/old"} <= set(found)
    assert "/opt/liba.so" not in found
    assert (found["/opt/old"]["is_pie"], found["/opt/old"]["has_executable_stack"]) == (False, True)
    assert (found[CV2]["is_pie"], found[CV2]["module"]) == (None, "cv2.cv2")
    assert "/opt/old" in answer.out


def test_a_hostile_name_acts_on_no_terminal(world: World) -> None:
    world.family(FAMILY, {"opt/x.so": elf(needed=["\x1b[31mred.so"], soname="\u202eos")})

    _, out, _ = world.say("ldd", FAMILY, "--deep", "/opt/x.so")

    assert "\x1b" not in out
    assert "\u202e" not in out


def test_one_question_at_a_time(world: World) -> None:
    world.family(FAMILY)

    code, _, err = world.say("ldd", FAMILY, "--hardening", "--deep", "/etc")

    assert (code, "ask one of them" in err) == (2, True)

"""One file in depth is read in another process, and what that process comes to is said in a sentence."""

import subprocess
import sys

import msgspec
import pytest

from fleet_audit.audit.ldd.depth import (
    BATCH_FILES,
    NotExamined,
    Run,
    examine_depth,
    examine_hardening,
    run_worker,
)
from fleet_audit.audit.ldd.depth_worker import LENGTH_BYTES, Reading
from fleet_audit.audit.model.one_file import Depth, Hardening
from fleet_audit.audit.tools.process import ToolFailed, ToolTimedOut, ToolUnavailable
from tests.support.elf import LOADER, Needs, elf

SOUND = Hardening(
    is_pie=None, has_executable_stack=False, relro="full", has_canary=True, fortified=1, fortifiable=0
)


def bodies_of(stdin: bytes) -> list[bytes]:
    found = []
    while stdin:
        end = LENGTH_BYTES + int.from_bytes(stdin[:LENGTH_BYTES], "big")
        found.append(stdin[LENGTH_BYTES:end])
        stdin = stdin[end:]
    return found


def worker(dies_of: bytes = b"none", calls: list[int] | None = None) -> Run:
    """Return a worker that reads every file but one, which takes it down."""

    def run(mode: str, stdin: bytes, _: float) -> bytes:
        bodies = bodies_of(stdin)
        if calls is not None:
            calls.append(len(bodies))
        if dies_of in bodies:
            raise ToolFailed([mode], -11, "")
        return b"".join(msgspec.json.encode(Reading(hardening=SOUND)) + b"\n" for _ in bodies)

    return run


def test_a_file_that_takes_the_worker_down_costs_no_other_file_its_answer() -> None:
    found = list(examine_hardening([b"a", b"evil", b"c"], run=worker(b"evil")))

    assert found == [SOUND, NotExamined("the process that reads it with lief was ended by SIGSEGV"), SOUND]


def test_files_share_workers() -> None:
    calls: list[int] = []

    assert (
        len(list(examine_hardening([b"x"] * (BATCH_FILES + 1), run=worker(calls=calls)))) == BATCH_FILES + 1
    )
    assert calls == [BATCH_FILES, 1]


def _raising(error: Exception) -> Run:
    def run(*_: object) -> bytes:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ToolTimedOut(["lief"], 60), "did not end within 60 seconds"),
        (ToolFailed(["lief"], 1, "no lief"), "ended with status 1: no lief"),
        (ToolFailed(["lief"], -9, ""), "was ended by SIGKILL"),
        (ToolUnavailable(["lief"], OSError(2, "No such file")), "cannot be started: No such file"),
    ],
)
def test_a_worker_that_fails_is_one_clear_sentence(error: Exception, why: str) -> None:
    found = examine_depth(b"\x7fELF", run=_raising(error))

    assert found == NotExamined(f"the process that reads it with lief {why}")


@pytest.mark.parametrize("answer", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\n", b'{"depth": 3}\n'])
def test_an_answer_that_says_nothing_is_no_answer(answer: bytes) -> None:
    assert isinstance(examine_depth(b"x", run=lambda *_: answer), NotExamined)


def in_depth(body: bytes) -> Depth:
    found = examine_depth(body)
    assert isinstance(found, Depth), found
    return found


def test_lief_reads_what_the_file_says_of_itself() -> None:
    found = in_depth(
        elf(
            soname="liba.so.1",
            needed=["libc.so.6"],
            runpath="/opt/lib",
            version_needs=[Needs("libc.so.6", ["GLIBC_2.34"])],
            version_definitions=["liba.so.1", "A_1"],
        )
    )

    assert (found.machine, found.elf_class, found.elf_type) == ("X86_64", "ELF64", "DYN")
    assert (found.soname, found.needed, found.runpath, found.rpath) == (
        "liba.so.1",
        ("libc.so.6",),
        "/opt/lib",
        None,
    )
    assert [s.kind for s in found.segments] == ["LOAD", "GNU_STACK", "DYNAMIC"]
    assert found.segments[0].flags == "r-x"


def test_names_that_are_no_text_are_told_as_they_are() -> None:
    body = elf(needed=["libm.so.6"], soname="libx.so", dlopen_note=b"[]")

    found = in_depth(
        body.replace(b"FDO\0", b"\x9eDO\0").replace(b"libx", b"li\xffx").replace(b"libm", b"li\xfem")
    )

    assert [note.owner for note in found.notes] == ["\\x9eDO"]
    assert (found.soname, found.needed) == ("li\\xffx.so", ("li\\xfem.so.6",))


def test_programs_are_told_from_libraries_and_stacks_apart() -> None:
    cases: list[tuple[bytes, bool | None, bool]] = [
        (elf(interpreter=LOADER, elf_type=2), False, False),
        (elf(interpreter=LOADER, flags_1=0x08000000), True, False),
        (elf(interpreter=LOADER), True, False),
        (elf(interpreter=LOADER, soname="libc.so.6"), None, False),
        (elf(executable_stack=True), None, True),
        (elf(executable_stack=None), None, True),
    ]
    # One process for all of them: to load lief takes most of the time.
    found = list(examine_hardening([body for body, *_ in cases]))

    told = [(each.is_pie, each.has_executable_stack) for each in found if isinstance(each, Hardening)]
    assert told == [(is_pie, is_executable) for _, is_pie, is_executable in cases]


SOUND_FILE = elf(needed=["liba.so"])
DAMAGED = (
    b"",
    b"\x7fELF",
    b"#!/bin/sh\n",
    SOUND_FILE[:70],
    SOUND_FILE[:56] + b"\xff\xff" + SOUND_FILE[58:],
    SOUND_FILE[:32] + b"\xff" * 8 + SOUND_FILE[40:],
    SOUND_FILE[:64] + b"\xff" * (len(SOUND_FILE) - 64),
    SOUND_FILE[:40] + b"\0" * 8 + SOUND_FILE[48:] + b"\xff" * 1000,
)


def test_damaged_files_end_in_an_answer_each() -> None:
    found = list(examine_hardening([*DAMAGED, SOUND_FILE]))

    assert [type(each) for each in found[:3]] == [NotExamined] * 3
    assert len(found) == len(DAMAGED) + 1
    assert isinstance(found[-1], Hardening)


def test_the_worker_bounds_its_own_memory() -> None:
    code = (
        "import sys, resource; from fleet_audit.audit.ldd import depth_worker as worker\n"
        "sys.stdin.close(); sys.stdin = open('/dev/null')\n"
        "worker.main(); print(resource.getrlimit(resource.RLIMIT_AS)[0] == worker.MEMORY_LIMIT)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  (our own words)

    assert done.stdout == "True\n"


def test_the_audit_itself_never_loads_lief() -> None:
    run_worker("hardening", b"", 60)

    code = "import sys, fleet_audit.audit.pipeline.in_depth; sys.exit('lief' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  (our own words)

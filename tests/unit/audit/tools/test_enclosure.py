"""Where an image's programs may run: on which machines, by whom, and what is said where not."""

import os
from pathlib import Path

import pytest

from fleet_audit.audit.tools.enclosure import NotEnclosed, find_enclosure, subordinate, why_foreign
from fleet_audit.audit.tools.process import ToolFailed

X86_64, I386, AARCH64, ARM = 62, 3, 183, 40


@pytest.mark.parametrize(("wanted", "machine"), [(X86_64, "x86_64"), (I386, "x86_64"), (AARCH64, "aarch64")])
def test_programs_for_this_machine_run_here(wanted: int, machine: str, tmp_path: Path) -> None:
    assert why_foreign(wanted, machine, tmp_path) == ""


@pytest.mark.parametrize(("wanted", "machine"), [(X86_64, "aarch64"), (X86_64, "i686"), (AARCH64, "x86_64")])
def test_programs_for_another_machine_do_not(wanted: int, machine: str, tmp_path: Path) -> None:
    assert f"this machine is {machine}" in why_foreign(wanted, machine, tmp_path)


@pytest.mark.parametrize(
    ("registered", "runs"),
    [
        ("enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n", True),
        # Without F the interpreter is looked for in the copy, which does not have it.
        ("enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OC\noffset 0\n", False),
        ("disabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\n", False),
    ],
)
def test_an_emulator_counts_where_any_root_finds_it(registered: str, runs: bool, tmp_path: Path) -> None:
    (tmp_path / "qemu-aarch64").write_text(registered)

    assert (why_foreign(AARCH64, "x86_64", tmp_path) == "") is runs
    assert why_foreign(ARM, "x86_64", tmp_path)


def test_the_largest_range_that_is_granted_by_name_or_number_counts() -> None:
    table = "ann:100000:1000\n1000:300000:65536\nbob:500000:99999999\n"

    assert subordinate(table, ["ann", "1000"]) == (300000, 65535)
    assert subordinate(table, ["ann"]) == (100000, 1000)


@pytest.mark.parametrize("table", ["", "ann", "ann:x:10\n", "ann:1:2:3\n", "anna:1:10\n", "ann:-1:10\n"])
def test_what_grants_nothing_grants_nothing(table: str) -> None:
    assert subordinate(table, ["ann"]) is None


def test_without_root_and_newuidmap_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(NotEnclosed) as caught:
        find_enclosure(tmp_path / "copies", {"PATH": str(tmp_path)})

    said = str(caught.value)
    assert "newuidmap and newgidmap are not installed" in said
    assert "run it as root, or install newuidmap (apt-get install uidmap)" in said


def test_root_that_may_make_no_namespaces_is_told_where_it_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise ToolFailed(
            ["python"], 125, "the system grants no namespaces of mounts: Operation not permitted"
        )

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("fleet_audit.audit.tools.enclosure.run", refuse)

    with pytest.raises(NotEnclosed) as caught:
        find_enclosure(tmp_path / "copies", {})

    said = str(caught.value)
    assert said.count("Operation not permitted") == 2
    assert "--privileged" in said
    assert "uidmap" not in said


def test_without_a_range_it_is_said_how_to_be_granted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("newuidmap", "newgidmap"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)

    with pytest.raises(
        NotEnclosed, match=r"no users or groups in /etc/subuid and /etc/subgid.*--add-subuids"
    ):
        find_enclosure(tmp_path / "copies", {"PATH": str(tmp_path)})


def test_a_mapping_that_is_refused_is_told_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("newuidmap", "newgidmap"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("fleet_audit.audit.tools.enclosure._text", lambda _: "1000:100000:65536\n")

    with pytest.raises(NotEnclosed, match=r"\(user namespace: .+\); run it as root"):
        find_enclosure(tmp_path / "copies", {"PATH": str(tmp_path)})

    assert list((tmp_path / "copies").iterdir()) == []

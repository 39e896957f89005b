import struct

import pytest

from fleet_audit.audit.images.machine import platform_of
from tests.support.elf import elf
from tests.support.trees import Link, tree

ARM64, I386, S390X, ARM = 183, 3, 22, 40


def flagged(flags: int) -> bytes:
    body = bytearray(elf(machine=ARM, bits=32))
    struct.pack_into("<I", body, 36, flags)
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "platform"),
    [
        (elf(), "linux/amd64"),
        (elf(machine=ARM64), "linux/arm64"),
        (elf(machine=I386, bits=32), "linux/386"),
        (elf(machine=S390X, little_endian=False), "linux/s390x"),
        (flagged(0x5000400), "linux/arm/v7"),
        (flagged(0x5000200), "linux/arm/v6"),
    ],
)
def test_a_root_is_for_the_machine_of_its_shell(body: bytes, platform: str) -> None:
    root = tree({"/usr/bin/dash": body, "/bin": Link("usr/bin"), "/usr/bin/sh": Link("dash")})

    assert str(platform_of(root)) == platform


def test_without_programs_a_root_is_for_the_machine_of_its_loader() -> None:
    root = tree({"/usr/lib/ld-linux-aarch64.so.1": elf(machine=ARM64), "/lib": Link("usr/lib")})

    assert str(platform_of(root)) == "linux/arm64"


def test_loaders_of_other_machines_do_not_count_beside_a_shell() -> None:
    root = tree({"/bin/sh": elf(machine=ARM64), "/lib64/ld-linux-x86-64.so.2": elf()})

    assert str(platform_of(root)) == "linux/arm64"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"/bin/sh": "#!/bin/busybox\n"},
        {"/bin/sh": elf()[:40]},
        {"/bin/sh": elf(machine=9999)},
        {"/bin/sh": elf(machine=ARM64, bits=32)},
        {"/bin/sh": Link("sh")},
        {"/bin/sh": None},
    ],
    ids=[
        "nothing",
        "a script",
        "cut short",
        "no known machine",
        "a machine of other words",
        "a circle",
        "a folder",
    ],
)
def test_a_root_that_tells_nothing_is_for_no_platform(files: dict[str, bytes | str | Link | None]) -> None:
    assert platform_of(tree(files)) is None

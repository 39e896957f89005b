"""What fits images into which apt-get brings no packages."""

import pytest

from fleet_audit.audit.model.elf import Missing
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.model.need import Need, NeedKind, Tier, Via
from fleet_audit.audit.pipeline.planning.other_bases import not_supported, stage_base


def need(kind: NeedKind, name: str) -> Need:
    return Need(kind, name, Tier.REQUIRED, Via.NEEDED, Missing())


@pytest.mark.parametrize(
    ("distro", "base"),
    [
        (Distro("debian", "12", "bookworm"), "debian:bookworm-slim"),
        (Distro("debian", "12"), "debian:bookworm-slim"),
        (Distro("ubuntu", "24.04", "noble"), "ubuntu:noble"),
        (Distro("debian", "99"), ""),
        (Distro("alpine", "3.20"), ""),
        (Distro("debian", "12", "bookworm\nRUN reboot"), ""),
        (Distro("debian", "12", "../x"), ""),
        (Distro(), ""),
    ],
)
def test_a_stage_is_of_the_same_release_or_not_known(distro: Distro, base: str) -> None:
    assert stage_base(distro) == base


def test_programs_and_libraries_are_asked_for_in_the_managers_own_words() -> None:
    missing = [need(NeedKind.PROGRAM, "/usr/bin/ffmpeg"), need(NeedKind.SONAME, "libGL.so.1")]

    gap = not_supported("vision", Distro("alpine", "3.20"), missing)

    assert (gap.kind, gap.what, gap.blocking) == (GapKind.NO_PACKAGE_STATE, "vision", True)
    assert gap.why.endswith("; there: apk search cmd:ffmpeg · apk search so:libGL.so.1")


def test_a_name_that_a_shell_would_read_otherwise_is_told_and_not_asked_for() -> None:
    gap = not_supported("vision", Distro("alpine"), [need(NeedKind.SONAME, "lib;reboot.so")])

    assert gap.why.endswith("Missing: so:lib;reboot.so")


def test_a_long_list_is_cut_and_counted() -> None:
    many = [need(NeedKind.SONAME, f"lib{number}.so") for number in range(9)]

    assert not_supported("vision", Distro("own"), many).why.endswith("so:lib5.so, and 3 more")

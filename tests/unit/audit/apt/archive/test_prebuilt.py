from itertools import product

import pytest

from fleet_audit.audit.apt.archive.prebuilt import (
    PrebuiltNames,
    file_name,
    packaged_indexes,
    packed,
    prebuilt_archives,
    prebuilt_index,
    suites_that_ship,
    unpacked_index,
)
from fleet_audit.audit.apt.archive.sources import released
from fleet_audit.audit.model.archives import ArchiveSuite
from fleet_audit.audit.model.identity import Distro

RELEASES = ("bullseye", "bookworm", "trixie")
ARCHITECTURES = ("amd64", "arm64")
JAMMY = Distro(id="ubuntu", version="22.04", codename="jammy")
NAMES = PrebuiltNames(
    (ArchiveSuite("jammy", "", ("main",), date="2022-04-21T17:16:08Z", digest="ab" * 32),),
    {"libGL.so.1": ("libgl1",)},
    {"ffmpeg": ("ffmpeg",)},
)


@pytest.mark.parametrize(("release", "architecture"), list(product(RELEASES, ARCHITECTURES)))
def test_each_release_of_debian_that_is_supported_knows_who_ships_what(
    release: str, architecture: str
) -> None:
    distro = released(release)
    assert distro is not None

    index = prebuilt_index(distro, architecture)

    assert index is not None
    assert index.names.sonames["libGL.so.1"] == ("libgl1",)
    assert index.names.programs["ffmpeg"] == ("ffmpeg",)
    assert len(index.names.sonames) > 20_000
    assert len(index.names.programs) > 40_000


@pytest.mark.parametrize("distro", [Distro(id="debian", version="4"), JAMMY, Distro(), Distro(id="alpine")])
def test_no_other_release_is_answered_for(distro: Distro) -> None:
    assert prebuilt_index(distro, "amd64") is None


def test_no_other_architecture_is_answered_for() -> None:
    assert prebuilt_index(Distro(id="debian", version="12"), "s390x") is None


def test_all_that_comes_along_takes_less_than_three_megabytes() -> None:
    assert 0 < sum(len(entry.read_bytes()) for entry in packaged_indexes().iterdir()) < 3_000_000


def test_each_says_from_which_signed_releases_it_was_made_and_when() -> None:
    known = prebuilt_archives()

    assert [(each.release, each.architecture) for each in known] == list(product(RELEASES, ARCHITECTURES))
    for each in known:
        assert each.asked.startswith("20")
        assert [suite.suite for suite in each.suites] == [
            each.release,
            f"{each.release}-updates",
            f"{each.release}-security",
        ]
        assert all(suite.signed_by and suite.date and len(suite.digest) == 64 for suite in each.suites)
        assert not any(suite.doubt or suite.archive for suite in each.suites)


@pytest.mark.parametrize(
    ("soname", "shipping"),
    [
        ("libssl.so.1.1", [("bullseye", ("libssl1.1",))]),
        ("libaio.so.1", [("bullseye", ("libaio1",)), ("bookworm", ("libaio1",))]),
        ("libaio.so.1t64", [("trixie", ("libaio1t64",))]),
        ("libglib-2.0.so.0", [("bullseye", "0"), ("bookworm", "0"), ("trixie", "0t64")]),
        ("libnobody.so.9", []),
        ("", []),
    ],
)
def test_a_soname_is_found_in_every_release_that_ships_it_oldest_first(
    soname: str, shipping: list[tuple[str, tuple[str, ...] | str]]
) -> None:
    expected = [(r, (f"libglib2.0-{p}",) if isinstance(p, str) else p) for r, p in shipping]

    assert list(suites_that_ship(soname)) == expected


def test_an_index_is_read_as_it_was_written() -> None:
    body = packed(JAMMY, "2026-11-20", {"amd64": NAMES})

    index = unpacked_index(body, "amd64")

    assert index is not None
    assert index.names == NAMES
    assert index.label == "Ubuntu 22.04 as of 2026-11-20"
    assert unpacked_index(body, "arm64") is None
    assert file_name(JAMMY) == "ubuntu-jammy.json.zst"


def test_the_same_names_give_the_same_bytes() -> None:
    ways = [{"amd64": NAMES, "arm64": NAMES}, {"arm64": NAMES, "amd64": NAMES}]

    assert len({packed(JAMMY, "2026-11-20", names) for names in ways}) == 1


def test_an_index_of_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.apt.archive.prebuilt.FORMAT", 2)
    newer = packed(JAMMY, "2026-11-20", {"amd64": NAMES})
    monkeypatch.undo()

    with pytest.raises(ValueError, match="an index of format 2, where 1 is read"):
        unpacked_index(newer, "amd64")

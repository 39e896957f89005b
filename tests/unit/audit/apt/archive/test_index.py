import gzip
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.index import Archive, ArchiveIndex, IndexUnavailable
from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.sources import ArchiveSource, SourceOffers, choose_sources, parse_one_line
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import Fetcher
from tests.support.archives import BASE, NOW, SmallArchive, stanza
from tests.support.signatures import answering, key
from tests.support.trees import tree

BOOKWORM = Distro(id="debian", version="12", codename="bookworm")
MAIN = parse_one_line(f"deb {BASE} bookworm main")
ALL = parse_one_line(f"deb {BASE} bookworm main\ndeb {BASE} bookworm-security main")
KEYS = Keyrings([("the image", tree({"/etc/apt/trusted.gpg": key("archive")}))])
GL = "usr/lib/x86_64-linux-gnu/libGL.so.1"


def small(contents: dict[str, str] | None = None) -> SmallArchive:
    return SmallArchive().suite(
        "bookworm",
        stanza("libgl1", "1.6.0-1"),
        stanza("libblas3", Provides="libblas.so.3, libblas-virtual"),
        stanza("ffmpeg"),
        contents=contents or {GL: "libs/libgl1", "usr/bin/ffmpeg": "video/ffmpeg", "bin/gone": "x/gone"},
        contents_all={"usr/games/fortune": "games/libgl1"},
    )


def index(
    archive: SmallArchive,
    folder: Path,
    sources: list[ArchiveSource] | tuple[ArchiveSource, ...] = tuple(MAIN),
    *,
    now: datetime = NOW,
    is_offline: bool = False,
    architecture: str = "amd64",
    gpgv: Path | None = None,
) -> ArchiveIndex:
    fetcher = Fetcher(folder / "downloads", transport=archive, is_offline=is_offline)
    reader = Archive(fetcher, folder / "indexes", now=now, gpgv=gpgv)
    return reader.index(BOOKWORM, architecture, sources, KEYS)


def test_the_index_knows_who_ships_what(tmp_path: Path) -> None:
    found = index(small(), tmp_path)

    assert found.sonames == {"libGL.so.1": ("libgl1",), "libblas.so.3": ("libblas3",)}
    assert found.programs == {"ffmpeg": ("ffmpeg",), "fortune": ("libgl1",)}
    assert [package.pin for package in found.packages] == ["ffmpeg=1.0", "libblas3=1.0", "libgl1=1.6.0-1"]


def test_the_index_names_the_state_it_was_read_from(tmp_path: Path) -> None:
    assert index(small(), tmp_path).snapshot == "bookworm 2026-07-11T10:16:37Z"


def test_a_package_knows_where_it_is_downloaded_from(tmp_path: Path) -> None:
    found = index(small(), tmp_path)
    package = found.packages.get("ffmpeg")

    assert package is not None
    assert found.address(package) == f"{BASE}/pool/ffmpeg_1.0.deb"


def test_an_index_whose_signature_nobody_checked_says_so(tmp_path: Path) -> None:
    found = index(small(), tmp_path)

    assert not found.is_verified
    assert [(gap.kind, gap.what, gap.blocking) for gap in found.gaps] == [
        (GapKind.UNVERIFIED_ARCHIVE, "bookworm", False)
    ]


GOOD = ("GOODSIG ABCD Archive Key", f"VALIDSIG {'AB' * 20} 2026-07-11 1 0 4 0 22 8 01 {'AB' * 20}")


def signed_beside(archive: SmallArchive) -> SmallArchive:
    """Return the archive with each InRelease as a Release and a signature of its own."""
    for url in [url for url in archive.files if url.endswith("/InRelease")]:
        archive.files[url.replace("/InRelease", "/Release")] = archive.files.pop(url)
        archive.files[url.replace("/InRelease", "/Release.gpg")] = b"signature"
    return archive


def test_an_index_whose_releases_are_all_signed_is_verified_and_says_by_whom(tmp_path: Path) -> None:
    found = index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))

    assert (found.is_verified, found.gaps) == (True, ())
    assert found.known is not None
    assert [suite.signed_by for suite in found.known.suites] == [("Archive Key ABCD",)]


def _unsigned(archive: SmallArchive) -> None:
    for url in [url for url in archive.files if url.endswith("/Release.gpg")]:
        del archive.files[url]


NO_KEY = "ERRSIG ABCD 1 8 01 1783000000 9"
OUTDATED = ("EXPKEYSIG ABCD Archive Key", GOOD[1])


def test_an_archive_that_is_no_longer_signed_is_not_read_and_its_last_state_serves(tmp_path: Path) -> None:
    index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))
    changed = signed_beside(small({GL: "libs/ffmpeg"}))
    _unsigned(changed)

    found = index(changed, tmp_path)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert found.is_verified
    assert [(gap.kind, gap.blocking) for gap in found.gaps] == [(GapKind.DISTRUSTED_ARCHIVE, True)]
    assert "Release bears no signature, where Archive Key ABCD signed that of 2026-07-11" in found.gaps[0].why


@pytest.mark.parametrize(
    ("status", "package", "kind"),
    [
        ((NO_KEY,), "libgl1", GapKind.DISTRUSTED_ARCHIVE),
        (OUTDATED, "ffmpeg", GapKind.UNVERIFIED_ARCHIVE),
    ],
)
def test_a_foreign_key_in_place_of_a_known_one_is_not_believed_and_an_expired_one_is_a_doubt(
    tmp_path: Path, status: tuple[str, ...], package: str, kind: GapKind
) -> None:
    index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))

    later = index(
        signed_beside(small({GL: "libs/ffmpeg"})), tmp_path, gpgv=answering(tmp_path, *status, code=2)
    )

    assert later.sonames["libGL.so.1"] == (package,)
    assert later.gaps[0].kind is kind


def test_whoever_has_other_keys_is_not_told_that_an_archive_was_signed_with_the_first_ones(
    tmp_path: Path,
) -> None:
    index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))
    fetcher = Fetcher(tmp_path / "downloads", transport=signed_beside(small()))
    reader = Archive(fetcher, tmp_path / "indexes", now=NOW, gpgv=answering(tmp_path, NO_KEY, code=2))
    others = Keyrings([("the image", tree({"/etc/apt/trusted.gpg": key("other")}))])

    found = reader.index(BOOKWORM, "amd64", MAIN, others)

    assert [gap.kind for gap in found.gaps] == [GapKind.UNVERIFIED_ARCHIVE]


def test_a_third_party_that_is_no_longer_signed_is_left_out_and_that_blocks(tmp_path: Path) -> None:
    sources = [*MAIN, *parse_one_line("deb http://gpu.example/cuda /")]
    archive = signed_beside(small())
    archive.files["http://gpu.example/cuda/Packages"] = b""
    archive.files["http://gpu.example/cuda/Release.gpg"] = b"signature"
    sums = f"{hashlib.sha256(b'').hexdigest()} 0 Packages"
    archive.files["http://gpu.example/cuda/Release"] = f"Suite: cuda\nSHA256:\n {sums}\n".encode()
    gpgv = answering(tmp_path, *GOOD)
    index(archive, tmp_path, sources, gpgv=gpgv)
    del archive.files["http://gpu.example/cuda/Release.gpg"]

    found = index(archive, tmp_path, sources, gpgv=gpgv)

    (gap,) = found.gaps
    assert gap.kind is GapKind.DISTRUSTED_ARCHIVE
    assert "its packages were left out of account" in gap.why


def dated(day: int) -> SmallArchive:
    """Return the archive as it was on a day of July; its libGL comes from another package each day."""
    return signed_beside(
        SmallArchive().suite(
            "bookworm",
            stanza(f"libgl{day}"),
            contents={GL: f"libs/libgl{day}"},
            date=f"{day} Jul 2026 10:16:37 UTC",
        )
    )


@pytest.mark.parametrize(("day", "package"), [(10, "libgl11"), (11, "libgl11"), (12, "libgl12")])
def test_an_older_state_does_not_take_the_place_of_a_newer_one(
    tmp_path: Path, day: int, package: str
) -> None:
    gpgv = answering(tmp_path, *GOOD)
    index(dated(11), tmp_path, gpgv=gpgv)

    found = index(dated(day), tmp_path, gpgv=gpgv)

    assert found.sonames["libGL.so.1"] == (package,)
    reasons = [gap.why for gap in found.gaps]
    assert any("that of 2026-07-11T10:16:37Z was read before" in why for why in reasons) == (day < 11)


def test_a_date_that_nobody_signed_keeps_no_other_state_out(tmp_path: Path) -> None:
    index(SmallArchive().suite("bookworm", stanza("x"), contents={GL: "x/x"}, date="1 Jan 2099"), tmp_path)

    assert index(small(), tmp_path).sonames["libGL.so.1"] == ("libgl1",)


def test_a_component_that_the_archive_does_not_have_is_passed_over_with_a_word(tmp_path: Path) -> None:
    sources = parse_one_line(f"deb {BASE} bookworm main non-free-firmware")

    found = index(small(), tmp_path, sources)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert [gap.why for gap in found.gaps][:1] == [
        "it has no non-free-firmware/binary-amd64/Packages, which the source asks for"
    ]


def test_an_archive_with_none_of_the_components_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match="it has no universe/binary-amd64/Packages"):
        index(small(), tmp_path, parse_one_line(f"deb {BASE} bookworm universe"))


def test_one_suite_that_nobody_signed_makes_the_whole_index_doubtful(tmp_path: Path) -> None:
    archive = signed_beside(small()).suite("bookworm-security", stanza("libgl1", "1.6.0-1+deb12u1"))

    found = index(archive, tmp_path, ALL, gpgv=answering(tmp_path, *GOOD))

    assert not found.is_verified
    assert [(gap.what, gap.why) for gap in found.gaps] == [
        ("bookworm-security", "Release bears no signature")
    ]


def test_suites_with_the_same_doubt_are_told_of_once(tmp_path: Path) -> None:
    archive = small().suite("bookworm-security", stanza("libgl1", "2"))

    assert [gap.what for gap in index(archive, tmp_path, ALL).gaps] == ["bookworm, bookworm-security"]


def test_an_archive_with_a_bad_signature_is_not_read(tmp_path: Path) -> None:
    bad = answering(tmp_path, "BADSIG ABCD Archive Key", code=1)

    with pytest.raises(IndexUnavailable, match="is not to be believed: its text is not what Archive Key"):
        index(signed_beside(small()), tmp_path, gpgv=bad)


def test_the_last_state_and_what_proved_it_survive_an_archive_with_a_bad_signature(tmp_path: Path) -> None:
    index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))
    bad = answering(tmp_path, "BADSIG ABCD Archive Key", code=1)

    found = index(signed_beside(small({GL: "libs/ffmpeg"})), tmp_path, gpgv=bad)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert found.is_verified
    (gap,) = found.gaps
    assert "is not to be believed" in gap.why
    assert "its state of bookworm 2026-07-11T10:16:37Z was used" in gap.why


def test_a_third_party_with_a_bad_signature_is_left_out_with_a_word(tmp_path: Path) -> None:
    archive = small()
    archive.files["http://gpu.example/cuda/Release"] = b"Suite: cuda\nSHA256:\n"
    archive.files["http://gpu.example/cuda/Release.gpg"] = b"signature"
    bad = answering(tmp_path, "REVKEYSIG ABCD GPU Key", code=1)

    found = index(archive, tmp_path, [*MAIN, *parse_one_line("deb http://gpu.example/cuda /")], gpgv=bad)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert "signed with a key that was revoked: GPU Key ABCD" in found.gaps[0].why


def test_a_signature_is_checked_again_although_the_state_is_kept(tmp_path: Path) -> None:
    before = index(signed_beside(small()), tmp_path)

    after = index(signed_beside(small()), tmp_path, gpgv=answering(tmp_path, *GOOD))

    assert (before.is_verified, after.is_verified) == (False, True)


def test_what_is_kept_can_be_listed(tmp_path: Path) -> None:
    reader = Archive(Fetcher(tmp_path / "downloads", transport=small()), tmp_path / "indexes", now=NOW)
    assert reader.kept() == []

    reader.index(BOOKWORM, "amd64", MAIN)
    index(small({GL: "libs/ffmpeg"}), tmp_path)

    states = reader.kept()
    assert len({state.key for state in states}) == 2
    assert sorted((s.release, s.sonames, s.programs, s.packages) for s in states) == [
        ("bookworm", 2, 1, 3),
        ("bookworm", 2, 2, 3),
    ]
    assert all(state.bytes > 0 for state in states)


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"key":"other"}'])
def test_a_description_that_is_damaged_is_not_there_and_the_state_serves_with_a_word(
    tmp_path: Path, body: bytes
) -> None:
    index(small(), tmp_path)
    (facts,) = (tmp_path / "indexes").glob("*.facts.json")
    facts.write_bytes(body)

    assert Archive(Fetcher(tmp_path), tmp_path / "indexes", now=NOW).kept() == []
    found = index(SmallArchive(), tmp_path)
    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert [gap.why for gap in found.gaps[1:]] == ["what was known of its signatures is lost"]


def test_a_plan_of_a_date_is_repeated_from_what_was_kept_of_it(tmp_path: Path) -> None:
    archive = SmallArchive()
    dated = {
        date: choose_sources(BOOKWORM, "amd64", SourceOffers(snapshot=date))
        for date in ("20260711T120000Z", "20261120T120000Z")
    }
    for (date, sources), package in zip(dated.items(), ("libgl1", "mesa"), strict=True):
        there = SmallArchive(sources[0].uri).suite(
            "bookworm", stanza(package), contents={GL: f"libs/{package}"}
        )
        archive.files |= there.files
        index(archive, tmp_path, sources)
        assert date in sources[0].uri

    again = [index(SmallArchive(), tmp_path, sources, is_offline=True) for sources in dated.values()]

    assert [found.sonames["libGL.so.1"] for found in again] == [("libgl1",), ("mesa",)]


def kept_twice(folder: Path) -> tuple[Archive, str]:
    """Return what reads archives, and the key of the first of two states that it keeps."""
    first = index(small(), folder)
    index(small({GL: "libs/ffmpeg"}), folder)
    assert first.known is not None
    reader = Archive(Fetcher(folder / "downloads", transport=SmallArchive()), folder / "indexes", now=NOW)
    return reader, first.known.key


def test_a_state_that_is_kept_is_planned_with_again_by_the_beginning_of_its_key(tmp_path: Path) -> None:
    reader, key = kept_twice(tmp_path)

    found = reader.repeated(BOOKWORM, "amd64", key[:12])

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert [gap.why for gap in found.gaps] == ["Release bears no signature"]


def test_a_state_that_was_asked_for_has_not_expired(tmp_path: Path) -> None:
    until = {"Valid-Until": "Thu, 19 Nov 2026 00:00:00 UTC"}
    archive = SmallArchive().suite("bookworm", stanza("libgl1"), contents={GL: "libs/libgl1"}, headers=until)
    first = index(archive, tmp_path)
    assert first.known is not None
    reader = Archive(Fetcher(tmp_path / "downloads"), tmp_path / "indexes", now=NOW)

    again = reader.repeated(BOOKWORM, "amd64", first.known.key)

    assert ["has expired" in gap.why for gap in first.gaps] == [False, True]
    assert ["has expired" in gap.why for gap in again.gaps] == [False]


@pytest.mark.parametrize(
    ("distro", "architecture", "key", "message"),
    [
        (BOOKWORM, "amd64", "", "2 states of archives have a key that begins with"),
        (BOOKWORM, "amd64", "0" * 64, "no state of an archive has a key that begins with 0000"),
        (BOOKWORM, "arm64", None, "is of debian bookworm amd64"),
        (Distro(id="debian", version="13"), "amd64", None, "is of debian bookworm amd64"),
    ],
)
def test_a_state_that_is_not_there_or_not_this_releases_is_refused(
    tmp_path: Path, distro: Distro, architecture: str, key: str | None, message: str
) -> None:
    reader, known = kept_twice(tmp_path)

    with pytest.raises(IndexUnavailable, match=message) as caught:
        reader.repeated(distro, architecture, known if key is None else key)

    assert "index show" in caught.value.remedy


def with_updates() -> SmallArchive:
    return small().suite(
        "bookworm-updates", stanza("libgl1", "1.6.0-2"), contents={"usr/bin/new": "x/libgl1"}
    )


UPDATES = [*MAIN, *parse_one_line(f"deb {BASE} bookworm-updates main")]
CONTENTS_OF_UPDATES = f"{BASE}/dists/bookworm-updates/main/Contents-amd64.gz"


@pytest.mark.parametrize("body", [None, b"of yesterday"])
def test_contents_of_updates_that_are_not_as_promised_are_left_out_with_a_word_until_they_are(
    tmp_path: Path, body: bytes | None
) -> None:
    archive = with_updates()
    good = archive.files.pop(CONTENTS_OF_UPDATES)
    archive.files |= {} if body is None else {CONTENTS_OF_UPDATES: body}

    before = index(archive, tmp_path, UPDATES)
    archive.files[CONTENTS_OF_UPDATES] = good
    after = index(archive, tmp_path, UPDATES)

    assert "new" not in before.programs
    package = before.packages.get("libgl1")
    assert package is not None
    assert package.version == "1.6.0-2"
    assert before.gaps[0].why == "names that are new in it are not known: its Contents are not as it promises"
    assert after.programs["new"] == ("libgl1",)
    assert not any("names that are new" in gap.why for gap in after.gaps)


def without_new_contents() -> SmallArchive:
    archive = with_updates().suite("bookworm-updates", stanza("libgl1", "3"), contents={GL: "x/libgl1"})
    del archive.files[CONTENTS_OF_UPDATES]
    return archive


def test_a_state_without_some_contents_is_read_once(tmp_path: Path) -> None:
    first = index(without_new_contents(), tmp_path, UPDATES)
    archive = without_new_contents()
    archive.files = {url: body for url, body in archive.files.items() if url.endswith("InRelease")}

    again = index(archive, tmp_path, UPDATES)
    last = index(SmallArchive(), tmp_path, UPDATES)

    assert again.snapshot == first.snapshot
    assert again.gaps == first.gaps
    assert last.gaps[1:] == first.gaps


def test_a_state_without_some_contents_does_not_take_the_place_of_a_whole_one(tmp_path: Path) -> None:
    whole = index(with_updates(), tmp_path, UPDATES)
    index(without_new_contents(), tmp_path, UPDATES)

    last = index(SmallArchive(), tmp_path, UPDATES)

    assert last.snapshot == whole.snapshot
    assert last.programs == whole.programs


def test_an_update_that_fails_does_not_pass_for_one(tmp_path: Path) -> None:
    index(small(), tmp_path)
    fetcher = Fetcher(tmp_path / "downloads", transport=SmallArchive())
    reader = Archive(fetcher, tmp_path / "indexes", now=NOW)

    with pytest.raises(IndexUnavailable):
        reader.update(BOOKWORM, "amd64", MAIN)

    last = reader.last("amd64", MAIN)
    assert last is not None
    assert last.label == "bookworm 2026-07-11T10:16:37Z"


def test_the_newest_version_of_all_suites_is_the_candidate(tmp_path: Path) -> None:
    archive = small().suite("bookworm-security", stanza("libgl1", "1.6.0-1+deb12u1"))

    found = index(archive, tmp_path, ALL)
    package = found.packages.get("libgl1")

    assert package is not None
    assert package.version == "1.6.0-1+deb12u1"
    assert found.sonames["libGL.so.1"] == ("libgl1",)


def test_backports_are_candidates_only_where_nothing_else_is(tmp_path: Path) -> None:
    archive = small().suite(
        "bookworm-backports", stanza("libgl1", "9"), stanza("new", "9"), headers={"NotAutomatic": "yes"}
    )
    sources = [*MAIN, *parse_one_line(f"deb {BASE} bookworm-backports main")]

    found = index(archive, tmp_path, sources)

    assert [p.pin for p in found.packages if p.name in ("libgl1", "new")] == ["libgl1=1.6.0-1", "new=9"]


def test_contents_of_a_whole_suite_serve_as_well(tmp_path: Path) -> None:
    archive = SmallArchive().suite(
        "bookworm", stanza("libgl1"), contents={GL: "universe/libs/libgl1"}, has_contents_by_component=False
    )

    assert index(archive, tmp_path).sonames == {"libGL.so.1": ("libgl1",)}


def test_an_archive_of_ubuntus_shape_is_read_by_the_same_code(tmp_path: Path) -> None:
    noble = Distro(id="ubuntu", version="24.04", codename="noble")
    archive = SmallArchive()
    for suite, version in (
        ("noble", "2.80.0-6"),
        ("noble-updates", "2.80.0-6ubuntu3"),
        ("noble-security", "1"),
    ):
        archive.suite(
            suite,
            stanza("libglib2.0-0t64", version, Provides="libglib2.0-0 (= 2.80.0)"),
            contents={"usr/lib/x86_64-linux-gnu/libglib-2.0.so.0": "libs/libglib2.0-0t64"},
            has_contents_by_component=False,
        )
    sources = choose_sources(noble, "amd64", SourceOffers(environment=BASE))
    reader = Archive(Fetcher(tmp_path, transport=archive), tmp_path, now=NOW)

    found = reader.index(noble, "amd64", sources)

    assert found.sonames == {"libglib-2.0.so.0": ("libglib2.0-0t64",)}
    assert [package.pin for package in found.packages] == ["libglib2.0-0t64=2.80.0-6ubuntu3"]


def test_a_state_of_the_archive_is_read_once(tmp_path: Path) -> None:
    archive = small()
    first = index(archive, tmp_path)
    archive.files = {url: body for url, body in archive.files.items() if url.endswith("InRelease")}

    again = index(archive, tmp_path)

    assert again.sonames == first.sonames
    assert list(again.packages) == list(first.packages)


def test_an_archive_is_asked_once_in_a_run(tmp_path: Path) -> None:
    archive = small()
    reader = Archive(Fetcher(tmp_path / "downloads", transport=archive), tmp_path / "indexes", now=NOW)
    first = reader.index(BOOKWORM, "amd64", MAIN)
    archive.files.clear()

    assert reader.index(BOOKWORM, "amd64", MAIN) is first


@pytest.mark.parametrize("is_known", [False, True])
def test_an_archive_that_is_away_is_asked_once_in_a_run(tmp_path: Path, *, is_known: bool) -> None:
    if is_known:
        index(small(), tmp_path)
    archive = SmallArchive()
    reader = Archive(Fetcher(tmp_path / "downloads", transport=archive), tmp_path / "indexes", now=NOW)

    def answer() -> str:
        try:
            return reader.index(BOOKWORM, "amd64", MAIN).snapshot
        except IndexUnavailable as e:
            return e.why

    first = answer()
    archive.files = small({GL: "libs/ffmpeg"}).files

    assert answer() == first


@pytest.mark.parametrize("keep", [0, 3, 20, -20])
def test_a_damaged_kept_state_is_read_anew(tmp_path: Path, keep: int) -> None:
    index(small(), tmp_path)
    (state,) = (tmp_path / "indexes").glob("*.state.zst")
    state.write_bytes(state.read_bytes()[:keep])

    assert index(small(), tmp_path).sonames["libGL.so.1"] == ("libgl1",)
    assert index(SmallArchive(), tmp_path).sonames["libGL.so.1"] == ("libgl1",)


def test_a_new_state_of_the_archive_is_read(tmp_path: Path) -> None:
    index(small(), tmp_path)
    changed = SmallArchive().suite("bookworm", stanza("mesa"), contents={GL: "libs/mesa"})

    assert index(changed, tmp_path).sonames == {"libGL.so.1": ("mesa",)}


def test_what_was_read_last_serves_while_the_archive_is_away(tmp_path: Path) -> None:
    index(small(), tmp_path)

    found = index(SmallArchive(), tmp_path)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert "its state of bookworm 2026-07-11T10:16:37Z was used" in found.gaps[0].why


def test_what_was_read_last_serves_offline(tmp_path: Path) -> None:
    index(small(), tmp_path)

    assert index(small(), tmp_path, is_offline=True).sonames["libGL.so.1"] == ("libgl1",)


def test_the_last_state_survives_an_archive_that_ends_half_way(tmp_path: Path) -> None:
    index(small(), tmp_path)
    changed = small({GL: "libs/libgl1", "bin/new": "x/ffmpeg"})
    del changed.files[f"{BASE}/dists/bookworm/main/Contents-amd64.gz"]

    found = index(changed, tmp_path)

    assert "new" not in found.programs
    assert any("could not be read" in gap.why for gap in found.gaps)


def test_an_expired_release_is_a_gap_and_a_valid_one_is_none(tmp_path: Path) -> None:
    def kinds(until: str) -> list[str]:
        archive = SmallArchive().suite(
            "bookworm", stanza("libgl1"), contents={GL: "libs/libgl1"}, headers={"Valid-Until": until}
        )
        return [gap.why for gap in index(archive, tmp_path / until.replace(" ", "")).gaps]

    assert "its Release file has expired on 2026-11-19; newer versions may be withheld" in kinds(
        "Thu, 19 Nov 2026 00:00:00 UTC"
    )
    assert len(kinds("Sat, 21 Nov 2026 00:00:00 UTC")) == 1


def test_suites_that_were_guessed_may_be_absent(tmp_path: Path) -> None:
    sources = choose_sources(BOOKWORM, "amd64", SourceOffers(environment=BASE))

    assert index(small(), tmp_path, sources).sonames["libGL.so.1"] == ("libgl1",)


def test_a_third_party_that_does_not_answer_is_left_out_with_a_word(tmp_path: Path) -> None:
    sources = [*MAIN, *parse_one_line("deb http://gpu.example/cuda /")]

    found = index(small(), tmp_path, sources)

    assert found.sonames["libGL.so.1"] == ("libgl1",)
    assert "its packages were left out of account" in found.gaps[0].why


def test_a_flat_archive_adds_its_packages(tmp_path: Path) -> None:
    archive = small()
    body = gzip.compress(stanza("cuda-libs", Filename="./cuda.deb").encode())
    sums = f"{hashlib.sha256(body).hexdigest()} {len(body)} Packages.gz"
    archive.files["http://gpu.example/cuda/InRelease"] = f"Suite: cuda\nSHA256:\n {sums}\n".encode()
    archive.files["http://gpu.example/cuda/Packages.gz"] = body

    found = index(archive, tmp_path, [*MAIN, *parse_one_line("deb http://gpu.example/cuda /")])
    package = found.packages.get("cuda-libs")

    assert package is not None
    assert found.address(package) == "http://gpu.example/cuda/cuda.deb"


PACKAGES = f"{BASE}/dists/bookworm/main/binary-amd64/Packages.xz"
CONTENTS = f"{BASE}/dists/bookworm/main/Contents-amd64.gz"
RELEASE = f"{BASE}/dists/bookworm/InRelease"


def _lying(archive: SmallArchive) -> None:
    body = gzip.compress(b"usr/bin/evil x/evil\n")
    good = archive.files[CONTENTS]
    text = archive.files[RELEASE].decode()
    text = text.replace(hashlib.sha256(good).hexdigest(), hashlib.sha256(body).hexdigest())
    archive.files[RELEASE] = text.replace(f" {len(good)} main/Cont", f" {len(body)} main/Cont").encode()
    archive.files[CONTENTS] = body[:-9]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: a.files.clear(), r"bookworm/Release: the server does not have it"),
        (lambda a: a.files.update({RELEASE: b"<html>"}), "is damaged or lists no SHA256 sums"),
        (lambda a: a.files.pop(PACKAGES), r"Packages\.xz: the server does not have it"),
        (lambda a: a.files.update({PACKAGES: b"x"}), r"Packages\.xz: has the digest sha256:"),
        (lambda a: a.files.update({CONTENTS: a.files[CONTENTS][:-5]}), r"Contents-amd64\.gz: has the digest"),
        (_lying, r"Contents-amd64\.gz: has the digest"),
        (
            lambda a: a.suite("bookworm", stanza("a"), release_name="trixie"),
            "its Release file is that of trixie, another suite",
        ),
        (lambda a: a.suite("bookworm", stanza("a")), "its archive has no Contents files"),
    ],
)
def test_an_archive_that_cannot_be_trusted_is_refused_with_advice(
    tmp_path: Path, damage: Callable[[SmallArchive], object], message: str
) -> None:
    archive = small()
    damage(archive)

    with pytest.raises(IndexUnavailable, match=message) as caught:
        index(archive, tmp_path)

    assert str(caught.value).startswith("no package index for debian 12: ")
    assert "FLEET_AUDIT_ARCHIVE" in str(caught.value)
    assert caught.value.exit_code == 3


def test_without_sources_the_advice_is_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(
        IndexUnavailable, match="nothing names an archive for it; name an archive that has book"
    ):
        index(small(), tmp_path, [])


@pytest.mark.parametrize("distro", [Distro(), Distro(id="alpine", version="3.20")])
def test_a_distribution_without_apt_is_refused(tmp_path: Path, distro: Distro) -> None:
    reader = Archive(Fetcher(tmp_path, transport=small()), tmp_path, now=NOW)

    with pytest.raises(IndexUnavailable, match="only the releases of Debian and Ubuntu are known here"):
        reader.index(distro, "amd64", ())


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match="m68k is no architecture that is known here"):
        index(small(), tmp_path, architecture="m68k")


def test_an_archive_without_this_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailable, match="it has no main/binary-arm64/Packages"):
        index(small(), tmp_path, architecture="arm64")


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "indexes").write_text("a file")

    assert index(small(), tmp_path).sonames["libGL.so.1"] == ("libgl1",)


def test_files_are_asked_for_by_hash_where_that_is_offered(tmp_path: Path) -> None:
    archive = SmallArchive().suite(
        "bookworm", stanza("libgl1"), contents={GL: "libs/libgl1"}, headers={"Acquire-By-Hash": "yes"}
    )
    body = archive.files.pop(PACKAGES)
    folder = PACKAGES.rpartition("/")[0]
    archive.files[f"{folder}/by-hash/SHA256/{hashlib.sha256(body).hexdigest()}"] = body

    assert index(archive, tmp_path).packages.get("libgl1") is not None

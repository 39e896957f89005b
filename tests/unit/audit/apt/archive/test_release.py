from datetime import UTC, datetime

import pytest

from fleet_audit.audit.apt.archive.release import Release, parse_release

DIGEST = "ab" * 32
TEXT = f"""\
Origin: Debian
Suite: oldstable-security
Codename: bookworm-security
Date: Tue, 17 Nov 2026 22:33:39 UTC
Valid-Until: Tue, 24 Nov 2026 22:33:39 UTC
Acquire-By-Hash: yes
Architectures: all amd64
Components: updates/main
MD5Sum:
 0ed6d4c8891eb86358b94bb35d9e4da4  1484322 main/Contents-all
SHA256:
 {DIGEST} 12 main/binary-amd64/Packages.xz
 {DIGEST} many main/broken
 short 1 main/broken
"""


def parsed(text: str) -> Release:
    release = parse_release(text.encode())
    assert release is not None
    return release


def test_names_dates_and_sums_are_read() -> None:
    release = parsed(TEXT)

    assert release.date == datetime(2026, 11, 17, 22, 33, 39, tzinfo=UTC)
    assert release.has_by_hash
    assert release.is_automatic
    assert {file.path: (file.sha256, file.size) for file in release.files.values()} == {
        "main/binary-amd64/Packages.xz": (DIGEST, 12)
    }
    assert release.label == "bookworm-security 2026-11-17T22:33:39Z"


def test_a_release_answers_to_its_names() -> None:
    release = parsed(TEXT)

    assert release.is_named("bookworm-security")
    assert release.is_named("oldstable-security")
    assert not release.is_named("bookworm")


def test_the_folder_in_the_name_of_an_old_security_suite_is_no_part_of_its_name() -> None:
    assert parsed(TEXT.replace("bookworm-security", "buster")).is_named("buster/updates")


def test_a_release_says_until_when_it_holds() -> None:
    assert parsed(TEXT).valid_until == datetime(2026, 11, 24, 22, 33, 39, tzinfo=UTC)


def test_an_end_that_cannot_be_read_is_none() -> None:
    text = TEXT.replace("Valid-Until: Tue, 24 Nov 2026 22:33:39 UTC", "Valid-Until: some day")

    assert parsed(text).valid_until is None


def test_white_space_around_the_text_makes_no_other_state() -> None:
    assert parsed(f"{TEXT}\n\n").digest == parsed(TEXT).digest
    assert parsed(TEXT.replace("SHA256", "Extra: 1\nSHA256")).digest != parsed(TEXT).digest


@pytest.mark.parametrize(
    ("field", "apart"),
    [("", True), ("No-Support-for-Architecture-all: Packages\n", False)],
)
def test_packages_for_all_architectures_may_stand_apart(field: str, *, apart: bool) -> None:
    assert parsed(field + TEXT).packages_of_all_apart is apart


def test_backports_are_not_automatic() -> None:
    assert not parsed("NotAutomatic: yes\n" + TEXT).is_automatic


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>not found</html>", b"Suite: x\n", b"SHA256:\n " + b"ab" * 32 + b" 1 x\n", b"\xff\xfe"],
)
def test_what_is_no_release_is_none(body: bytes) -> None:
    assert parse_release(body) is None

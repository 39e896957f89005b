"""What a Release's signature proves, and what is said where it proves nothing."""

from base64 import encodebytes
from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.signatures import (
    BadSignature,
    GpgvCheck,
    Lack,
    Signed,
    clear_text,
    unchecked,
)
from fleet_audit.audit.apt.archive.sources import ArchiveSource, parse_one_line
from tests.support.archives import clear_signed
from tests.support.signatures import RELEASE, detached, gpgv, key, signed
from tests.support.trees import tree

SOURCE = parse_one_line("deb http://archive.example/debian bookworm main")[0]
UNSIGNED = b"-----BEGIN PGP MESSAGE-----\n\n%s-----END PGP MESSAGE-----\n" % encodebytes(
    b"\xcb\x12b\x00\x00\x00\x00\x00Suite: evil\n"
)
"""A text of its own, as a packet without a signature (RFC 9580, section 5.9)."""
NOT_SIGNED = "its text is not what archive <.*> [0-9A-F]{16} signed"
TRUSTED = parse_one_line("deb [trusted=yes] http://archive.example/debian bookworm main")[0]


def keyrings(**owners: str) -> Keyrings:
    """Return keyrings of owners by their names, each with one trusted key by its name."""
    return Keyrings(
        [(owner, tree({"/etc/apt/trusted.gpg": key(name)} if name else {})) for owner, name in owners.items()]
    )


def checked(
    folder: Path,
    body: bytes,
    *,
    release_gpg: bytes | None = None,
    source: ArchiveSource = SOURCE,
    keys: Keyrings | None = None,
) -> Signed:
    return GpgvCheck(gpgv(), folder, keys or keyrings(image="archive"))(source, body, release_gpg)


@pytest.mark.parametrize("name", ["archive", "both"])
def test_one_good_signature_is_enough(tmp_path: Path, name: str) -> None:
    found = checked(tmp_path, signed(name))

    assert (found.text, found.doubt) == (RELEASE, "")
    assert [signer.rpartition(" ")[0] for signer in found.signers] == ["archive <archive@archive.example>"]


def test_a_signature_beside_the_release_is_as_good(tmp_path: Path) -> None:
    assert checked(tmp_path, RELEASE, release_gpg=detached()).doubt == ""


def test_only_the_text_within_the_signature_is_believed(tmp_path: Path) -> None:
    found = checked(tmp_path, signed("archive") + b"\nSuite: evil\n")

    assert found.text == RELEASE


@pytest.mark.parametrize(
    ("body", "release_gpg", "message"),
    [
        (signed("archive").replace(b"2026", b"2027"), None, NOT_SIGNED),
        (RELEASE + b"\n", detached(), NOT_SIGNED),
        (signed("archive") * 2, None, "it is not one signed text"),
        (clear_signed("Suite: evil\n"), None, "its signature is damaged"),
        (RELEASE, b"junk", "its signature is damaged"),
        (RELEASE, detached() + b"junk", "its signature is damaged"),
        (signed("archive") + UNSIGNED, None, "its signature is damaged"),
        (signed("archive").partition(b"-----BEGIN PGP SIGNATURE")[0], None, "it is not one signed text"),
    ],
)
def test_what_is_not_what_was_signed_is_refused(
    tmp_path: Path, body: bytes, release_gpg: bytes | None, message: str
) -> None:
    with pytest.raises(BadSignature, match=message):
        checked(tmp_path, body, release_gpg=release_gpg)


def test_a_revoked_key_signs_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadSignature, match="signed with a key that was revoked: revoked"):
        checked(tmp_path, signed("revoked"), keys=keyrings(image="revoked"))


@pytest.mark.parametrize(
    ("name", "keys", "doubt"),
    [
        ("expired-key", "expired", "Release is signed with a key that has expired (expired <"),
        ("expired-signature", "archive", "the signature of Release has expired (archive <"),
        ("sha1", "archive", "gpgv does not take the signature of Release for a proof ("),
        ("archive", "other", "Release is signed with a key that image does not know ("),
    ],
)
def test_what_proves_nothing_is_told_apart(tmp_path: Path, name: str, keys: str, doubt: str) -> None:
    found = checked(tmp_path, signed(name), keys=keyrings(image=keys))

    assert found.doubt.startswith(doubt)
    assert found.signers == ()
    assert found.text.strip() == RELEASE.strip()


def test_without_any_key_nothing_is_checked(tmp_path: Path) -> None:
    found = checked(tmp_path, signed("archive"), keys=keyrings(image=""))

    assert found.doubt.endswith("neither the image nor this machine has archive keys for it")


def test_the_machines_keys_are_tried_where_the_image_lacks_the_right_one(tmp_path: Path) -> None:
    assert checked(tmp_path, signed("archive"), keys=keyrings(image="other", machine="archive")).signers


def test_the_machines_keys_do_not_heal_what_the_images_keys_prove_wrong(tmp_path: Path) -> None:
    changed = signed("archive").replace(b"2026", b"2027")

    with pytest.raises(BadSignature):
        checked(tmp_path, changed, keys=keyrings(image="archive", machine="other"))


def test_a_release_without_signature_says_so(tmp_path: Path) -> None:
    assert checked(tmp_path, RELEASE) == Signed(
        RELEASE, doubt="Release bears no signature", lack=Lack.SIGNATURE
    )


def test_trusted_sources_are_believed_with_a_word(tmp_path: Path) -> None:
    found = checked(tmp_path, clear_signed("Suite: mine\n"), source=TRUSTED)

    assert found.text == b"Suite: mine"
    assert found.doubt.endswith("the source says trusted=yes")


def test_without_gpgv_the_advice_is_to_install_it(tmp_path: Path) -> None:
    found = GpgvCheck(None, tmp_path, keyrings(image="archive"))(SOURCE, signed("archive"), None)

    assert "gpgv is not installed; install gpgv" in found.doubt
    assert found.text.strip() == RELEASE.strip()


def test_a_gpgv_that_does_not_answer_is_a_doubt(tmp_path: Path) -> None:
    broken = tmp_path / "gpgv"
    broken.write_text("#!/bin/sh\necho no such option >&2\nexit 2\n")
    broken.chmod(0o755)

    found = GpgvCheck(broken, tmp_path, keyrings(image="archive"))(SOURCE, signed("archive"), None)

    assert found.doubt.endswith("gpgv: ended with status 2: no such option")


def test_the_source_says_which_of_the_keys_may_sign(tmp_path: Path) -> None:
    (signer,) = checked(tmp_path, signed("archive")).signers
    archive = GpgvCheck(gpgv(), tmp_path, keyrings(image="archive"))
    wrong = parse_one_line(f"deb [signed-by={'AB' * 20}] http://archive.example/debian bookworm main")[0]

    assert signer
    assert archive(wrong, signed("archive"), None).doubt.startswith(
        "Release is signed with another key than its source names (archive <"
    )


def test_the_text_within_a_signature_is_without_its_escapes() -> None:
    assert clear_text(signed("archive")).strip() == RELEASE.strip()
    assert b"\n- as signed texts escape it\n" in clear_text(signed("archive"))
    assert clear_text(RELEASE) == RELEASE


def test_whoever_only_reads_a_release_gets_its_text() -> None:
    assert unchecked(SOURCE, signed("archive"), None).text.strip() == RELEASE.strip()

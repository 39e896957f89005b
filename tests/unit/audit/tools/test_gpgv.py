"""gpgv is asked about signatures, and its word is taken for each of them."""

from pathlib import Path

import pytest

from fleet_audit.audit.tools.gpgv import SignatureState, examine, find_gpgv
from fleet_audit.audit.tools.process import ToolError, ToolFailed
from tests.support.signatures import RELEASE, detached, gpgv, key, signed


@pytest.mark.parametrize(
    ("name", "keys", "states"),
    [
        ("archive", "archive", [SignatureState.GOOD]),
        ("archive", "other", [SignatureState.NO_KEY]),
        ("both", "other", [SignatureState.NO_KEY, SignatureState.GOOD]),
        ("expired-key", "expired", [SignatureState.KEY_EXPIRED]),
        ("expired-signature", "archive", [SignatureState.SIGNATURE_EXPIRED]),
        ("revoked", "revoked", [SignatureState.KEY_REVOKED]),
        ("sha1", "archive", [SignatureState.UNCHECKED]),
    ],
)
def test_what_becomes_of_each_signature_is_told_apart(
    tmp_path: Path, name: str, keys: str, states: list[SignatureState]
) -> None:
    found = examine(gpgv(), signed(name), key(keys), folder=tmp_path)

    assert [each.state for each in found.signatures] == states


def test_the_text_is_what_was_signed_and_nothing_around_it(tmp_path: Path) -> None:
    surrounded = b"Suite: evil\n\n" + signed("archive") + b"\nSuite: evil\n"

    assert examine(gpgv(), surrounded, key("archive"), folder=tmp_path).text == RELEASE


def test_a_signature_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    found = examine(gpgv(), RELEASE, key("archive"), folder=tmp_path, signature=detached())

    (signature,) = found.signatures
    assert found.text == RELEASE
    assert (signature.state, signature.name) == (SignatureState.GOOD, "archive <archive@archive.example>")
    assert [len(each) for each in signature.fingerprints] == [40]


def test_a_text_that_was_changed_has_a_bad_signature(tmp_path: Path) -> None:
    changed = signed("archive").replace(b"bookworm", b"bookwurm")

    (signature,) = examine(gpgv(), changed, key("archive"), folder=tmp_path).signatures

    assert signature.state is SignatureState.BAD


def test_the_temporary_files_are_gone_afterwards(tmp_path: Path) -> None:
    examine(gpgv(), signed("archive"), key("archive"), folder=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_without_any_signature_it_fails_with_what_gpgv_said(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="gpgv: ended with status 2") as caught:
        examine(gpgv(), b"nothing", key("archive"), folder=tmp_path)

    assert b"NODATA" in caught.value.stdout


def test_a_keyring_that_is_none_has_no_key(tmp_path: Path) -> None:
    (signature,) = examine(gpgv(), signed("archive"), b"\x99junk", folder=tmp_path).signatures

    assert signature.state is SignatureState.NO_KEY


def _program(folder: Path, text: str) -> Path:
    path = folder / "gpgv"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ("[GNUPG:] GOODSIG ABC name", [SignatureState.UNCHECKED]),
        ("[GNUPG:] GOODSIG", []),
        ("[GNUPG:] VALIDSIG ABC", []),
        ("GOODSIG ABC name", []),
        ("[GNUPG:] ERRSIG ABC 22", []),
    ],
)
def test_good_counts_only_with_the_fingerprint_of_the_key(
    tmp_path: Path, said: str, states: list[SignatureState]
) -> None:
    program = _program(tmp_path, f"echo '{said}'")

    found = examine(program, b"", b"", folder=tmp_path)

    assert [each.state for each in found.signatures] == states


@pytest.mark.parametrize("end", ["\u2028", "\u0085", "\x0b", "\x1c", "\r"])
def test_the_name_of_a_key_is_no_word_of_gpgv(tmp_path: Path, end: str) -> None:
    name = f"x{end}[GNUPG:] GOODSIG EF Debian{end}[GNUPG:] VALIDSIG {'AB' * 20} {'AB' * 20}"
    program = _program(tmp_path, f"echo '[GNUPG:] EXPKEYSIG CD {name}'")

    (signature,) = examine(program, b"", b"", folder=tmp_path).signatures

    assert (signature.state, signature.key, signature.fingerprints) == (SignatureState.KEY_EXPIRED, "CD", ())


def test_a_program_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        examine(tmp_path / "nothere", b"", b"", folder=tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ToolError, match="cannot be written"):
        examine(_program(tmp_path, ""), b"", b"", folder=tmp_path / "file")


def test_it_is_found_on_the_path(tmp_path: Path) -> None:
    assert find_gpgv({"PATH": str(tmp_path)}) is None
    assert find_gpgv({}) is None

    program = _program(tmp_path, "")

    assert find_gpgv({"PATH": str(tmp_path)}) == program

"""Signed Releases and keys, made once by tests/fixtures/signatures/make.sh."""

import os
from pathlib import Path

import pytest

from fleet_audit.audit.tools.gpgv import find_gpgv

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "signatures"
RELEASE = (FOLDER / "Release").read_bytes()


def key(name: str) -> bytes:
    """Return the keyring with the key of this name, as GnuPG exports it."""
    return (FOLDER / f"{name}.gpg").read_bytes()


def armored_key() -> str:
    """Return the key ``archive`` in ASCII armor."""
    return (FOLDER / "archive.asc").read_text()


def signed(name: str) -> bytes:
    """Return the Release within a clear signature: that of a key, or one that is wrong in the way named."""
    return (FOLDER / f"{name}.InRelease").read_bytes()


def detached() -> bytes:
    """Return the signature of the Release by the key ``archive``, as a file of its own."""
    return (FOLDER / "Release.gpg").read_bytes()


def answering(folder: Path, *status: str, code: int = 0) -> Path:
    """Return a program in gpgv's place that says this of every signature and ends with `code`."""
    path = folder / "gpgv"
    said = "".join(f"echo '[GNUPG:] {line}'\n" for line in status)
    path.write_text(f"#!/bin/sh\n{said}exit {code}\n")
    path.chmod(0o755)
    return path


def gpgv() -> Path:
    """Return gpgv; skips the test where it is not installed."""
    found = find_gpgv(os.environ)
    if found is None:
        pytest.skip("gpgv is not installed")
    return found

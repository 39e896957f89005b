from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.index import IndexUnavailable
from fleet_audit.audit.apt.archive.prebuilt import unpacked_index
from fleet_audit.audit.apt.archive.sources import released
from fleet_audit.audit.pipeline.indexing import exported_indexes
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from tests.support import signatures
from tests.support.archives import SmallArchive, stanza
from tests.support.openpgp import SigningKey
from tests.support.trees import tree
from tests.support.worlds import write_archive

KEY = SigningKey("archive")


def shared(folder: Path, monkeypatch: pytest.MonkeyPatch, *, key: SigningKey | None) -> Shared:
    """Return a run on a machine that knows a key, and an archive with two architectures."""
    monkeypatch.setattr(Shared, "machine", tree({"/etc/apt/trusted.gpg.d/archive.gpg": KEY.keyring}))
    archive = SmallArchive("file:///").suite(
        "bookworm",
        stanza("libgl1"),
        contents={
            "usr/lib/x86_64-linux-gnu/libGL.so.1": "libs/libgl1",
            "usr/lib/aarch64-linux-gnu/libGL.so.1": "libs/libgl1",
            "usr/lib/aarch64-linux-gnu/libArm.so.1": "libs/libgl1",
            "usr/bin/glxinfo": "libs/libgl1",
        },
        architectures=("amd64", "arm64"),
        key=key,
    )
    address = write_archive(archive, folder / "archive")
    return Shared(Settings(folder / "cache", "2026-11-20T12:00:00Z", archives=(address,)))


def test_what_comes_along_has_both_architectures_and_the_releases_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signatures.gpgv()
    bookworm = released("bookworm")
    assert bookworm is not None

    ((name, body),) = exported_indexes([bookworm], shared(tmp_path, monkeypatch, key=KEY))

    assert name == "debian-bookworm.json.zst"
    amd64, arm64 = unpacked_index(body, "amd64"), unpacked_index(body, "arm64")
    assert amd64 is not None
    assert arm64 is not None
    assert amd64.made == "2026-11-20"
    assert amd64.names.sonames == {"libGL.so.1": ("libgl1",)}
    assert sorted(arm64.names.sonames) == ["libArm.so.1", "libGL.so.1"]
    assert arm64.names.programs == {"glxinfo": ("libgl1",)}
    (suite,) = amd64.names.suites
    assert suite.signed_by == (f"{KEY.name} {KEY.fingerprint[-16:]}",)
    assert (suite.date, suite.archive, len(suite.digest)) == ("2026-07-11T10:16:37Z", "", 64)


def test_a_suite_whose_contents_were_not_to_be_had_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signatures.gpgv()
    bookworm = released("bookworm")
    assert bookworm is not None
    run = shared(tmp_path, monkeypatch, key=KEY)
    updates = SmallArchive("file:///").suite(
        "bookworm-updates",
        stanza("libgl1", "2"),
        contents={"usr/bin/new": "x/libgl1"},
        architectures=("amd64", "arm64"),
        key=KEY,
    )
    write_archive(updates, tmp_path / "archive")
    (tmp_path / "archive/dists/bookworm-updates/main/Contents-amd64.gz").unlink()

    ((_, body),) = exported_indexes([bookworm], run)

    indexes = [unpacked_index(body, architecture) for architecture in ("amd64", "arm64")]
    assert [index.names.lacking for index in indexes if index] == [("bookworm-updates",), ()]


def test_what_no_signature_proves_never_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bookworm = released("bookworm")
    assert bookworm is not None

    with pytest.raises(IndexUnavailable, match="Release bears no signature"):
        list(exported_indexes([bookworm], shared(tmp_path, monkeypatch, key=None)))

"""Debian's own archive, checked against the keys that Debian installs."""

from pathlib import Path

import pytest

from fleet_audit.audit.apt.archive.keyrings import Keyrings
from fleet_audit.audit.apt.archive.signatures import BadSignature, GpgvCheck
from fleet_audit.audit.apt.archive.suites import open_suite
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.tools.fetch import FetchError
from tests.support.debian import fetcher, sources
from tests.support.signatures import gpgv
from tests.support.trees import tree

pytestmark = pytest.mark.integration


def machine() -> Keyrings:
    """Return the keys that this machine has for Debian; skips the test where it has none."""
    keyrings = Keyrings([("this machine", open_folder(Path("/")))], "debian")
    if not keyrings.of(sources()[0]):
        pytest.skip("this machine has no keys of Debian's archive")
    return keyrings


def release(folder: str) -> bytes:
    try:
        return fetcher().get(f"{folder}/InRelease", size_limit=1 << 20, deadline=60)
    except FetchError as e:
        pytest.skip(f"no archive of Debian 12 can be reached: {e.why}")


def test_every_suite_of_debian_is_signed_by_debian(tmp_path: Path) -> None:
    check = GpgvCheck(gpgv(), tmp_path, machine())

    for source in sources():
        release(f"{source.uri}/dists/{source.suite}")
        suite = open_suite(source, fetcher(), check)

        assert suite.doubt == ""
        assert any("Debian" in signer for signer in suite.signers)


def test_one_digit_of_a_release_cannot_be_changed(tmp_path: Path) -> None:
    source = sources()[0]
    body = release(f"{source.uri}/dists/{source.suite}")
    at = body.index(b"main/binary-amd64/Packages") - 2
    changed = body[:at] + (b"1" if body[at : at + 1] != b"1" else b"2") + body[at + 1 :]

    with pytest.raises(BadSignature, match="its text is not what Debian"):
        GpgvCheck(gpgv(), tmp_path, machine())(source, changed, None)


def test_an_image_without_keys_proves_nothing_of_debian(tmp_path: Path) -> None:
    source = sources()[0]
    body = release(f"{source.uri}/dists/{source.suite}")

    found = GpgvCheck(gpgv(), tmp_path, Keyrings([("the image", tree({}))], "debian"))(source, body, None)

    assert found.doubt.endswith("has archive keys for it")

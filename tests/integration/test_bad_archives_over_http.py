"""An archive that answers badly, or ends half-way: the state before serves, and a gap says what happened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive_servers import ArchiveServer, Way, serving
from tests.support.archives import SmallArchive, stanza
from tests.support.packaged import with_known_rules
from tests.support.worlds import FAMILY, LIBRARIES, World, opencv

pytestmark = pytest.mark.integration

PACKAGES, CONTENTS, RELEASE = "/Packages.xz", "/Contents-amd64.gz", "/InRelease"


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ArchiveServer) -> World:
    made = World(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(made.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", f"{server.address}/debian")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return made.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")


def state(server: ArchiveServer, version: str) -> SmallArchive:
    return SmallArchive(f"{server.address}/debian").suite(
        "bookworm",
        stanza("libgl1", version),
        contents={f"{LIBRARIES}/libGL.so.1": "libs/libgl1", f"usr/bin/gl-{version}": "libs/libgl1"},
    )


@pytest.fixture
def known(world: World, server: ArchiveServer) -> World:
    """Give a family that was planned for once; the archive has changed since."""
    server.hold(state(server, "1"))
    assert world.run("index", "update").code == 0
    server.hold(state(server, "2"))
    server.asked.clear()
    return world


@pytest.mark.parametrize(
    ("file", "way", "message"),
    [
        (PACKAGES, Way.CUT, "Packages.xz: the connection failed"),
        (CONTENTS, Way.CUT, "Contents-amd64.gz: the connection failed"),
        (RELEASE, Way.CUT, "InRelease: the connection failed"),
        (CONTENTS, Way.GONE, "Contents-amd64.gz: the server does not have it (HTTP 404)"),
        (PACKAGES, Way.BUSY, "Packages.xz: the server is busy or failing (HTTP 503)"),
        (PACKAGES, Way.TO_A_FILE, "Packages.xz: "),
        (RELEASE, Way.TO_A_FILE, "InRelease: "),
        (RELEASE, Way.TO_FTP, "InRelease: "),
    ],
)
def test_an_archive_that_fails_half_way_changes_nothing_and_the_state_before_serves(
    known: World, server: ArchiveServer, file: str, way: Way, message: str
) -> None:
    server.ways[file] = way

    updated = known.run("index", "update")
    planned = known.run("deps", FAMILY)

    assert updated.code == 3
    assert message in updated.gaps["no-archive-index"]["why"]
    assert "is kept" in updated.gaps["no-archive-index"]["why"]
    assert planned.document["proposal"]["roots"] == ["libgl1=1"]
    assert any("its state of bookworm" in gap["why"] for gap in planned.document["gaps"])
    assert "Traceback" not in updated.err + planned.err


def test_a_server_that_is_busy_once_is_asked_again(known: World, server: ArchiveServer) -> None:
    server.ways[PACKAGES] = Way.BUSY_ONCE

    assert known.run("deps", FAMILY).document["proposal"]["roots"] == ["libgl1=2"]


@pytest.mark.parametrize(("file", "limit"), [(RELEASE, "_RELEASE_SECONDS"), (CONTENTS, "_INDEX_SECONDS")])
def test_a_server_that_sends_a_byte_now_and_then_is_not_waited_for(
    known: World, server: ArchiveServer, monkeypatch: pytest.MonkeyPatch, file: str, limit: str
) -> None:
    monkeypatch.setattr(f"fleet_audit.audit.apt.archive.suites.{limit}", 0.5)
    server.ways[file] = Way.DRIPPING

    updated = known.run("index", "update")

    assert updated.code == 3
    assert "took longer than allowed" in updated.gaps["no-archive-index"]["why"]
    assert known.run("deps", FAMILY).document["proposal"]["roots"] == ["libgl1=1"]


def test_a_server_that_never_was_asked_before_and_is_gone_leaves_a_blocking_gap(
    world: World, server: ArchiveServer
) -> None:
    server.ways[RELEASE] = server.ways["/Release"] = Way.GONE

    answer = world.run("deps", FAMILY)

    assert answer.gaps["no-archive-index"]["blocking"] is True
    assert answer.roots == []

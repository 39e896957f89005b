"""An archive that is damaged, lies or is not believed: a gap says so, and the state before still serves."""

import gzip
import hashlib
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import signatures
from tests.support.archives import SmallArchive, stanza
from tests.support.openpgp import SigningKey
from tests.support.worlds import FAMILY, LIBRARIES, Answer, World, opencv, write_archive

KEY = SigningKey("archive")
STRANGER = SigningKey("stranger")
GL = f"{LIBRARIES}/libGL.so.1"
PACKAGES = "/dists/bookworm/main/binary-amd64/Packages.xz"
CONTENTS = "/dists/bookworm/main/Contents-amd64.gz"
RELEASE = "/dists/bookworm/InRelease"
DATE = "Date: Sun, 12 Jul 2026 10:16:37 UTC"
BOMB = 96 << 20

Damage = Callable[[SmallArchive], object]


def state(version: str = "1.6.0-1", *, key: SigningKey | None = KEY, **facts: str) -> SmallArchive:
    """Return an archive whose libgl1 has this version; `facts` are headers of its Release."""
    return SmallArchive("").suite(
        "bookworm",
        stanza("libgl1", version),
        contents={GL: "libs/libgl1", f"usr/bin/gl-{version}": "libs/libgl1"},
        headers={name.replace("_", "-"): value for name, value in facts.items()},
        key=key,
    )


@pytest.fixture
def known(world: World) -> World:
    """Give a family that misses a library, and has planned with an archive that was signed."""
    signatures.gpgv()
    keys = {"etc/apt/trusted.gpg.d/archive.gpg": KEY.keyring}
    world.family(FAMILY, opencv("libGL.so.1"), keys).service("face", "import cv2\n")
    write_archive(state(), folder(world))
    before = world.run("index", "update")
    assert (before.code, before.document["archives"][0]["suites"][0]["doubt"]) == (0, None)
    return world


def folder(world: World) -> Path:
    return world.folder.parent / "archive"


def planned_version(answer: Answer) -> str:
    (root,) = answer.document["proposal"]["roots"]
    return str(root).partition("=")[2]


def promising(path: str, made: Callable[[], bytes], *, raw: int) -> Damage:
    """Return what puts a file at `path` as the Release promises it, of which it says how much it becomes."""

    def change(archive: SmallArchive) -> None:
        files = {place: text for place, text in archive.files.items() if place != RELEASE}
        archive.files[path] = files[path] = made()
        lines = [
            "Suite: bookworm",
            "Codename: bookworm",
            DATE,
            "Architectures: amd64",
            "Components: main",
            "SHA256:",
        ]
        for place, text in files.items():
            inside = place.removeprefix("/dists/bookworm/")
            lines.append(f" {hashlib.sha256(text).hexdigest()} {len(text)} {inside}")
        lines.append(f" {'0' * 64} {raw} {path.removeprefix('/dists/bookworm/').rpartition('.')[0]}")
        archive.files[RELEASE] = KEY.clear_signed("\n".join(lines) + "\n")

    return change


def cut(path: str) -> Damage:
    def change(archive: SmallArchive) -> None:
        archive.files[path] = archive.files[path][:-9]

    return change


def without(path: str) -> Damage:
    return lambda archive: archive.files.pop(path)


def renamed(archive: SmallArchive) -> None:
    archive.suite("bookworm", stanza("libgl1", "2"), release_name="trixie", key=KEY)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "Packages are cut": (cut(PACKAGES), "Packages.xz: has the digest sha256:"),
    "Contents are cut": (cut(CONTENTS), "Contents-amd64.gz: has the digest sha256:"),
    "Packages are gone": (without(PACKAGES), "Packages.xz: no such file"),
    "Contents are gone": (without(CONTENTS), "Contents-amd64.gz: no such file"),
    "the Release is gone": (without(RELEASE), "none of its suites is at the addresses given"),
    "the Release is another suite's": (renamed, "its Release file is that of trixie, another suite"),
    "the Release lists nothing for this architecture": (
        lambda archive: archive.release(
            "bookworm",
            {"Suite": "bookworm", "Date": DATE.partition(": ")[2], "Architectures": "arm64"},
            {"x": b""},
            key=KEY,
        ),
        "none of its suites has packages for amd64",
    ),
    "what is compressed is cut, as promised": (
        promising(PACKAGES, lambda: lzma.compress(stanza("libgl1", "2").encode())[:-9], raw=1000),
        "Packages.xz is truncated",
    ),
    "what is compressed is none, as promised": (
        promising(CONTENTS, lambda: b"this is no gzip, by its first bytes", raw=1000),
        "Contents-amd64.gz cannot be unpacked",
    ),
    "a little becomes more than promised": (
        promising(CONTENTS, lambda: gzip.compress(bytes(BOMB), 1), raw=1000),
        "Contents-amd64.gz becomes larger than the 1000 bytes expected",
    ),
    "a little becomes one endless line, as promised": (
        promising(CONTENTS, lambda: gzip.compress(b"x" * BOMB, 1), raw=BOMB),
        "holds a line of over 1 MiB",
    ),
    "a little becomes one endless stanza, as promised": (
        promising(
            PACKAGES, lambda: lzma.compress(b"Package: x\n" + b" y\n" * (BOMB // 3), preset=0), raw=BOMB + 11
        ),
        "Packages.xz",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_archive_changes_nothing_and_the_state_before_serves(known: World, name: str) -> None:
    damage, message = DAMAGES[name]
    changed = state("1.6.0-9")
    damage(changed)
    for path in [path for path in folder(known).rglob("*") if path.is_file()]:
        path.unlink()
    write_archive(changed, folder(known))

    updated = known.run("index", "update")
    planned = known.run("deps", FAMILY)
    shown = known.run("index", "show")

    assert updated.code == 3
    assert message in updated.gaps["no-archive-index"]["why"]
    assert "is kept" in updated.gaps["no-archive-index"]["why"]
    assert planned_version(planned) == "1.6.0-1"
    assert message in planned.gaps["unverified-archive"]["why"]
    assert len(shown.document["archives"]) == 1
    assert "Traceback" not in updated.err + planned.err


def _torn(body: bytes) -> bytes:
    return body.replace(b"Components: main", b"Components: evil")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (state("1.6.0-9", key=None), "Release bears no signature"),
        (state("1.6.0-9", key=STRANGER), "is signed with a key that"),
        (None, "its text is not what archive <archive@archive.example>"),
    ],
    ids=["no longer signed", "signed by a stranger", "changed after it was signed"],
)
def test_an_archive_that_is_not_to_be_believed_any_more_blocks_and_the_state_before_serves(
    known: World, changed: SmallArchive | None, message: str
) -> None:
    if changed is None:
        changed = state("1.6.0-9")
        changed.files[RELEASE] = _torn(changed.files[RELEASE])
    write_archive(changed, folder(known))

    updated = known.run("index", "update")
    planned = known.run("deps", FAMILY)

    assert updated.code == 3
    assert message in updated.gaps["no-archive-index"]["why"]
    assert planned.gaps["distrusted-archive"]["blocking"] is True
    assert message in planned.gaps["distrusted-archive"]["why"]
    assert planned_version(planned) == "1.6.0-1"


def test_an_archive_that_never_was_signed_is_a_doubt_that_blocks_nothing(world: World) -> None:
    write_archive(state(key=None), folder(world))
    world.family(FAMILY, opencv("libGL.so.1")).service("face", "import cv2\n")

    answer = world.run("index", "update")

    assert (answer.code, list(answer.gaps)) == (0, ["unverified-archive"])


def test_an_archive_that_is_signed_by_a_stranger_from_the_beginning_is_a_doubt(world: World) -> None:
    signatures.gpgv()
    keys = {"etc/apt/trusted.gpg.d/archive.gpg": KEY.keyring}
    world.family(FAMILY, opencv("libGL.so.1"), keys).service("face", "import cv2\n")
    write_archive(state(key=STRANGER), folder(world))

    answer = world.run("index", "update")

    assert (answer.code, list(answer.gaps)) == (0, ["unverified-archive"])


@pytest.mark.parametrize(
    ("until", "kinds"),
    [("Tue, 17 Nov 2026 00:00:00 UTC", ["unverified-archive"]), ("Tue, 24 Nov 2026 00:00:00 UTC", [])],
)
def test_a_release_that_has_expired_by_the_clock_is_a_doubt_and_a_valid_one_is_none(
    known: World, until: str, kinds: list[str]
) -> None:
    write_archive(state("1.6.0-9", Valid_Until=until), folder(known))

    answer = known.run("index", "update")

    assert (answer.code, list(answer.gaps)) == (0, kinds)
    assert planned_version(known.run("deps", FAMILY)) == "1.6.0-9"


STATUS = "var/lib/dpkg/status"


def status_with(*stanzas: str) -> dict[str, str]:
    working = "install ok installed"
    own = stanza("libc6", "2.36-9", Status=working)
    return {STATUS: "\n".join((own, *stanzas))}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            status_with(
                stanza("libgl1", "1.5", Status="install ok installed"),
                stanza("libgl1", "1.4", Status="install ok installed"),
            ),
            "libgl1",
        ),
        (status_with(stanza("libgl1", "1.5", Status="install reinstreq half-installed")), "half-installed"),
        (status_with("Package: libgl1\nStatus: nonsense\nVersion: 1\n"), "libgl1"),
    ],
    ids=["two versions of one package", "half installed", "no status"],
)
def test_a_status_that_contradicts_itself_is_a_gap_and_a_plan_is_made_all_the_same(
    known: World, status: dict[str, str], message: str
) -> None:
    known.image("images/odd", opencv("libGL.so.1"), status)

    answer = known.run("deps", FAMILY, "--image", "oci:images/odd")

    said = [gap["why"] for gap in answer.document["gaps"] if "dpkg" in gap["what"]]
    assert len(said) == 1
    assert message in said[0]
    assert answer.code == 1
    assert planned_version(answer) == "1.6.0-1"


@pytest.mark.parametrize(("depends", "is_told"), [("gone", True), ("libgl1", False)])
def test_unmet_dependencies_that_the_addition_does_not_mend_are_told(
    known: World, depends: str, *, is_told: bool
) -> None:
    broken = stanza("app", Depends=depends, Status="install ok installed")
    known.image("images/odd", opencv("libGL.so.1"), status_with(broken))

    answer = known.run("deps", FAMILY, "--image", "oci:images/odd")

    said = [gap["why"] for gap in answer.document["gaps"] if "dpkg" in gap["what"]]
    assert any("app depends on gone" in why for why in said) == is_told
    assert len(said) == is_told
    assert planned_version(answer) == "1.6.0-1"


def test_a_cache_that_cannot_be_written_plans_all_the_same(
    known: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (known.folder.parent / "file").write_text("no folder")
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(known.folder.parent / "file" / "cache"))

    answer = known.run("deps", FAMILY)

    assert "no-archive-index" in answer.gaps
    assert "cannot be written" in answer.gaps["no-archive-index"]["why"]
    assert answer.code == 1

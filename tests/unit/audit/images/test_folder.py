"""A folder of this machine as a tree: never left, and quiet about what is not there."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.tree import FileKind, FileUnreadable
from fleet_audit.audit.model.identity import ImagePath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    secret = tmp_path / "secret"
    secret.write_text("outside")
    inside = tmp_path / "root"
    (inside / "usr" / "lib").mkdir(parents=True)
    (inside / "usr" / "lib" / "a.so").write_bytes(b"a")
    (inside / "lib").symlink_to("/usr/lib")
    (inside / "up").symlink_to("../../secret")
    (inside / "absolute").symlink_to(str(secret))
    (inside / "loop").symlink_to("loop")
    return inside


def test_links_are_followed_as_if_the_folder_were_the_root(root: Path) -> None:
    tree = open_folder(root)

    assert tree.realpath(ImagePath("/lib/a.so")) == "/usr/lib/a.so"
    assert tree.read(ImagePath("/lib/a.so")) == b"a"
    assert list(tree.listing(ImagePath("/lib"))) == ["a.so"]


@pytest.mark.parametrize("path", ["/up", "/absolute", "/../secret", "/loop", "/nothing", "/usr/lib/a.so/x"])
def test_nothing_outside_can_be_read(root: Path, path: str) -> None:
    tree = open_folder(root)

    assert tree.realpath(ImagePath(path)) is None
    with pytest.raises(FileUnreadable):
        tree.read(ImagePath(path))


def test_files_are_listed_once_under_their_canonical_path(root: Path) -> None:
    tree = open_folder(root)

    assert [path for path, _ in tree.files()] == ["/usr/lib/a.so"]
    assert [path for path, _ in tree.files(ImagePath("/lib"))] == ["/usr/lib/a.so"]
    assert list(tree.files(ImagePath("/nothing"))) == []
    assert list(tree.files(ImagePath("/usr/lib/a.so"))) == []


def test_a_link_to_a_file_beside_it_leads_there_and_no_link_leads_to_itself(root: Path) -> None:
    (root / "usr/lib/b.so").symlink_to("a.so")
    (root / "usr/lib/c.so").symlink_to("b.so")
    (root / "usr/lib/self.so").symlink_to("self.so")
    tree = open_folder(root)

    assert tree.realpath(ImagePath("/lib/b.so")) == "/usr/lib/a.so"
    assert tree.realpath(ImagePath("/lib/c.so")) == "/usr/lib/a.so"
    assert tree.realpath(ImagePath("/lib/self.so")) is None


def test_what_is_gone_since_it_was_listed_was_never_there(root: Path) -> None:
    tree = open_folder(root)
    listed = tree.listing(ImagePath("/usr/lib"))
    assert len(listed) == 1

    (root / "usr/lib/a.so").unlink()

    assert list(listed.items()) == []
    assert tree.entry(ImagePath("/usr/lib/a.so")) is None
    assert list(tree.files()) == []


def test_a_listing_of_no_folder_is_empty(root: Path) -> None:
    tree = open_folder(root)

    assert tree.listing(ImagePath("/nothing")) == {}
    assert tree.listing(ImagePath("/usr/lib/a.so")) == {}


def test_a_name_that_is_not_utf8_can_be_listed_and_read(root: Path) -> None:
    folder = os.fsencode(root) + b"/d\xff"
    os.mkdir(folder)
    with open(folder + b"/f\xfe", "wb") as file:
        file.write(b"odd")
    tree = open_folder(root)

    assert tree.read(ImagePath("/d\\xff/f\\xfe")) == b"odd"
    assert [path for path, _ in tree.files()] == ["/d\\xff/f\\xfe", "/usr/lib/a.so"]


def test_pipes_and_sockets_are_never_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    tree = open_folder(root)

    entry = tree.entry(ImagePath("/pipe"))
    assert entry is not None
    assert entry.kind is FileKind.OTHER
    with pytest.raises(FileUnreadable, match="is no regular file"):
        tree.read(ImagePath("/pipe"))
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/s")
        assert list(open_folder(Path(folder)).files()) == []


def test_a_file_over_the_limit_is_not_read(root: Path) -> None:
    with pytest.raises(FileUnreadable, match="has 1 bytes, over the limit of 0"):
        open_folder(root).read(ImagePath("/usr/lib/a.so"), limit=0)


def test_the_root_itself_may_be_named_through_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)

    assert open_folder(tmp_path / "alias").read(ImagePath("/usr/lib/a.so")) == b"a"


def test_a_root_folder_is_an_image_without_layers(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc" / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')

    with open_image(f"dir:{root}") as opened:
        assert opened.identity.distro.id == "debian"
        assert opened.identity.layers == ()
        assert opened.layer_of(ImagePath("/etc/os-release")) is None
        assert opened.gaps == ()


def test_what_a_folder_holds_is_told_without_a_look_at_its_files(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/file").write_text("x")
    (tmp_path / "a/link").symlink_to("file")
    (tmp_path / "to").symlink_to("a")
    files = open_folder(tmp_path)
    kinds = files.kinds(ImagePath("/to"))
    (tmp_path / "a/file").unlink()
    assert kinds == {"b": FileKind.FOLDER, "file": FileKind.FILE, "link": FileKind.SYMLINK}
    assert files.kinds(ImagePath("/a/link")) == {}
    assert files.kinds(ImagePath("/gone")) == {}

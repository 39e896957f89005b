"""What is written of an image is what its merged tree shows, below one folder and nowhere else."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.unpacking import NotUnpacked, Owned, unpack
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import FOLDER, FORMS, WHITEOUT, Content, Form, Hard, image
from tests.support.trees import Link


def written(
    place: Path, *layers: dict[str, Content] | bytes, form: Form = "oci"
) -> tuple[Path, dict[str, Owned]]:
    """Write an image of these layers; return the folder, and whose each path is."""
    reference = image(*layers).write(place / "image", form)
    copy = place / "copy"
    copy.mkdir()
    with open_image(reference) as opened:
        return copy, {owned.path: owned for owned in unpack(opened, copy)}


def member(
    name: str, *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, uid: int = 0, gid: int = 0
) -> bytes:
    """Return a layer with one empty member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.uid, info.gid = kind, mode, uid, gid
        archive.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize("form", FORMS)
def test_bodies_links_and_folders_are_those_of_the_merged_layers(tmp_path: Path, form: Form) -> None:
    copy, _ = written(
        tmp_path,
        {"usr/lib/a": "old", "usr/lib/gone": "x", "usr/lib/b": Hard("usr/lib/a"), "lib": Link("usr/lib")},
        {"usr/lib/c": "new", f"usr/lib/{WHITEOUT}gone": "", "empty/": FOLDER},
        form=form,
    )

    assert sorted(os.listdir(copy / "usr/lib")) == ["a", "b", "c"]
    assert [(copy / "lib" / name).read_text() for name in "abc"] == ["old", "old", "new"]
    assert (copy / "usr/lib/a").samefile(copy / "usr/lib/b")
    assert os.readlink(copy / "lib") == "usr/lib"
    assert (copy / "empty").is_dir()


def test_a_name_that_leads_through_a_link_out_of_the_image_stays_in_the_copy(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "known").write_text("before")

    copy, _ = written(
        tmp_path,
        {"var/cache/apt/archives": Link(str(outside)), "up": Link("../../../../..")},
        {"var/cache/apt/archives/known": "after", "up/escaped": "x"},
    )

    assert (outside / "known").read_text() == "before"
    assert os.listdir(outside) == ["known"]
    assert (copy / str(outside).lstrip("/") / "known").read_text() == "after"
    assert (copy / "escaped").read_text() == "x"


def test_nothing_is_more_than_its_bytes(tmp_path: Path) -> None:
    copy, _ = written(
        tmp_path,
        member("su", mode=0o6755),
        member("sda", kind=tarfile.BLKTYPE),
        member("pipe", kind=tarfile.FIFOTYPE),
    )

    assert stat.S_IMODE((copy / "su").stat().st_mode) == 0o755
    assert sorted(os.listdir(copy)) == ["dev", "proc", "su", "sys"]


def test_what_is_mounted_upon_is_an_empty_folder_whatever_the_image_has_there(tmp_path: Path) -> None:
    copy, _ = written(
        tmp_path, {"dev": Link("/etc"), "proc/self/exe": "x", "sys": "a file", "etc/passwd": ""}
    )

    for name in ("dev", "proc", "sys"):
        assert not (copy / name).is_symlink()
        assert os.listdir(copy / name) == []


def test_owners_are_the_headers_and_those_of_implied_folders_are_root(tmp_path: Path) -> None:
    _, owners = written(tmp_path, member("home/app", uid=10001, gid=4_000_000), member("root-file"))

    assert owners["/home/app"] == Owned(ImagePath("/home/app"), 10001, 4_000_000)
    assert owners["/home"] == Owned(ImagePath("/home"), 0, 0)
    assert owners["/"] == Owned(ImagePath("/"), 0, 0)


def test_every_path_that_is_written_has_an_owner(tmp_path: Path) -> None:
    copy, owners = written(tmp_path, {"a/b/c": "", "a/l": Link("b"), "a/h": Hard("a/b/c")})

    there = {f"/{path.relative_to(copy)}" for path in copy.rglob("*")}
    assert there | {"/"} == set(owners)


def test_a_folder_is_copied_with_modes_and_hard_links(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    (root / "bin").mkdir(parents=True)
    copy.mkdir()
    (root / "bin/a").write_text("body")
    (root / "bin/a").chmod(0o4750)
    os.link(root / "bin/a", root / "bin/b")
    (root / "sh").symlink_to("/bin/a")

    with open_image(f"dir:{root}") as opened:
        owners = unpack(opened, copy)

    assert (copy / "bin/b").read_text() == "body"
    assert (copy / "bin/a").samefile(copy / "bin/b")
    assert stat.S_IMODE((copy / "bin/a").stat().st_mode) == 0o750
    assert os.readlink(copy / "sh") == "/bin/a"
    assert {(o.uid, o.gid) for o in owners if o.path == "/bin/b"} == {(os.getuid(), os.getgid())}


def test_an_image_that_is_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    root.mkdir()
    copy.mkdir()
    with (root / "huge").open("wb") as huge:
        huge.truncate(1 << 43)

    with open_image(f"dir:{root}") as opened, pytest.raises(NotUnpacked, match="it needs 8388608 MiB there"):
        unpack(opened, copy)

    assert os.listdir(copy) == []


def test_a_layer_that_was_replaced_meanwhile_is_not_copied(tmp_path: Path) -> None:
    place, copy = tmp_path / "image", tmp_path / "copy"
    copy.mkdir()
    reference = image({"a": "first"}).write(place)

    with open_image(reference) as opened:
        for blob in (place / "blobs/sha256").iterdir():
            blob.write_bytes(b"something else")
        with pytest.raises(NotUnpacked, match="a layer "):
            unpack(opened, copy)

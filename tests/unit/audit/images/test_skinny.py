import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.skinny import Written, write_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import (
    FOLDER,
    OS_RELEASE,
    Content,
    Hard,
    ImageBuilder,
    image,
    layer_tar,
    sha256,
    sparse_layer,
    write_images,
)
from tests.support.trees import Link

DEBIAN: Mapping[str, Content] = {
    "etc/os-release": OS_RELEASE,
    "var/lib/dpkg/status": "Package: a\n",
    "usr/lib": FOLDER,
    "usr/bin": FOLDER,
    "usr/lib/big.so": "x" * 5000,
    "usr/bin/tool": "y" * 100_000,
}


def written(ref: str, place: Path, *, full: bool = False, store: LayerStore | None = None) -> Written:
    with open_image(ref, store=store) as opened, place.open("w+b") as out:
        return write_image(opened, out, full=full)


def layers_of(place: Path) -> list[bytes]:
    with tarfile.open(place) as archive:
        documents = archive.extractfile("manifest.json")
        assert documents is not None
        (manifest,) = json.load(documents)
        members = [archive.extractfile(name) for name in manifest["Layers"]]
        return [member.read() for member in members if member is not None]


def bodies_of(layer: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        return {
            member.name: body.read()
            for member in archive
            if member.isreg() and (body := archive.extractfile(member)) is not None
        }


def opened(place: Path) -> Image:
    return open_image(f"docker-archive:{place}")


def test_what_packages_own_is_there_though_nobody_reads_it(tmp_path: Path) -> None:
    ref = image(
        {
            "usr/lib": FOLDER,
            "usr/local/lib/site-packages": FOLDER,
            "usr/lib/libz.so.1": "z" * 500,
            "usr/lib/own.so": "o",
            "usr/local/lib/site-packages/a.py": "a",
            "var/lib/dpkg/info/zlib1g.list": "/.\n/lib/libz.so.1\n/usr/share/doc\n",
        }
    ).write(tmp_path / "image")

    written(ref, tmp_path / "skinny")

    (layer,) = layers_of(tmp_path / "skinny")
    assert sorted(bodies_of(layer)) == ["usr/lib/libz.so.1", "var/lib/dpkg/info/zlib1g.list"]


def test_where_another_database_says_who_owns_files_all_are_there(tmp_path: Path) -> None:
    ref = image({"usr/lib/own.so": "o", "lib/apk/db/installed": "P:a\n"}).write(tmp_path / "image")

    written(ref, tmp_path / "skinny")

    (layer,) = layers_of(tmp_path / "skinny")
    assert bodies_of(layer) == {"usr/lib/own.so": b"", "lib/apk/db/installed": b"P:a\n"}


def test_what_scanners_read_is_there_and_the_rest_is_not(tmp_path: Path) -> None:
    ref = image(DEBIAN).write(tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    (layer,) = layers_of(tmp_path / "skinny")
    assert bodies_of(layer) == {
        "etc/os-release": OS_RELEASE.encode(),
        "var/lib/dpkg/status": b"Package: a\n",
    }
    assert found.gaps == ()


def test_the_archive_is_an_image_with_the_same_configuration(tmp_path: Path) -> None:
    ref = image(
        DEBIAN, {"a": "1"}, config={"Env": ["A=b"], "Labels": {"x": "y"}}, architecture="arm64"
    ).write(tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    with opened(tmp_path / "skinny") as skinny:
        assert skinny.gaps == ()
        assert skinny.identity.config.env == {"A": "b"}
        assert skinny.identity.config.labels == {"x": "y"}
        assert skinny.identity.ref.platform.architecture == "arm64"
        assert [layer.created_by for layer in skinny.identity.layers] == ["step 0", "step 1"]
        assert [layer.diff_id for layer in skinny.identity.layers] == [made for made, _ in found.layers]


def test_layers_are_named_by_their_place(tmp_path: Path) -> None:
    builder = image({"a": "1"}, {"a": "2"}, {"a": "1"})

    found = written(builder.write(tmp_path / "image"), tmp_path / "skinny")

    assert [meant for _, meant in found.layers] == [sha256(raw) for raw in builder.layers]
    first, second, third = (made for made, _ in found.layers)
    assert first != second
    assert first == third


def test_a_full_image_has_the_very_layers(tmp_path: Path) -> None:
    builder = image(DEBIAN, {"usr/bin/.wh.tool": ""})

    found = written(builder.write(tmp_path / "image"), tmp_path / "full", full=True)

    assert layers_of(tmp_path / "full") == list(builder.layers)
    assert [made for made, _ in found.layers] == [meant for _, meant in found.layers]


def test_what_upper_layers_hide_stays_hidden(tmp_path: Path) -> None:
    below: Mapping[str, Content] = {
        "app/a.dist-info/METADATA": "Name: a\n",
        "opt/b.dist-info/METADATA": "Name: b\n",
        "srv/c.dist-info/METADATA": "Name: c\n",
        "lib": Link("usr/lib"),
        "usr/lib/d.dist-info/METADATA": "Name: d\n",
    }
    above: Sequence[tuple[str, Content]] = [
        ("app/.wh.a.dist-info", ""),
        ("opt/.wh..wh..opq", ""),
        ("srv/c.dist-info", "a file now"),
        ("lib/d.dist-info", "a file now, below a link"),
    ]
    ref = image(below, above).write(tmp_path / "image")

    written(ref, tmp_path / "skinny")

    with opened(tmp_path / "skinny") as skinny:
        assert [path for path, entry in skinny.tree.files() if entry.size] == []
        assert skinny.tree.entry(ImagePath("/usr/lib/d.dist-info")) is not None


def test_a_hard_link_that_scanners_look_at_brings_what_it_leads_to(tmp_path: Path) -> None:
    ref = image(
        {"usr/bin/interpreter": "p" * 100_000, "usr/bin/again": Hard("usr/bin/interpreter")},
        {"usr/bin/perl": Hard("usr/bin/again")},
    ).write(tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    with opened(tmp_path / "skinny") as skinny:
        assert skinny.tree.read(ImagePath("/usr/bin/perl")) == b"p" * 100_000
    assert found.gaps == ()


def test_a_hard_link_to_nothing_is_a_gap(tmp_path: Path) -> None:
    ref = image({"usr/bin/perl": Hard("usr/bin/gone"), "b": Hard("gone")}).write(tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    assert [(gap.kind, gap.what) for gap in found.gaps] == [(GapKind.UNREADABLE_FILE, "/usr/bin/perl")]


def test_a_sparse_file_that_scanners_look_at_is_a_gap(tmp_path: Path) -> None:
    ref = image(sparse_layer("app/a.jar")).write(tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    assert [gap.what for gap in found.gaps] == ["/app/a.jar"]


@pytest.mark.parametrize("name", ["x" * 300, "é" * 120, "a\nb", "-rf", "c:\\d"])
def test_odd_names_of_the_image_are_only_names_in_the_archive(tmp_path: Path, name: str) -> None:
    ref = image({f"{name}/package.json": "{}"}).write(tmp_path / "image")

    written(ref, tmp_path / "skinny")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "skinny"]
    with opened(tmp_path / "skinny") as skinny:
        assert skinny.tree.read(ImagePath(f"/{name}/package.json")) == b"{}"


def test_a_layer_that_cannot_be_read_is_an_empty_one(tmp_path: Path) -> None:
    builder = ImageBuilder((layer_tar({"package.json": "{}"}), b"no tar" * 200, layer_tar({"a": "1"})))
    ref = write_images([builder], tmp_path / "image")

    found = written(ref, tmp_path / "skinny")

    assert len(found.layers) == 3
    assert [len(bodies_of(layer)) for layer in layers_of(tmp_path / "skinny")] == [1, 0, 0]


def test_a_second_image_reads_no_layer_again(tmp_path: Path) -> None:
    ref = image(DEBIAN).write(tmp_path / "image")
    store = LayerStore(tmp_path / "cache")
    written(ref, tmp_path / "first", store=store)

    with open_image(ref, store=store) as again, (tmp_path / "second").open("w+b") as out:
        write_image(again, out)

        assert again.statistics.bytes_inflated == 0
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_folder_is_one_layer_whose_links_lead_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "os-release").write_text(OS_RELEASE)
    (root / "usr.bin").write_text("nobody reads it")
    (root / "package.json").symlink_to("/etc/passwd")

    found = written(f"dir:{root}", tmp_path / "skinny")

    (layer,) = layers_of(tmp_path / "skinny")
    assert bodies_of(layer) == {"etc/os-release": OS_RELEASE.encode(), "usr.bin": b""}
    assert found.gaps == ()
    with opened(tmp_path / "skinny") as skinny:
        entry = skinny.tree.entry(ImagePath("/package.json"))
        assert entry is not None
        assert entry.link == "/etc/passwd"


def test_folders_keep_their_places(tmp_path: Path) -> None:
    ref = image([("a", FOLDER), ("a/b", FOLDER), ("a/c", Link("b"))]).write(tmp_path / "image")

    written(ref, tmp_path / "skinny")

    with opened(tmp_path / "skinny") as skinny:
        assert sorted(skinny.tree.listing(ImagePath("/a"))) == ["b", "c"]

"""What is found in zip archives that stand on the search path."""

import io
import struct
import zipfile
from collections.abc import Mapping

import pytest

from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.resolution.archives import WithArchives
from fleet_audit.audit.static_imports.resolution.finder import Finder, ModuleKind, Place, Side
from tests.support.pythons import SITE, TAG, examination
from tests.support.trees import Link, tree

PLACE = ImagePath("/lib/a.zip")
SUFFIXES = (TAG, ".abi3.so", ".so")


def archive(files: Mapping[str, str | bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as opened:
        for name, content in files.items():
            opened.writestr(zipfile.ZipInfo(name), content, method)
    return body.getvalue()


def opened(body: bytes, *, version: tuple[int, ...] = (3, 11)) -> WithArchives:
    return WithArchives(tree({PLACE: body}), version)


def found(body: bytes, name: str, *, version: tuple[int, ...] = (3, 11)) -> tuple[str, str] | None:
    finder = Finder(
        {Side.IMAGE: opened(body, version=version)}, [Place(Side.IMAGE, PLACE)], SUFFIXES, frozenset()
    )
    module = finder.find(name)
    return None if module is None else (module.kind.value, "" if module.file is None else module.file.path)


def test_packages_and_modules_are_found_in_an_archive() -> None:
    body = archive({"p/__init__.py": "", "p/m.py": "", "n.pyc": b"", "b.py": "", "b.pyc": b""})
    assert found(body, "p.m") == (ModuleKind.SOURCE, f"{PLACE}/p/m.py")
    assert found(body, "n") == (ModuleKind.BYTECODE, f"{PLACE}/n.pyc")
    assert found(body, "b") == (ModuleKind.SOURCE, f"{PLACE}/b.py")


def test_no_extension_module_is_imported_from_an_archive() -> None:
    body = archive({f"fast{TAG}": b"", "p/__init__.py": "", "p/fast.so": b""})
    assert found(body, "fast") is None
    assert found(body, "p.fast") is None


def test_a_package_without_init_needs_a_member_for_its_folder_before_python_3_14() -> None:
    implied, listed = archive({"p/m.py": ""}), archive({"p/": "", "p/m.py": ""})
    assert found(implied, "p.m") is None
    assert found(implied, "p.m", version=(3, 14)) == (ModuleKind.SOURCE, f"{PLACE}/p/m.py")
    assert found(listed, "p.m") == (ModuleKind.SOURCE, f"{PLACE}/p/m.py")


def test_a_folder_inside_an_archive_can_stand_on_the_path() -> None:
    files = opened(archive({"src/m.py": "x = 1"}))
    files.listing(PLACE)
    finder = Finder(
        {Side.IMAGE: files}, [Place(Side.IMAGE, ImagePath(f"{PLACE}/src"))], SUFFIXES, frozenset()
    )
    assert finder.find("m") is not None


def test_a_folder_inside_an_archive_is_found_though_nothing_listed_the_archive_before() -> None:
    files = opened(archive({"src/m.py": "x = 1"}))
    assert "m.py" in files.listing(ImagePath(f"{PLACE}/src"))
    assert files.read(ImagePath(f"{PLACE}/src/m.py")) == b"x = 1"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_bodies_are_read_as_they_were_packed(method: int) -> None:
    files = opened(b"#!/usr/bin/env python\n" + archive({"m.py": "import x\n" * 50}, method=method))
    files.listing(PLACE)
    assert files.read(ImagePath(f"{PLACE}/m.py")) == b"import x\n" * 50


def test_services_import_what_a_line_of_a_pth_file_puts_on_the_path() -> None:
    image: dict[str, str | bytes] = {
        "eggs.pth": "./mine-1.0.egg\n",
        "mine-1.0.egg": archive({"mine.py": "import json\n"}),
    }
    (service,) = examination({"app.py": "import mine\n"}, image).services
    (module,) = service.imports
    assert module.file == f"{SITE}/mine-1.0.egg/mine.py"


def test_services_import_from_an_archive_that_their_own_code_adds() -> None:
    app = "import sys\nsys.path.insert(0, __file__ + '/../libs.zip')\nimport mine\n"
    (service,) = examination({"app.py": app, "libs.zip": archive({"mine.py": "import gone\n"})}, {}).services
    assert [(m.module, str(m.locations[0])) for m in service.missing] == [("gone", "libs.zip/mine.py:1")]


def damaged(body: bytes, at: int, form: str, value: int) -> bytes:
    """Return an archive with one field of its only member's directory entry changed."""
    entry = body.rindex(b"PK\1\2")
    changed = bytearray(body)
    struct.pack_into(form, changed, entry + at, value)
    return bytes(changed)


ONE = archive({"m.py": "import x\n" * 9})


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (damaged(ONE, 8, "<H", 1), "encrypted"),
        (damaged(ONE, 10, "<H", 12), "compression method 12"),
        (damaged(ONE, 24, "<I", 5), "another size"),
        (damaged(ONE, 24, "<I", 1 << 30), "over the limit"),
        (damaged(ONE, 42, "<I", 7), "its header"),
        (damaged(ONE, 42, "<I", 1 << 31), "cannot be unpacked"),
    ],
)
def test_a_member_that_cannot_be_unpacked_says_why(body: bytes, why: str) -> None:
    files = opened(body)
    files.listing(PLACE)
    with pytest.raises(FileUnreadable, match=why):
        files.read(ImagePath(f"{PLACE}/m.py"))


def test_a_member_that_inflates_to_more_than_it_says_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.static_imports.resolution.archives.MAX_INFLATED", 100)
    files = opened(archive({"a.py": "#" * 90, "b.py": "#" * 90}))
    files.listing(PLACE)
    assert len(files.read(ImagePath(f"{PLACE}/a.py"))) == 90
    with pytest.raises(FileUnreadable, match="more than 100 bytes"):
        files.read(ImagePath(f"{PLACE}/b.py"))


def test_more_members_than_are_read_are_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.static_imports.resolution.archives.MAX_MEMBERS", 2)
    files = opened(archive(dict.fromkeys("abc", "")))
    assert files.listing(PLACE) == {}
    assert [(gap.kind, gap.what) for gap in files.gaps] == [(GapKind.UNREADABLE_FILE, PLACE)]


@pytest.mark.parametrize(("bound", "most"), [("MAX_FOLDERS", 3), ("MAX_HELD_BYTES", 100)])
def test_archives_that_would_take_too_much_memory_are_a_gap(
    bound: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = archive({"a/b/c/d.py": "", "m.py": ""})
    assert opened(body).listing(PLACE) != {}
    monkeypatch.setattr(f"fleet_audit.audit.static_imports.resolution.archives.{bound}", most)
    files = opened(body)
    assert files.listing(PLACE) == {}
    assert [(gap.kind, gap.what) for gap in files.gaps] == [(GapKind.UNREADABLE_FILE, PLACE)]


@pytest.mark.parametrize("body", [b"", b"PK", ONE[:-30], ONE[:40] + ONE[-22:], b"x" * 70_000])
def test_what_is_no_archive_holds_nothing_and_is_said_to_where_its_name_promises_one(body: bytes) -> None:
    files = opened(body)
    assert files.listing(PLACE) == {}
    assert [gap.blocking for gap in files.gaps] == [False]
    assert found(body, "m") is None


def test_names_that_lead_elsewhere_are_never_found() -> None:
    files = opened(archive({"../m.py": "", "/n.py": "", "a//b.py": "", "/".join("d" * 99) + "/e.py": ""}))
    assert files.listing(PLACE) == {}


def test_a_link_in_an_archive_is_only_the_text_of_its_target() -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as made:
        link = zipfile.ZipInfo("m.py")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/shadow")
    files = opened(body.getvalue())
    files.listing(PLACE)
    assert files.read(ImagePath(f"{PLACE}/m.py")) == b"/etc/shadow"


def test_everything_else_of_the_tree_is_as_it_was() -> None:
    files = WithArchives(tree({"/a/b.py": "x", "/a/l": Link("b.py"), PLACE: ONE}), (3, 11))
    assert sorted(files.listing(ImagePath("/a"))) == ["b.py", "l"]
    assert files.realpath(ImagePath("/a/l")) == "/a/b.py"
    assert files.read(PLACE) == ONE
    files.listing(PLACE)
    assert files.read(PLACE) == ONE
    assert [path for path, _ in files.files()] == ["/a/b.py", PLACE]

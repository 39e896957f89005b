import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.skinny import member_header
from fleet_audit.audit.images.squashed import write_squashed
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import Content, image
from tests.support.trees import Link


def squashed(tmp_path: Path, *layers: dict[str, Content]) -> dict[str, tuple[bytes, bytes]]:
    """Return the members of the one layer by their names: type and body."""
    with (
        open_image(image(*layers).write(tmp_path / "image")) as opened,
        (tmp_path / "out").open("w+b") as out,
    ):
        assert write_squashed(opened, out) == ()
    with tarfile.open(tmp_path / "out") as archive:
        layer = archive.extractfile("0/layer.tar")
        assert layer is not None
        with tarfile.open(fileobj=layer) as members:
            return {member.name: (member.type, body_of(members, member)) for member in members}


def body_of(members: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    body = members.extractfile(member) if member.isreg() else None
    return b"" if body is None else body.read()


def test_files_that_no_scanner_opens_are_left_out(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "app/package.json": "{}",
        "app/main.py": "import os",
        "usr/lib/liba.so": "a",
        "var/lib/dpkg/info/liba.list": "/usr/lib/liba.so\n",
    }

    members = squashed(tmp_path, files)

    regular = {name for name, (kind, _) in members.items() if kind == tarfile.REGTYPE}
    assert regular == {"app/package.json", "var/lib/dpkg/info/liba.list"}


def test_a_file_that_is_opened_by_the_name_of_a_link_has_its_body(tmp_path: Path) -> None:
    members = squashed(
        tmp_path,
        {
            "usr/bin/vim": Link("/etc/alternatives/vim"),
            "etc/alternatives/vim": Link("/usr/bin/vim.basic"),
            "usr/bin/vim.basic": "VIM",
            "usr/bin/other": Link("vim.tiny"),
            "usr/bin/vim.tiny": "tiny",
        },
    )

    assert members["usr/bin/vim.basic"] == (tarfile.REGTYPE, b"VIM")
    assert "usr/bin/vim.tiny" not in members


NAMES = st.text(
    st.characters(blacklist_characters="\0/", blacklist_categories=["Cs"]), min_size=1, max_size=120
)


@given(NAMES, NAMES, st.integers(0, 0o7777), st.integers(0, 1 << 40))
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_header_says_what_it_is_given(kind: bytes, name: str, link: str, mode: int, size: int) -> None:
    size = size if kind == tarfile.REGTYPE else 0
    link = link if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""

    made = member_header(ImagePath(f"/a/{name}"), kind, mode=mode, size=size, link=link)

    with tarfile.open(fileobj=io.BytesIO(made)) as archive:
        member = archive.next()
    assert member is not None
    found = member.name, member.type, member.mode, member.size, member.linkname
    assert found == (f"a/{name}", kind, mode, size, link)

import lzma
from pathlib import Path

import pytest

from examples.fleet.builder.deb import Deb
from examples.fleet.builder.failure import BuildError
from tests.support.packages import ar, deb, tar_of
from tests.support.trees import Link


def written(folder: Path, body: bytes) -> Path:
    path = folder / "package.deb"
    path.write_bytes(body)
    return path


def test_a_package_gives_its_fields_its_scripts_and_its_members(tmp_path: Path) -> None:
    body = deb(
        "libone1",
        {"usr/lib/libone.so.1.2": b"\x7fELF", "usr/lib/libone.so.1": Link("libone.so.1.2")},
        fields={"Depends": "libc6 (>= 2.36)"},
        info={"postinst": "#!/bin/sh\nldconfig\n"},
    )

    package = Deb(written(tmp_path, body))

    assert (package.name, package.control["Depends"]) == ("libone1", "libc6 (>= 2.36)")
    assert package.info == {"postinst": b"#!/bin/sh\nldconfig\n"}
    members = {member.name.rstrip("/"): content for member, content in package.members()}
    assert members["usr/lib/libone.so.1.2"] == b"\x7fELF"
    assert "usr/lib/libone.so.1" in members


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"PK\x03\x04", "is no Debian package"),
        (b"!<arch>\n" + b"debian-binary".ljust(60), "is a damaged Debian package"),
        (ar({"debian-binary": b"2.0\n"}), "it has no control.tar"),
        (
            ar({"control.tar.xz": lzma.compress(tar_of({"postinst": "#!/bin/sh\n"}))}),
            "it has no control file",
        ),
    ],
)
def test_what_is_no_package_is_refused_with_a_reason(tmp_path: Path, body: bytes, why: str) -> None:
    with pytest.raises(BuildError, match=why):
        Deb(written(tmp_path, body))

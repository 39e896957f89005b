import csv
import io
import zipfile
from pathlib import Path

import pytest

from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import EPOCH, ROOT_OWNER, FileSystem, LayerWriter, Owner
from examples.fleet.builder.wheel_install import Wheel, install, record_digest
from tests.support.packages import wheel

SITE = "usr/local/lib/python3.11/dist-packages"


class Recorded(LayerWriter):
    """A layer whose bodies can be looked at."""

    def __init__(self) -> None:
        super().__init__(FileSystem(), io.BytesIO())
        self.bodies: dict[str, tuple[bytes, int]] = {}

    def file(
        self,
        path: str,
        body: bytes,
        *,
        mode: int = 0o644,
        owner: Owner = ROOT_OWNER,
        mtime: int = EPOCH,
        soname: str | None = None,
    ) -> None:
        super().file(path, body, mode=mode, owner=owner, mtime=mtime, soname=soname)
        self.bodies[path] = (body, mode)


def installed(folder: Path, body: bytes, name: str = "tool-1.0-py3-none-any.whl") -> Recorded:
    path = folder / name
    path.write_bytes(body)
    layer = Recorded()
    with Wheel(path) as opened:
        install(layer, opened)
    return layer


def test_modules_land_in_debians_place_and_record_names_every_file(tmp_path: Path) -> None:
    layer = installed(tmp_path, wheel("tool", {"tool/__init__.py": "x = 1\n"}))

    assert layer.bodies[f"{SITE}/tool/__init__.py"] == (b"x = 1\n", 0o644)
    assert layer.bodies[f"{SITE}/tool-1.0.dist-info/INSTALLER"][0] == b"pip\n"
    record = layer.bodies[f"{SITE}/tool-1.0.dist-info/RECORD"][0].decode()
    rows = {row[0]: row[1:] for row in csv.reader(record.splitlines())}
    assert rows["tool/__init__.py"] == [record_digest(b"x = 1\n"), "6"]
    assert rows["tool-1.0.dist-info/RECORD"] == ["", ""]
    assert set(rows) == {path.removeprefix(f"{SITE}/") for path in layer.bodies}


def test_the_data_folder_is_spread_over_the_schemes(tmp_path: Path) -> None:
    data = "tool-1.0.data"
    layer = installed(
        tmp_path,
        wheel(
            "tool",
            {
                f"{data}/purelib/tool.py": "",
                f"{data}/platlib/native.so": "",
                f"{data}/scripts/run": "#!python\nprint()\n",
                f"{data}/data/share/tool/icon": "",
                f"{data}/headers/tool.h": "",
            },
        ),
    )

    assert {f"{SITE}/tool.py", f"{SITE}/native.so", "usr/local/share/tool/icon"} <= set(layer.bodies)
    assert "usr/local/include/python3.11/tool/tool.h" in layer.bodies
    assert layer.bodies["usr/local/bin/run"] == (b"#!/usr/bin/python3\nprint()\n", 0o755)
    assert "../../../bin/run," in layer.bodies[f"{SITE}/tool-1.0.dist-info/RECORD"][0].decode()


def test_a_console_script_becomes_a_launcher(tmp_path: Path) -> None:
    entry_points = "[console_scripts]\nTool = tool.cli:App.main [extra]\n\n[other]\nx = y:z\n"
    layer = installed(tmp_path, wheel("tool", {"tool/cli.py": ""}, entry_points=entry_points))

    body, mode = layer.bodies["usr/local/bin/Tool"]
    assert mode == 0o755
    assert b"from tool.cli import App\n" in body
    assert b"sys.exit(App.main())" in body


def test_a_file_that_differs_from_record_is_refused(tmp_path: Path) -> None:
    honest = io.BytesIO(wheel("tool", {"tool.py": "x = 1\n"}))
    forged = io.BytesIO()
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"x = 2\n" if name == "tool.py" else old.read(name))

    with pytest.raises(BuildError, match="differs from what RECORD says"):
        installed(tmp_path, forged.getvalue())


def test_a_member_that_leads_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="leads out of the place"):
        installed(tmp_path, wheel("tool", {"../../etc/passwd": ""}))


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is no wheel"):
        installed(tmp_path, b"nothing")
    with pytest.raises(BuildError, match=r"no \.dist-info folder"):
        installed(tmp_path, wheel("other", {}))

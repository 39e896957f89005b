"""What is published is whole: the wheel from the tree and the wheel from the sdist list the same files."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.integration


def _build(source: Path, kind: str, target: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        f"--{kind}",
        "--outdir",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (our own words)
    (built,) = target.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel_from_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(ROOT, "wheel", tmp_path_factory.mktemp("tree"))


def test_the_wheel_from_the_sdist_lists_the_same_files(wheel_from_tree: Path, tmp_path: Path) -> None:
    sdist = _build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tmp_path / "unpacked")  # noqa: S202  (our own archive, through the filter above)
    (source,) = (tmp_path / "unpacked").iterdir()
    again = _build(source, "wheel", tmp_path / "wheel")

    with zipfile.ZipFile(wheel_from_tree) as first, zipfile.ZipFile(again) as second:
        assert sorted(first.namelist()) == sorted(second.namelist())


def test_the_wheel_holds_code_and_rules_and_no_tests(wheel_from_tree: Path) -> None:
    with zipfile.ZipFile(wheel_from_tree) as wheel:
        names = wheel.namelist()

    folders = {"/".join(name.split("/")[:2]) for name in names if name.startswith("fleet_audit/")}
    assert {"fleet_audit/audit", "fleet_audit/reports", "fleet_audit/rules", "fleet_audit/cli"} <= folders
    assert any(name.endswith(".yaml") for name in names)
    assert not any("tests/" in name or name.startswith("examples") for name in names)


def test_the_wheel_carries_the_indexes_of_three_releases(wheel_from_tree: Path) -> None:
    with zipfile.ZipFile(wheel_from_tree) as wheel:
        sizes = {
            info.filename.rpartition("/")[2]: info.file_size
            for info in wheel.infolist()
            if info.filename.startswith("fleet_audit/rules/indexes/")
        }

    assert sorted(sizes) == [f"debian-{name}.json.zst" for name in ("bookworm", "bullseye", "trixie")]
    assert sum(sizes.values()) < 3_000_000


def test_the_wheel_carries_no_second_copy_of_any_module(wheel_from_tree: Path) -> None:
    with zipfile.ZipFile(wheel_from_tree) as wheel:
        names = wheel.namelist()

    assert len(names) == len(set(names))
    assert not any(name.startswith(("audit/", "reports/", "rules/", "src/")) for name in names)

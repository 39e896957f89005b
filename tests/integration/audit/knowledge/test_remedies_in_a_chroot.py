"""Remedies whose wheels are small, tried in a minimal Debian 12 that has none of the packages."""

import csv
import json
import subprocess
from pathlib import Path

import pytest

from fleet_audit.__main__ import run as run_command
from fleet_audit.audit.knowledge.base import load_knowledge, packaged_knowledge
from fleet_audit.audit.knowledge.rows import RemedyRow
from tests.support.chroots import Inside
from tests.support.roots import WHEELS, Root, roots, with_wheels

pytestmark = pytest.mark.integration

LOCK = WHEELS / "remedies.txt"
PDF = "import magic; print(magic.from_buffer(b'%PDF-1.4'))"
PYTHON_ALONE = "PSYCOPG_IMPL=python"


@pytest.fixture(scope="module")
def root() -> Root:
    return with_wheels(roots("bookworm")["bookworm"], LOCK)


def failure(root: Root, code: str, *variables: str) -> str:
    """Run code with the root's Python; return what it said when it failed, empty where it ended well."""
    argv = Inside(root.place).command(["PYTHONDONTWRITEBYTECODE=1", *variables], [root.python, "-c", code])
    done = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=120)  # noqa: S603  (the root's Python)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("without", "variables", "with_wheel"),
    [
        (PDF, (), f"import pylibmagic; {PDF}"),
        ("import psycopg", (PYTHON_ALONE,), "import psycopg; assert psycopg.pq.__impl__ == 'binary'"),
    ],
    ids=["pylibmagic", "psycopg-binary"],
)
def test_what_fails_without_the_package_works_with_the_wheel(
    root: Root, without: str, variables: tuple[str, ...], with_wheel: str
) -> None:
    assert "ImportError" in failure(root, without, *variables)
    assert failure(root, with_wheel) == ""


def test_psycopg2_binary_needs_no_package(root: Root) -> None:
    assert "OSError" in failure(root, "import ctypes; ctypes.CDLL('libpq.so.5')")
    assert failure(root, "import psycopg2") == ""


@pytest.mark.parametrize(
    ("source", "need", "wheel"),
    [
        (f"import pylibmagic\n{PDF}\n", "libmagic.so.1", "pylibmagic"),
        ("import psycopg\n", "libpq.so.5", "psycopg_binary.libs"),
    ],
    ids=["pylibmagic", "psycopg-binary"],
)
def test_what_works_with_the_wheel_is_told_to_be_found_there(
    root: Root, tmp_path: Path, source: str, need: str, wheel: str
) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "app.py").write_text(source)
    file = tmp_path / "deps.json"
    words = ["--source", str(tmp_path / "service"), "--tier", "lazy", "-o", f"json={file}", "-q"]

    code = run_command(["deps", f"dir:{root.place}", *words])

    found = {n["name"]: n["resolution"] for n in json.loads(file.read_bytes())["needs"]}
    assert failure(root, source) == ""
    assert code == 0
    assert found[need]["path"].startswith(f"{root.site}/{wheel}/")


def test_without_its_import_the_wheel_is_told_to_answer_nothing(root: Root, tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "app.py").write_text(PDF)

    assert run_command(["deps", f"dir:{root.place}", "--source", str(tmp_path / "service"), "-q"]) == 1
    assert "ImportError" in failure(root, PDF)


REMEDIES = {row.id: row for row in load_knowledge([packaged_knowledge()]).remedies}


@pytest.mark.parametrize("row", [REMEDIES[n] for n in ("pylibmagic", "psycopg-binary", "psycopg2-binary")])
def test_a_row_says_what_its_wheel_takes(root: Root, row: RemedyRow) -> None:
    name = str(row.add or row.swap).replace("-", "_")
    record = root.place / root.site.lstrip("/") / f"{name}-{row.sizes.release}.dist-info" / "RECORD"

    assert recorded_bytes(record) == row.sizes.after


def recorded_bytes(record: Path) -> int:
    with record.open(encoding="utf-8", newline="") as lines:
        return sum(int(size) for _, _, size in csv.reader(lines) if size)

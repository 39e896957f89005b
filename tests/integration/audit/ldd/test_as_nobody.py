"""A folder that is read by somebody who may not read all of it: what is closed is a gap, and no claim."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest

from tests.support.elf import elf
from tests.support.pythons import LIB, SITE, TAG
from tests.support.worlds import base_files, extension

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
]

NOBODY = 65534
# The first run loads all modules of the command, which nobody may not be able to read.
COMMAND = f"""
import os, sys
from fleet_audit.__main__ import run
run([*sys.argv[1:], "-o", "json=" + os.devnull])
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(run(sys.argv[1:]))
"""
LIBC = "lib64/libc.so.6"
MODULE = f"{SITE[1:]}/m{TAG}"


class Told(NamedTuple):
    """What the command said to nobody."""

    code: int
    err: str
    document: dict[str, Any]

    @property
    def problems(self) -> dict[str, list[str]]:
        """Return the kinds of problems by the name of the entry point."""
        return {
            Path(entry["path"]).name: [problem["kind"] for problem in entry["problems"]]
            for entry in self.document["entries"]
        }

    def has_gap(self, *words: str) -> bool:
        """Say whether a gap speaks of all these words."""
        told = (f"{gap['kind']} {gap['what']} {gap['why']}" for gap in self.document["gaps"])
        return any(all(word in text for word in words) for text in told)


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that nobody can enter; the test's own temporary folder is closed to them."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def root(place: Path) -> Path:
    """Give a system with a module that needs a library."""
    files = {
        **base_files(),
        MODULE: extension("m", "libneeded.so"),
        "usr/lib/libneeded.so": elf(soname="libneeded.so"),
        "etc/ld.so.cache": b"",
    }
    for name, body in files.items():
        path = place / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else str(body).encode())
        path.chmod(0o755)
    (place / "root/etc/ld.so.cache").unlink()
    return place / "root"


def ldd(root: Path, *words: str) -> Told:
    cache = root.parent / "cache"
    cache.mkdir(exist_ok=True)
    cache.chmod(0o777)
    answer = cache / "answer.json"
    done = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [sys.executable, "-c", COMMAND, "ldd", f"dir:{root}", *words, "-o", f"json={answer}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "FLEET_AUDIT_CACHE_DIR": str(cache), "PYTHONWARNINGS": "ignore"},
        cwd=root.parent,
    )
    assert answer.exists(), done.stderr
    return Told(done.returncode, done.stderr, json.loads(answer.read_bytes()))


def test_what_all_may_read_is_judged(root: Path) -> None:
    told = ldd(root)

    assert (told.code, told.problems[f"m{TAG}"]) == (0, [])


@pytest.mark.parametrize("name", [MODULE, "usr/lib/libneeded.so", LIBC])
def test_a_library_that_may_not_be_read_is_a_gap(root: Path, name: str) -> None:
    (root / name).chmod(0)

    told = ldd(root)

    assert told.code == 3, told.document["gaps"]
    assert told.has_gap(f"/{name}")
    assert "missing" not in {kind for kinds in told.problems.values() for kind in kinds}
    assert "Traceback" not in told.err


@pytest.mark.parametrize("name", ["usr/lib", SITE[1:], "lib64", LIB[1:], "usr"])
def test_a_folder_that_may_not_be_listed_is_a_gap_and_nothing_in_it_is_missing(root: Path, name: str) -> None:
    (root / name).chmod(0)

    told = ldd(root)

    assert told.code == 3, (told.problems, told.document["gaps"])
    assert told.has_gap(f"/{name}")
    assert "missing" not in {kind for kinds in told.problems.values() for kind in kinds}
    assert "Traceback" not in told.err


def test_a_cache_that_may_not_be_read_is_a_gap(root: Path) -> None:
    cache = root / "etc/ld.so.cache"
    cache.write_bytes(b"glibc-ld.so.cache1.1" + bytes(28))
    cache.chmod(0)
    (root / "usr/lib/libneeded.so").unlink()

    told = ldd(root)

    assert told.code == 3
    assert told.has_gap("/etc/ld.so.cache")


def test_one_file_that_may_not_be_read_is_not_known(root: Path) -> None:
    (root / "usr/lib/libneeded.so").chmod(0)

    told = ldd(root, "--tree", f"/{MODULE}")

    assert told.code == 3
    assert told.document["tree"]["steps"][0]["status"] == "unknown"

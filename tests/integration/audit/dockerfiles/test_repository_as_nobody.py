"""A repository that is checked by somebody who may not read all of it: what is closed is a gap."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

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


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that nobody can enter; the test's own temporary folder is closed to them."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(("closed", "why"), [("a", "cannot be listed"), ("a/Dockerfile", "cannot be opened")])
def test_what_may_not_be_read_is_a_gap(place: Path, closed: str, why: str) -> None:
    repository, cache, answer = place / "repository", place / "cache", place / "cache" / "answer.json"
    for folder in (repository / ".git", repository / "a", repository / "b", cache):
        folder.mkdir(parents=True)
    cache.chmod(0o777)
    for name in ("a", "b"):
        (repository / name / "Dockerfile").write_text("FROM debian:12\n")
    (repository / closed).chmod(0)
    done = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [sys.executable, "-c", COMMAND, "dockerfiles", "-o", f"json={answer}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "FLEET_AUDIT_CACHE_DIR": str(cache), "PYTHONWARNINGS": "ignore"},
        cwd=repository,
    )
    document = json.loads(answer.read_bytes())
    assert done.returncode == 3, done.stderr
    assert [file["path"] for file in document["files"]] == ["b/Dockerfile"]
    assert [(gap["what"], why in gap["why"]) for gap in document["gaps"]] == [(closed, True)]

"""Runs a coverage-guided fuzzing target for some seconds, where atheris is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

NEEDS_ATHERIS = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: pip install -r requirements/fuzz.txt (Linux on x86-64 only)",
)

MEMORY_MB = 600
_ROOT = Path(__file__).resolve().parents[2]

_OF_SMALL_PARENT = ("/bin/sh", "-c", '"$@"; exit $?', "sh")
"""Has a shell start the fuzzer: the peak of memory that it measures is kept across exec (getrusage(2)), and
would begin with that of the process that runs the tests."""


def fuzzed(target: str, corpus: Path, folder: Path, *, seconds: int = 30) -> None:
    """Run the module `target` from `corpus`, with what it finds in `folder`; fails where it ends badly."""
    found = folder / "found"
    found.mkdir()
    limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", "-timeout=5", "-max_len=16384"]
    command = [sys.executable, "-m", target, *limits, "-seed=20261120", str(found), str(corpus)]
    done = subprocess.run(  # noqa: S603  (our own words)
        [*_OF_SMALL_PARENT, *command, f"-artifact_prefix={folder}/"],
        cwd=_ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds * 4,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr or "Done" in done.stderr

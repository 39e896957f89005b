"""A bounded run of coverage-guided fuzzing over what reads ELF files and ld.so.cache."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.make_corpus import FOLDER

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None,
        reason="atheris is not installed: pip install -r requirements/fuzz.txt (Linux on x86-64 only)",
    ),
]

SECONDS = 30
MEMORY_MB = 600
ROOT = Path(__file__).resolve().parents[4]


def test_no_input_that_is_found_takes_a_reader_down(tmp_path: Path) -> None:
    found = tmp_path / "found"
    found.mkdir()
    limits = [f"-max_total_time={SECONDS}", f"-rss_limit_mb={MEMORY_MB}", "-timeout=5", "-max_len=16384"]
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.elf_target",
        *limits,
        "-seed=20261120",
        str(found),
        str(FOLDER),
    ]

    done = subprocess.run(  # noqa: S603  (our own words)
        [*command, f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=SECONDS * 4,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr or "Done" in done.stderr

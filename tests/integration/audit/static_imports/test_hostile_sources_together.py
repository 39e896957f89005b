"""The whole command over code that takes parsers down: it ends, and says of each file what is wrong."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.make_source_corpus import corpus

pytestmark = pytest.mark.integration

SECONDS = 120
FOLDER = "service"

CRASHES = {
    "crash_chained_operators.py",
    "crash_formatted_string.py",
    "crash_lambdas.py",
    "crash_nested_calls.py",
    "crash_nested_parentheses.py",
}
NULS = {"encoding_utf_16.py", "layout_nul_bytes.py"}


def command(folder: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    """Run the command in a process of its own: what takes it down would take this one with it."""
    return subprocess.run(  # noqa: S603  (our own words)
        [sys.executable, "-m", "fleet_audit", *words],
        cwd=folder,
        env={**os.environ, "FLEET_AUDIT_CACHE_DIR": str(folder / "cache")},
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )


def test_no_file_takes_the_command_down_or_is_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name, body in corpus().items():
        (tmp_path / FOLDER / f"{name.replace('-', '_')}.py").write_bytes(body)

    done = command(tmp_path, "imports", FOLDER, "-o", "json")

    assert done.returncode == 1, done.stderr.decode()
    said = json.loads(done.stdout)
    unparsed = {row["path"]: row for row in said["unparsed"]}
    assert unparsed.keys() >= CRASHES
    assert all(unparsed[path]["recovered"] == 2 for path in CRASHES)
    assert unparsed.keys() >= NULS
    assert all(unparsed[path]["recovered"] == 2 for path in NULS)
    # What is sound is not spoken of, however odd it looks.
    assert unparsed.keys().isdisjoint({"layout_form_feeds.py", "layout_continued.py", "long_line.py"})
    found = {row["module"] for service in said["services"] for row in service["imports"]}
    assert found >= {"first", "last", "inner", "same"}

"""hadolint is asked, and what it answers is believed only where it was asked."""

import json
import stat
from pathlib import Path

import pytest

from fleet_audit.audit.model.dockerfiles import SecondOpinion
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.tools.hadolint import find_hadolint, second_opinions
from fleet_audit.audit.tools.process import ToolError


def _program(folder: Path, text: str) -> Path:
    path = folder / "hadolint"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _remark(file: str, line: int) -> dict[str, object]:
    return {"file": file, "line": line, "column": 1, "code": "DL3003", "level": "warning", "message": "m"}


def test_each_remark_stands_at_its_line_of_the_repository(tmp_path: Path) -> None:
    answer = json.dumps([_remark("./b/Dockerfile", 3), _remark("./-x", 2)])
    found = second_opinions(_program(tmp_path, f"echo '{answer}'"), tmp_path, ["-x", "b/Dockerfile"])
    assert found == tuple(
        SecondOpinion(SourceLocation(path, line), "hadolint", "DL3003", "warning", "m")
        for path, line in (("-x", 2), ("b/Dockerfile", 3))
    )


def test_without_files_it_is_not_started(tmp_path: Path) -> None:
    assert second_opinions(tmp_path / "nothere", tmp_path, []) == ()


@pytest.mark.parametrize(
    "text",
    [
        "echo not json",
        "echo '[{}]'",
        "echo '{\"file\": 1}'",
        f"echo '{json.dumps([_remark('../../etc/passwd', 1)])}'",
        "exit 3",
        "printf '\\377'",
    ],
)
def test_an_answer_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError):
        second_opinions(_program(tmp_path, text), tmp_path, ["Dockerfile"])


def test_it_is_found_on_the_path_where_it_is_not_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    program = _program(tmp_path, "")
    assert find_hadolint({"PATH": str(tmp_path)}) == program
    assert find_hadolint({"PATH": str(tmp_path / "bin")}) is None

"""Every way to end has its exit code and one sentence; help is instant."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_audit.__main__ import run
from fleet_audit.audit.errors import UsageError
from fleet_audit.cli import app as app_module
from fleet_audit.cli.options import created_now, parse_platform

HEAVY = (
    "pandas",
    "rich",
    "lief",
    "libcst",
    "elftools",
    "urllib3",
    "google.protobuf",
    "jsonschema_rs",
    "yaml",
)


def _loaded_by(argv: list[str]) -> set[str]:
    script = (
        f"import sys; from fleet_audit.__main__ import run; run({argv!r}); print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603  (our own words)
    return set(done.stdout.split())


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in app_module.COMMANDS)


def test_without_a_word_it_shows_the_help_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Usage: fleet-audit")
    assert captured.err.count("fleet-audit --help") == 0


def test_help_loads_nothing_heavy() -> None:
    assert _loaded_by(["--help"]).isdisjoint(HEAVY)


def test_every_command_in_the_table_can_be_loaded_and_explains_itself() -> None:
    for name in app_module.COMMANDS:
        assert run([name, "--help"]) == 0


def test_the_document_of_doctor_has_the_envelope_of_every_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "-o", "json", "--cache-dir", str(tmp_path)]) == 0
    document = json.loads(capsys.readouterr().out)
    envelope = {"schema", "tool", "created", "subject", "findings", "gaps", "verdict"}
    assert envelope <= document.keys()
    assert document["verdict"] == "pass"


def test_doctor_says_how_to_be_able_to_verify_where_that_cannot_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert run(["doctor", "-o", "json", "--cache-dir", str(tmp_path)]) == 0

    engines = {part["name"]: part for part in json.loads(capsys.readouterr().out)["engines"]}
    assert engines["throw-away copies"]["present"] is False
    assert "install newuidmap" in engines["throw-away copies"]["advice"]


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_an_internal_error_is_one_line_and_70(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_: object) -> int:
        raise RuntimeError("a hole")

    monkeypatch.setattr(app_module.app, "main", broken)

    assert run(["deps"]) == 70
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["linux", "linux/", "a/b/c/d", ""])
def test_a_platform_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--platform"):
        parse_platform(text)


def test_a_platform_has_an_optional_variant() -> None:
    assert str(parse_platform("linux/arm64/v8")) == "linux/arm64/v8"


def test_the_time_of_a_document_can_be_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    assert created_now() == "2023-11-14T22:13:20Z"


def test_a_time_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")

    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        created_now()


def test_a_reader_that_goes_away_does_not_make_a_gate_fail() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, "-m", "fleet_audit", "rules", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")

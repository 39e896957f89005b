"""cosign is told what to sign, and no more of the environment than signing takes."""

from pathlib import Path

import pytest

from fleet_audit.audit.tools.cosign import find_cosign, sign_statement
from fleet_audit.audit.tools.process import ToolFailed, ToolUnavailable
from tests.support.scanner_programs import program

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/me",
    "COSIGN_PASSWORD": "secret",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example",
    "DATABASE_PASSWORD": "not for cosign",
    "LD_PRELOAD": "/evil.so",
}


def test_it_is_the_one_on_the_path(tmp_path: Path) -> None:
    found = program(tmp_path / "bin", "cosign", "true")

    assert find_cosign({"PATH": f"/nonexistent:{found.parent}"}) == found
    assert find_cosign({"PATH": "/nonexistent"}) is None
    assert find_cosign({}) is None


def test_it_is_given_the_statement_the_place_of_the_bundle_and_the_key(tmp_path: Path) -> None:
    cosign = program(tmp_path, "cosign", 'echo "$@" > "$(dirname "$0")/words"', 'echo {} > "$6"')
    statement, bundle = tmp_path / "a.json", tmp_path / "a.sigstore.json"

    sign_statement(cosign, statement, bundle, ENVIRONMENT)
    keyless = (tmp_path / "words").read_text()
    sign_statement(cosign, statement, bundle, ENVIRONMENT, key="-v")

    assert keyless.split() == ["attest-blob", "--yes", "--statement", str(statement), "--bundle", str(bundle)]
    assert (tmp_path / "words").read_text().split()[-1] == "--key=-v"


def test_it_sees_only_what_signing_takes(tmp_path: Path) -> None:
    cosign = program(tmp_path, "cosign", 'env > "$(dirname "$0")/env"', 'echo {} > "$6"')

    sign_statement(cosign, tmp_path / "a", tmp_path / "b", ENVIRONMENT)

    seen = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert {"COSIGN_PASSWORD", "ACTIONS_ID_TOKEN_REQUEST_URL", "HOME"} <= seen.keys()
    assert seen.keys().isdisjoint({"DATABASE_PASSWORD", "LD_PRELOAD"})


def test_what_it_says_when_it_fails_is_told(tmp_path: Path) -> None:
    cosign = program(tmp_path, "cosign", "echo no identity token >&2", "exit 1")

    with pytest.raises(ToolFailed, match="no identity token"):
        sign_statement(cosign, tmp_path / "a", tmp_path / "b", ENVIRONMENT)


def test_an_end_without_a_bundle_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="it wrote no bundle"):
        sign_statement(program(tmp_path, "cosign", "true"), tmp_path / "a", tmp_path / "b", ENVIRONMENT)


def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolUnavailable):
        sign_statement(tmp_path / "nothing", tmp_path / "a", tmp_path / "b", ENVIRONMENT)

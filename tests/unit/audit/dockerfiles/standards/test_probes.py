"""What health checks ask."""

import pytest

from fleet_audit.audit.dockerfiles.standards.probes import Probe, read_probe, swallowed_by

ENVIRONMENT = {"PORT": "7200"}


def ask(*test: str) -> Probe:
    return read_probe(test, ENVIRONMENT.get)


@pytest.mark.parametrize(
    "text",
    [
        "curl -fsS http://127.0.0.1:7200/health || exit 1",
        "curl --fail localhost:7200/health",
        'curl -f "http://localhost:${PORT}/health"',
        "timeout 3 curl -f http://[::1]:7200/health",
        "test -f /ready && curl -f http://localhost:$PORT/health",
    ],
)
def test_curl_in_a_shell_asks_a_port_and_a_path(text: str) -> None:
    assert ask("CMD-SHELL", text) == Probe(("curl",), "7200", "/health")


@pytest.mark.parametrize(
    ("code", "port", "path"),
    [
        ("import urllib.request as u; u.urlopen('http://127.0.0.1:7200/health')", "7200", "/health"),
        (
            "import os, urllib.request as u; u.urlopen(f'http://localhost:{os.environ[\"P\"]}/health')",
            "",
            "/health",
        ),
        ("u.urlopen(f'http://localhost:{os.environ[\"PORT\"]}/health')", "7200", "/health"),
        ("u.urlopen(f'http://localhost:{os.getenv(\"PORT\", 1)}/health')", "7200", "/health"),
        ("import socket; socket.create_connection(('127.0.0.1', 7200), 2)", "7200", ""),
        ("import app; app.check()", "", ""),
        ("this is (no python", "", ""),
        ("x = " + "(" * 5000, "", ""),
    ],
)
def test_a_python_program_is_read_and_not_run(code: str, port: str, path: str) -> None:
    assert ask("CMD", "python3", "-c", code) == Probe(("python3",), port, path)


@pytest.mark.parametrize(
    ("words", "probe"),
    [
        (("wget", "-q", "-O", "-", "http://localhost/health"), Probe(("wget",), "80", "/health")),
        (("nc", "-z", "localhost", "7200"), Probe(("nc",), "7200")),
        (("redis-cli", "ping"), Probe(("redis-cli",))),
        (("curl", "http://localhost:${PORT}/health"), Probe(("curl",))),
        (("curl", "http://localhost:99999/health"), Probe(("curl",))),
        (("curl", "file:///etc/passwd"), Probe(("curl",))),
    ],
)
def test_other_programs_and_what_is_not_known(words: tuple[str, ...], probe: Probe) -> None:
    assert ask("CMD", *words) == probe


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("curl -f http://localhost/health || true", "|| true"),
        ("wget -q localhost || echo down", "|| echo down"),
        ("curl -f http://localhost/health || exit 1", ""),
        ("curl -f localhost/a || true; curl -f localhost/b", ""),
        ("curl localhost | grep -q up", ""),
        ("test -f /x || exit 1", ""),
    ],
)
def test_a_check_that_never_fails_is_told_with_what_swallows_its_failure(text: str, by: str) -> None:
    assert swallowed_by(("CMD-SHELL", text)) == by
    assert swallowed_by(("CMD", *text.split())) == ""


def test_no_check_asks_nothing() -> None:
    assert ask("NONE") == ask() == Probe()

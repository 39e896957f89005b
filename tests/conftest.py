"""What holds for every test: no network unless asked for, and no silent skip where none is allowed."""

import os
from collections.abc import Iterator

import pytest
import pytest_socket
from hypothesis import settings

from tests.support.laws import FULL

NO_SKIPS = "FLEET_AUDIT_NO_SKIPS"

# How long an example takes says more of the machine than of the code. `make test-slow` tries all examples.
settings.register_profile("full", deadline=None, max_examples=FULL)
settings.register_profile("fast", deadline=None, max_examples=FULL * 3 // 10)
settings.load_profile("fast")


@pytest.fixture(autouse=True)
def _network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse internet sockets; tests marked `integration` or `root` may use them."""
    if any(request.node.get_closest_marker(name) for name in ("integration", "root")):
        pytest_socket.enable_socket()
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so when tests were skipped where none may be; skipped modules count too."""
    if _forbidden_skips(terminalreporter):
        terminalreporter.section(f"skips are failures, because {NO_SKIPS} is set", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when tests were skipped where none may be."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _forbidden_skips(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _forbidden_skips(reporter: pytest.TerminalReporter) -> bool:
    return bool(os.environ.get(NO_SKIPS)) and bool(reporter.stats.get("skipped"))

"""What holds for every test: no network unless asked for, and no silent skip where none is allowed."""

import os
from collections.abc import Generator, Iterator

import pytest
import pytest_socket

NO_SKIPS = "FLEET_AUDIT_NO_SKIPS"


@pytest.fixture(autouse=True)
def _network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse internet sockets; tests marked `integration` or `root` may use them."""
    if any(request.node.get_closest_marker(name) for name in ("integration", "root")):
        pytest_socket.enable_socket()
    else:
        pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where the environment says that nothing may be skipped."""
    report = yield
    if report.skipped and os.environ.get(NO_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and {NO_SKIPS} is set: {report.longrepr}"
    return report

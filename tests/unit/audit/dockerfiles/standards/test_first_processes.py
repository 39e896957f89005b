"""What runs first in a container, and what stands before it."""

import pytest

from fleet_audit.audit.dockerfiles.running.inits import behind_init, init_of


@pytest.mark.parametrize(
    ("command", "init"),
    [
        (("/usr/bin/tini", "--", "app"), "tini"),
        (("dumb-init", "app"), "dumb-init"),
        (("/init",), "s6"),
        (("/app/init", "x"), ""),
        (("python3", "tini"), ""),
        ((), ""),
    ],
)
def test_an_init_is_known_by_its_name_or_place(command: tuple[str, ...], init: str) -> None:
    assert init_of(command) == init


@pytest.mark.parametrize(
    "command",
    [
        ("tini", "app", "-x"),
        ("tini", "--", "app", "-x"),
        ("tini", "-g", "-s", "--", "app", "-x"),
        ("/sbin/tini", "-p", "SIGTERM", "app", "-x"),
        ("dumb-init", "--rewrite", "15:2", "app", "-x"),
        ("app", "-x"),
    ],
)
def test_options_of_an_init_are_not_what_it_starts(command: tuple[str, ...]) -> None:
    assert behind_init(command) == ("app", "-x")

"""What an image keeps of what the apt-get of its own Dockerfile installs."""

import pytest

from fleet_audit.audit.dockerfiles.addition.own_packages import own_packages


def named(dockerfile: str, target: str = "") -> dict[str, int]:
    return {name: word.line for name, word in own_packages(dockerfile, target=target).items()}


def test_packages_are_told_with_the_line_that_names_them() -> None:
    text = "FROM base:1\nRUN apt-get update \\\n && apt-get install -y \\\n    libgl1=1.6 \\\n    curl\n"

    assert named(text) == {"libgl1": 4, "curl": 5}


def test_stages_that_the_image_is_not_built_from_bring_it_nothing() -> None:
    text = "FROM base:1 AS build\nRUN apt-get install -y gcc\nFROM base:1\nRUN apt-get install -y curl\n"

    assert named(text) == {"curl": 4}


def test_stages_that_it_is_built_from_do() -> None:
    text = "FROM base:1 AS lower\nRUN apt-get install -y libgl1\nFROM lower\nRUN apt-get install -y curl\n"

    assert named(text) == {"libgl1": 2, "curl": 4}


def test_a_target_is_the_stage_that_counts() -> None:
    text = (
        "FROM base:1 AS runtime\nRUN apt-get install -y curl\nFROM runtime AS debug\nRUN apt install -y gdb\n"
    )

    assert named(text, "runtime") == {"curl": 2}
    assert named(text) == {"curl": 2, "gdb": 4}


@pytest.mark.parametrize(
    "command",
    [
        "apt-get purge -y gcc",
        "apt-get -y remove gcc make-",
        "dpkg --purge gcc",
        "sudo apt remove --purge gcc",
    ],
)
def test_what_is_taken_out_again_is_not_kept(command: str) -> None:
    text = f"FROM base:1\nRUN apt-get install -y gcc curl && make && {command}\n"

    assert named(text) == {"curl": 2}


@pytest.mark.parametrize(
    "command", ["apt-get autoremove -y", "echo purge gcc", "pip uninstall gcc", "apt-get purge -y g++"]
)
def test_what_is_not_taken_out_stays(command: str) -> None:
    assert named(f"FROM base:1\nRUN apt-get install -y gcc\nRUN {command}\n") == {"gcc": 2}


@pytest.mark.parametrize(
    "command",
    [
        'if [ "$DEV" = 1 ]; then apt-get install -y gdb; fi',
        "test -x /usr/bin/gdb || apt-get install -y gdb",
        "apt-get install -y --download-only gdb",
    ],
)
def test_what_not_every_build_installs_is_not_known_to_be_there(command: str) -> None:
    assert named(f"FROM base:1\nRUN apt-get install -y gcc\nRUN {command}\n") == {"gcc": 2}


def test_what_is_installed_anew_after_all_stays() -> None:
    text = "FROM a\nRUN apt-get install -y gcc\nRUN apt-get purge -y gcc\nRUN apt-get install -y gcc\n"

    assert named(text) == {"gcc": 4}


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "FROM a\nRUN apt-get install -y $X\n", "RUN apt-get install b"]
)
def test_where_nothing_is_named_nothing_is_known(text: str) -> None:
    assert named(text) == {}

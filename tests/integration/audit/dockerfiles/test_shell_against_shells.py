"""What words a script's commands get, and which scripts are refused, is what real shells make of them.

Scripts are put together from pieces by chance, with a seed; the only program in them that runs is a function
that prints its arguments.
"""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.shell.reading import MAX_TEXT, read_script
from fleet_audit.audit.dockerfiles.shell.script import Script

pytestmark = pytest.mark.integration

SHOW = 'show() { printf "<"; for word in "$@"; do printf "%s|" "$word"; done; printf ">"; }\n'
WORDS = (
    *("a", "b", "é", "-", "~b", "=", "x=1 ", "if", "then", "}", "{", "!", "#", "*q", "[z]"),
    *("'", '"', "\\", "'a b'", '"c d"', "\\ ", "'\\''", '"\\""', '"\\n"', "\\n", "\\$", '"\\$x"', '"\\`"'),
    *(" ", "  ", "\t", "\n", ";", "\\\n", " && show ", ";show ", "\nshow ", " # "),
)
CONSTRUCTS = (
    *("a", "b", "'", '"', "\\", " ", "\n", ";", "#", "'a b'", '"c d"', "&&", " show ", "=", "(", ")", " ! "),
    *(" { ", " } ", " if ", " then ", " fi ", " else ", " true ", "; then ", "; fi", "; do ", "; done"),
    *("for i in a b; do ", "while false; do ", "case a in ", "a) ", ";;", " esac", "<<E\n", "\nE\n"),
    *("$(show x)", "`show y`", "${x:-q r}", '"${x:-q r}"', "x=1 ", "\\\n", "f() ", "| show", "|| show"),
)
ROUNDS = 400


def shell(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"there is no {name} here")
    return program


def run(program: str, *words: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  (the program was looked up, and its script is made of the pieces above)
        [program, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60, cwd=folder
    )


def scripts(pieces: tuple[str, ...]) -> list[str]:
    chance = random.Random(20261120)  # noqa: S311  (the same scripts each time)
    return ["show " + "".join(chance.choices(pieces, k=chance.randint(1, 12))) for _ in range(ROUNDS)]


def shown(script: Script) -> str | None:
    """Return what the script prints, where all that it runs is the function, with literal words."""
    printed = []
    for command in script.commands:
        values = [word.value for word in command.words]
        if not values:
            continue
        known = [value for value in values if value is not None]
        if known[:1] != ["show"] or len(known) < len(values):
            return None
        printed.append("<" + "".join(f"{value}|" for value in known[1:]) + ">")
    return "".join(printed)


@pytest.mark.parametrize("name", ["dash", "bash"])
def test_words_are_those_that_a_shell_gives_to_its_commands(name: str, tmp_path: Path) -> None:
    program = shell(name)
    compared = 0
    for text in scripts(WORDS):
        expected = shown(read_script(text))
        if expected is None or run(program, "-n", "-c", text, folder=tmp_path).returncode:
            continue
        compared += 1
        assert run(program, "-c", SHOW + text, folder=tmp_path).stdout.decode() == expected, text
    assert compared > ROUNDS // 4


def test_what_a_shell_refuses_has_a_problem_and_what_it_takes_has_none(tmp_path: Path) -> None:
    program = shell("bash")
    refused = 0
    for text in scripts(CONSTRUCTS):
        done = run(program, "-n", "-c", text, folder=tmp_path)
        is_refused = done.returncode != 0 or b"here-document" in done.stderr
        refused += is_refused
        assert bool(read_script(text).problems) is is_refused, (text, done.stderr)
    assert 0 < refused < ROUNDS


def real_scripts() -> Iterator[Path]:
    """Yield the programs of this system that are scripts for a POSIX shell or bash."""
    for folder in ("/usr/bin", "/usr/sbin", "/etc/init.d", "/var/lib/dpkg/info"):
        for path in sorted(Path(folder).glob("*")):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_TEXT:
                continue
            with path.open("rb") as file:
                first = file.readline(100)
            if re.fullmatch(rb"#! ?/(?:usr/)?bin/(?:env )?(?:ba|da)?sh(?: -\w+)*\n", first):
                yield path


def test_the_scripts_of_a_system_are_read_as_bash_reads_them(tmp_path: Path) -> None:
    program = shell("bash")
    differing = []
    scripts_here = [*real_scripts()]
    for path in scripts_here:
        is_refused = run(program, "-n", str(path), folder=tmp_path).returncode != 0
        if bool(read_script(path.read_text(errors="replace")).problems) is not is_refused:
            differing.append(path)
    if not scripts_here:
        pytest.skip("there are no shell scripts here")
    assert differing == []

from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.shell.calls import called, inner_script
from fleet_audit.audit.dockerfiles.shell.instructions import run_scripts
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Script


def scripts(dockerfile: str) -> list[Script]:
    (stage,) = parse(f"FROM a\n{dockerfile}").stages
    return [script for _, script in run_scripts(stage.instructions)]


def places(dockerfile: str) -> list[tuple[str, int, int]]:
    (script,) = scripts(dockerfile)
    return [(c.words[-1].text, c.words[-1].line, c.words[-1].column) for c in script.commands]


def test_words_of_a_run_stand_at_their_lines_in_the_file() -> None:
    dockerfile = "RUN --mount=type=cache,target=/x a b \\\n    # why\n    && c d \\\n\n    e"

    assert places(dockerfile) == [("b", 2, 35), ("e", 6, 4)]


def test_a_here_document_alone_is_the_script() -> None:
    assert places("RUN <<EOF\na b\n\nc d\nEOF") == [("b", 3, 2), ("d", 5, 2)]


def test_a_here_document_for_a_command_is_none() -> None:
    (script,) = scripts("RUN cat <<EOF >/x && done-it\npip install x\nEOF")

    assert [command.name for command in script.commands] == ["cat", "done-it"]
    assert script.commands[0].redirects[0].heredoc is not None


def test_a_here_document_in_another_language_is_no_script() -> None:
    assert scripts("RUN <<EOF\n#!/usr/bin/env python3\nimport x\nEOF") == [Script()]


def test_the_first_line_of_a_here_document_sets_options() -> None:
    (script,) = scripts("RUN <<EOF\n#!/bin/bash -e\na\nEOF")

    assert script.commands[0].options.exits_on_error


def test_the_exec_form_is_a_command_or_a_script_where_it_names_a_shell() -> None:
    shell, program = scripts('RUN ["bash", "-ec", "a && b"]\nRUN ["pip", "install", "x>=1; y"]')

    assert [(c.name, c.line, c.options.exits_on_error) for c in shell.commands] == [
        ("a", 2, True),
        ("b", 2, True),
    ]
    (command,) = program.commands
    assert [(word.value, word.line) for word in command.words] == [("pip", 3), ("install", 3), ("x>=1; y", 3)]


def test_the_shell_instruction_sets_options_and_languages() -> None:
    piped, windows = scripts(
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a | b\nSHELL ["pwsh", "-Command"]\nRUN Get-Item x'
    )

    assert [command.options.fails_in_pipes for command in piped.commands] == [True, True]
    assert windows == Script()


def test_what_onbuild_keeps_is_read_at_its_line() -> None:
    assert places("ONBUILD RUN a b") == [("b", 2, 14)]


def test_programs_that_start_others_are_passed_over() -> None:
    lines = (
        "sudo -u me -E pip install x",
        "env -u A B=1 /usr/bin/pip install x",
        "timeout -k 5 30 nice -n 5 pip install x",
        "DEBIAN_FRONTEND=noninteractive exec pip install x",
    )
    calls = [called(command) for command in read_script("\n".join(lines)).commands]

    assert [(call.program, [a.text for a in call.arguments]) for call in calls if call] == [
        ("pip", ["install", "x"])
    ] * 4


def test_a_starter_alone_is_the_program_itself() -> None:
    (command,) = read_script("env -u A").commands
    call = called(command)

    assert call is not None
    assert call.program == "env"


def test_a_program_that_a_variable_names_is_not_known() -> None:
    (command,) = read_script("$PIP install x").commands

    assert called(command) is None


def test_a_script_for_another_shell_is_read_too() -> None:
    texts = ("sh -c 'a b; c d'", 'bash -euxc "a b; c $X"', "eval 'a b' '; c d'", "bash <<EOF\na b\nc d\nEOF")
    for text in texts:
        (command,) = read_script(text).commands
        call = called(command)
        assert call is not None
        inner = inner_script(call, command)
        assert inner is not None
        assert [each.name for each in inner.commands] == ["a", "c"]


def test_a_shell_that_runs_a_file_is_given_no_script() -> None:
    (command,) = read_script("bash -e install.sh").commands
    call = called(command)

    assert call is not None
    assert inner_script(call, command) is None

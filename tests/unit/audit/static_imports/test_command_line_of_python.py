"""What the command of an image tells about its Python."""

import pytest

from fleet_audit.audit.static_imports.resolution.command_line import Options, is_python, options_of

PLAIN = Options()


@pytest.mark.parametrize(
    "command",
    [
        "",
        "python app.py",
        "python -m I -S",
        "python -c I -S",
        "gunicorn -I -S",
        "python - -I",
        "python -uOO app.py -I",
    ],
)
def test_what_is_no_option_of_python_changes_nothing(command: str) -> None:
    assert options_of(command.split(), {}) == PLAIN


@pytest.mark.parametrize(
    "command", ["python -I a.py", "tini -- /usr/bin/python3.11 -uI a.py", "python -W I -X S -I a"]
)
def test_isolated_mode_ignores_variables_user_packages_and_the_scripts_folder(command: str) -> None:
    assert options_of(command.split(), {"PYTHONSAFEPATH": ""}) == Options(
        is_isolated=True, is_isolated_from_environment=True, has_user_site=False, has_script_folder=False
    )


def test_an_option_takes_its_value_from_the_next_word_or_its_own() -> None:
    assert options_of(["python", "-X", "S", "-WI", "-s", "a.py"], {}) == Options(has_user_site=False)


def test_variables_do_what_options_do() -> None:
    assert options_of([], {"PYTHONNOUSERSITE": "1"}) == Options(has_user_site=False)
    assert options_of(["python"], {"PYTHONSAFEPATH": "1"}) == Options(has_script_folder=False)


@pytest.mark.parametrize(
    ("program", "expected"), [("python", True), ("/a/python3.13t", True), ("pythonic", False)]
)
def test_a_python_is_known_by_its_name(program: str, expected: bool) -> None:
    assert is_python(program) is expected

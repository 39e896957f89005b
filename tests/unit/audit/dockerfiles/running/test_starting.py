"""What a container runs by itself, as its Dockerfile says."""

import pytest

from fleet_audit.audit.dockerfiles.running.starting import start_words


def words(*lines: str, target: str = "") -> tuple[str, ...]:
    return start_words("\n".join(lines), target=target)


def test_entrypoint_command_and_healthcheck_are_joined() -> None:
    found = words(
        "FROM base",
        'HEALTHCHECK --interval=3s CMD ["redis-cli", "ping"]',
        'CMD ["serve"]',
        'ENTRYPOINT ["tini", "--"]',
    )

    assert found == ("tini", "--", "serve", "redis-cli", "ping")


def test_a_healthcheck_in_shell_form_is_split_and_none_runs_nothing() -> None:
    assert words("FROM base", "HEALTHCHECK CMD redis-cli ping || exit 1") == (
        "redis-cli",
        "ping",
        "||",
        "exit",
        "1",
    )
    assert words("FROM base", "HEALTHCHECK CMD x", "HEALTHCHECK NONE") == ()


def test_an_entrypoint_takes_away_the_command_of_the_stage_below() -> None:
    lines = ("FROM base AS first", "CMD old", "FROM first", 'ENTRYPOINT ["new"]')

    assert words(*lines) == ("new",)


@pytest.mark.parametrize(
    "line", ['CMD ["uvicorn", "app:app"]', "CMD uvicorn app:app", "CMD 'uvicorn' app:app"]
)
def test_both_forms_give_the_same_words(line: str) -> None:
    assert words("FROM base", line) == ("uvicorn", "app:app")


def test_of_several_commands_the_last_counts_also_over_that_of_the_stage_below() -> None:
    lines = ("FROM base AS first", "CMD one", "FROM first AS second", "CMD two", "CMD three")

    assert words(*lines) == ("three",)
    assert words(*lines, target="first") == ("one",)
    assert words(*lines, target="gone") == ()


@pytest.mark.parametrize("line", ["CMD it's broken", 'CMD ["broken', "CMD " + "[" * 10_000])
def test_what_is_neither_form_is_split_at_blanks(line: str) -> None:
    assert words("FROM base", line) == tuple(line.split()[1:])


def test_a_text_without_a_stage_runs_nothing() -> None:
    assert words("# nothing") == ()

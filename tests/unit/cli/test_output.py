"""Documents arrive whole or not at all, and impossible wishes are refused before any work."""

from pathlib import Path

import pytest

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.output import Output, OutputUnwritable, check_writable, parse_outputs, write

FORMATS = ("text", "json", "sarif")


def test_text_goes_to_standard_output_where_nothing_is_asked_for() -> None:
    assert parse_outputs((), FORMATS) == (Output("text"),)


def test_several_formats_come_from_one_analysis() -> None:
    outputs = parse_outputs(("text", "json=deps.json"), FORMATS)

    assert outputs == (Output("text"), Output("json", Path("deps.json")))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("jsn",), "'jsn' is not one of text, json, sarif"),
        (("json=",), "no file name"),
        (("text", "json"), "standard output"),
        (("json=a", "sarif=a"), "would go to a"),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_usage_error(words: tuple[str, ...], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_outputs(words, FORMATS)


def test_a_folder_that_is_not_there_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="there is no folder"):
        check_writable((Output("json", tmp_path / "nowhere" / "deps.json"),))


def test_a_file_is_written_whole_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    write((Output("json", tmp_path / "deps.json"),), lambda _: "{}\n")

    assert [path.name for path in tmp_path.iterdir()] == ["deps.json"]
    assert (tmp_path / "deps.json").read_text() == "{}\n"


def test_what_was_there_stays_when_a_renderer_fails(tmp_path: Path) -> None:
    file = tmp_path / "deps.json"
    file.write_text("old")

    def broken(_: str) -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write((Output("json", file),), broken)

    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("deps.json", "old")]

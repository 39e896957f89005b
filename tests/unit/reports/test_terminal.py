"""Terminal text shows everything and acts on nothing."""

import msgspec
import pytest

from fleet_audit.reports.terminal import Page, Piece, count, size, visible
from tests.support.reports import OPTIONS


def narrow(width: int) -> Page:
    return Page(msgspec.structs.replace(OPTIONS, width=width))


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2028", "\\u2028"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
        ("\x9b31m", "\\x9b31m"),
        ("plain é 漢字", "plain é 漢字"),
        ("[bold]x[/bold] :smile:", "[bold]x[/bold] :smile:"),
    ],
)
def test_what_acts_or_hides_is_shown_as_its_escape(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def test_markup_of_the_layout_library_in_a_text_stays_text() -> None:
    page = narrow(60)
    page.line("[red]x[/red]", Piece("[link=a]y[/link]", "bold"))
    page.table(("[b]a[/b]",), [("[i]z[/i]",)])

    assert page.text() == "[red]x[/red][link=a]y[/link]\n [b]a[/b]\n [i]z[/i]\n"


def test_a_table_folds_and_never_elides() -> None:
    page = narrow(40)
    long = "libnvidia-very-long-name-of-a-library-that-does-not-fit.so.1"
    page.table(("need", "by"), [(long, "/usr/lib/" + long)])

    joined = page.text()
    assert "…" not in joined
    needs = "".join(line[1:20].strip() for line in joined.splitlines()[1:])
    assert needs.startswith("libnvidia-very-long")


def test_what_is_to_be_copied_is_never_wrapped() -> None:
    page = narrow(40)
    command = "RUN apt-get install " + "libsomething-very-long=1.2.3-4 " * 5
    page.verbatim([command.rstrip()])

    assert page.text() == command.rstrip() + "\n"


def test_no_colour_unless_asked() -> None:
    plain, coloured = narrow(60), Page(msgspec.structs.replace(OPTIONS, is_coloured=True))
    for page in (plain, coloured):
        page.line(Piece("x", "red"))

    assert plain.text() == "x\n"
    assert coloured.text() == "\x1b[31mx\x1b[0m\n"


def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("FORCE_COLOR", "1")
    page = narrow(60)
    page.line(Piece("word " * 10, "red"))

    assert page.text() == ("word " * 10).rstrip() + "\n"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_999, "1.0 MB"),
        (209_700_000, "209.7 MB"),
        (2_400_000_000, "2.4 GB"),
    ],
)
def test_sizes_are_for_people(number: int, words: str) -> None:
    assert size(number) == words


def test_counts_agree_with_their_nouns() -> None:
    assert (count(1, "entry", "entries"), count(2, "entry", "entries"), count(0, "rule")) == (
        "1 entry",
        "2 entries",
        "0 rules",
    )

"""CSV that spreadsheets open and programs read."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.reports.csv_text import csv_text

cells = st.one_of(st.text(max_size=20), st.integers())


@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_what_is_written_is_read_as_so_many_cells_and_none_begins_a_formula(
    rows: list[tuple[str | int, str | int]],
) -> None:
    text = csv_text(("a", "b"), rows)

    read = list(csv.reader(io.StringIO(text), strict=True))
    assert len(read) == len(rows) + 1
    assert text.count("\n") == len(rows) + 1
    for row, (first, second) in zip(read[1:], rows, strict=True):
        for cell, value in zip(row, (first, second), strict=True):
            assert isinstance(value, int) or not cell.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")'])
def test_a_formula_stands_behind_an_apostrophe(text: str) -> None:
    (_, (cell,)) = csv.reader(io.StringIO(csv_text(("a",), [(text,)])))

    assert cell == f"'{text}"


def test_a_number_and_a_text_that_calculates_nothing_stay_as_they_are() -> None:
    assert csv_text(("a", "b"), [(-1, 'lib=1, "x"')]) == 'a,b\n-1,"lib=1, ""x"""\n'

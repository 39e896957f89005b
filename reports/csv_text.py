"""CSV (RFC 4180) that spreadsheets open: no cell of it calculates anything."""

import csv
import io
from collections.abc import Iterable, Sequence

from fleet_audit.reports.terminal import visible

_CALCULATING = ("=", "+", "-", "@", "\t", "\r")
"""What begins a formula in spreadsheets (OWASP, CSV injection)."""


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    """Return a table with a line of names; lines end as on this system's terminals, with a line feed."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return file.getvalue()


def cell(value: str | int) -> str | int:
    """Return a value as a cell holds it: a text that would be a formula stands behind an apostrophe."""
    if isinstance(value, int):
        return value
    text = visible(value)
    return f"'{text}" if text.startswith(_CALCULATING) else text

"""Lifecycles as tables: CSV, and Parquet where pyarrow is there."""

import importlib.util
import io
from collections.abc import Sequence

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.lifecycle import Lifecycle
from fleet_audit.reports.csv_text import csv_text

COLUMNS = (
    "image",
    "fingerprint",
    "rule",
    "severity",
    "state",
    "subject",
    "advisory",
    "package",
    "first_seen",
    "there_since",
    "last_seen",
    "closed_on",
    "reopened",
    "digest",
)
_TIMES = ("first_seen", "there_since", "last_seen", "closed_on")


def lifecycles_csv(lifecycles: Sequence[Lifecycle]) -> str:
    """Return a row for each finding of each image, also of those that are gone."""
    return csv_text(COLUMNS, map(_row, lifecycles))


def lifecycles_parquet(lifecycles: Sequence[Lifecycle]) -> bytes:
    """Return the same as Parquet, in which times are times; raise UsageError where pyarrow is not there."""
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError("-o parquet needs pyarrow; install fleet-audit[parquet]")
    import pandas as pd  # noqa: PLC0415  (0.3 s; only this table needs it)

    frame = pd.DataFrame([_row(each) for each in lifecycles], columns=list(COLUMNS))
    for name in _TIMES:
        frame[name] = pd.to_datetime(frame[name].where(frame[name] != ""), format="ISO8601", utc=True)
    file = io.BytesIO()
    frame.to_parquet(file, engine="pyarrow", index=False)
    return file.getvalue()


def _row(lifecycle: Lifecycle) -> tuple[str | int, ...]:
    return tuple(getattr(lifecycle, name) for name in COLUMNS)

"""How many findings were open, came and went, day by day."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import ChangeColumns, DayOfTrend, LifecycleState, PastAudit

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_SEVERITIES = {str(severity): number for number, severity in enumerate(Severity)}
_STATES = {str(state): number for number, state in enumerate(LifecycleState)}
_NEVER = date.max.toordinal()


def trend(
    changes: ChangeColumns, audits: Iterable[PastAudit], *, days: int, until: str
) -> tuple[DayOfTrend, ...]:
    """Return the last `days` days up to that of the time `until`, oldest first; days are those of UTC.

    What is open at the end of a day counts there, as grave as it was then. A day's `opened` and `closed`
    count each coming and going, also of what came and went within the day.
    """
    last = date.fromisoformat(until[:10])
    window = [(last - timedelta(days=back)).toordinal() for back in range(days - 1, -1, -1)]
    spans = _spans(changes)
    are_open = spans[spans["state"] == _STATES[LifecycleState.OPEN]]
    by_severity = {
        severity: _at_end(are_open[are_open["severity"] == number], window)
        for severity, number in _SEVERITIES.items()
    }
    waived = _at_end(spans[spans["state"] == _STATES[LifecycleState.WAIVED]], window)
    opened = _on(spans[spans["is_there"] & ~spans["was_there"]], window)
    closed = _on(spans[~spans["is_there"] & spans["was_there"]], window)
    audited, incomplete = _audited(audits)
    return tuple(
        DayOfTrend(
            day=name,
            open={severity: by_severity[severity][place] for severity in reversed(Severity)},
            waived=waived[place],
            opened=opened[place],
            closed=closed[place],
            audits=audited[name],
            incomplete=incomplete[name],
        )
        for place, name in enumerate(date.fromordinal(day).isoformat() for day in window)
    )


def _spans(changes: ChangeColumns) -> "DataFrame":
    """Return a row for each change: from which day to which it held, and whether it was there before."""
    import pandas as pd  # noqa: PLC0415  (0.3 s; only trends need it)

    times, names = pd.factorize(pd.Series(changes.since, dtype=object))
    ordinals = pd.Series([date.fromisoformat(name[:10]).toordinal() for name in names], dtype="int64")
    spans = pd.DataFrame(
        {
            "finding": pd.Series(changes.finding, dtype="int64"),
            "begin": ordinals.to_numpy()[times],
            # To tell the numbers of so few names ourselves takes a fifth of pandas' time.
            "state": pd.Series(list(map(_STATES.__getitem__, changes.state)), dtype="int8"),
            "severity": pd.Series(list(map(_SEVERITIES.__getitem__, changes.severity)), dtype="int8"),
        }
    )
    is_last = spans["finding"] != spans["finding"].shift(-1)
    is_first = spans["finding"] != spans["finding"].shift(1)
    spans["end"] = spans["begin"].shift(-1).where(~is_last, _NEVER).astype("int64")
    spans["is_there"] = spans["state"] != _STATES[LifecycleState.CLOSED]
    spans["was_there"] = spans["is_there"].shift(1, fill_value=False) & ~is_first
    return spans


def _at_end(spans: "DataFrame", window: list[int]) -> list[int]:
    """Return how many of the spans hold at the end of each day."""
    begun = spans.groupby("begin").size()
    ended = spans.groupby("end").size()
    held = begun.sub(ended, fill_value=0).sort_index().cumsum()
    return _listed(held.reindex(window, method="ffill"))


def _on(spans: "DataFrame", window: list[int]) -> list[int]:
    """Return how many of the spans begin on each day."""
    return _listed(spans.groupby("begin").size().reindex(window))


def _listed(counts: "Series") -> list[int]:
    return [int(count) for count in counts.fillna(0)]


def _audited(audits: Iterable[PastAudit]) -> tuple[Counter[str], Counter[str]]:
    """Return how many audits there were on each day, and how many of them were incomplete."""
    listed = [(audit.at[:10], audit.is_complete) for audit in audits]
    return Counter(day for day, _ in listed), Counter(day for day, is_complete in listed if not is_complete)

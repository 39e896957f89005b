"""Whatever happened to the bytes of a history: it is read, or what is wrong is said in a sentence."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.history import opening
from fleet_audit.audit.history.exchange import exported, imported
from fleet_audit.audit.history.failure import HistoryError
from fleet_audit.audit.history.store import History
from fleet_audit.audit.history.trend import trend
from tests.support.laws import examples
from tests.support.lifecycles import IMAGE, audit, day, recorded

NAMES = [f"{number:03}" for number in range(60)]


@cache
def sound() -> bytes:
    """Return the bytes of a history of several pages."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "h.sqlite"
        recorded(path, audit(day(1), *NAMES), audit(day(2), *NAMES[::2]), audit(day(3), *NAMES[::3]))
        return path.read_bytes()


changes = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 200), st.integers(0, 40_000)),
        st.one_of(st.binary(min_size=1, max_size=4), st.just(b"\0" * 64), st.just(b"\xff" * 16)),
    ),
    min_size=1,
    max_size=4,
)


@examples(300)
@given(changes, st.one_of(st.none(), st.integers(0, 40_000)))
def test_a_damaged_history_is_read_or_told_and_recording_goes_on(
    spoiled: list[tuple[int, bytes]], length: int | None
) -> None:
    body = bytearray(sound())
    for place, value in spoiled:
        body[place % len(body) : place % len(body) + len(value)] = value
    with patch.object(opening, "DURABILITY", "OFF"), TemporaryDirectory() as folder:
        path = Path(folder) / "h.sqlite"
        path.write_bytes(body[:length])
        before = path.read_bytes()

        with suppress(HistoryError), History.read(path) as history:
            exported(history.lifecycles(), history.audits())
            trend(history.change_columns(), history.audits(), days=3, until=day(3))
        try:
            with History.open(path, day(4)) as history:
                history.record(audit(day(4), "new"))
                assert history.first_seen(IMAGE, "new") == day(4)
                assert history.damaged is None or history.damaged.read_bytes() == before
        except HistoryError:
            # It is told for a database of something else, or for one of a newer version.
            assert path.read_bytes() == before


@given(st.lists(st.tuples(st.integers(0, 20_000), st.binary(min_size=1, max_size=3)), max_size=3))
def test_a_damaged_export_is_taken_or_told(spoiled: list[tuple[int, bytes]]) -> None:
    body = bytearray(_export())
    for place, value in spoiled:
        body[place % len(body) : place % len(body) + len(value)] = value

    try:
        taken = imported("x", bytes(body), day(28))
    except ConfigurationError:
        return
    text = exported(taken.lifecycles, taken.audits)
    again = imported("x", text.encode(), day(28))
    assert exported(again.lifecycles, again.audits) == text


@cache
def _export() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "h.sqlite"
        path.write_bytes(sound())
        with History.read(path) as history:
            return exported(history.lifecycles(), history.audits()).encode()

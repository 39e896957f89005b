"""A history as JSON Lines: one audit or finding to a line, to be kept elsewhere and merged again."""

import io
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, assert_never

import msgspec

from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.history.times import is_time
from fleet_audit.audit.model.finding import Severity
from fleet_audit.audit.model.lifecycle import Change, Lifecycle, LifecycleState, PastAudit

SCHEMA: Final = "fleet-audit.history/1"
MAX_BYTES = 512 << 20
_MAX_PROBLEMS = 50
_MAX_LINE = 1 << 20

_Text = Annotated[str, msgspec.Meta(max_length=4096)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class _Head(msgspec.Struct, tag="history", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    schema: Literal["fleet-audit.history/1"]


class _Audit(msgspec.Struct, tag="audit", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    image: _Name
    at: str
    digest: _Text
    is_complete: bool


class _Change(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    since: str
    state: LifecycleState
    severity: Severity


class _Finding(msgspec.Struct, tag="finding", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    image: _Name
    fingerprint: _Name
    rule: _Text
    subject: _Text
    advisory: _Text
    package: _Text
    last_seen: str
    digest: _Text
    changes: Annotated[list[_Change], msgspec.Meta(min_length=1, max_length=100_000)]


_Line = _Head | _Audit | _Finding


class Imported(msgspec.Struct, frozen=True):
    """What a file of JSON Lines holds."""

    lifecycles: tuple[Lifecycle, ...]
    audits: tuple[PastAudit, ...]


def exported(lifecycles: Iterable[Lifecycle], audits: Iterable[PastAudit]) -> str:
    """Return a history as text: a head, audits by image and time, then findings by image and fingerprint."""
    lines: list[_Line] = [_Head(SCHEMA)]
    lines += [_Audit(each.image, each.at, each.digest, each.is_complete) for each in sorted(audits)]
    lines += [_as_line(each) for each in sorted(lifecycles, key=lambda each: (each.image, each.fingerprint))]
    return msgspec.json.Encoder().encode_lines(lines).decode()


def _as_line(lifecycle: Lifecycle) -> _Finding:
    fields = msgspec.structs.asdict(lifecycle)
    changes = [_Change(each.since, each.state, each.severity) for each in lifecycle.changes]
    return _Finding(**(fields | {"changes": changes}))


def imported(name: str, body: bytes, now: str) -> Imported:
    """Return what the text of an export says.

    Raises ConfigurationError with what is wrong with it, line by line: what is no such line, times that are
    none or later than `now`, changes that contradict one another, and what is said twice.
    """
    if len(body) > MAX_BYTES:
        raise ConfigurationError([Problem(name, 0, "", f"it is larger than {MAX_BYTES >> 20} MiB")])
    reading = _Reading(name, now)
    for number, line in enumerate(io.BytesIO(body), 1):
        if line.strip():
            reading.take(number, line)
        if len(reading.problems) >= _MAX_PROBLEMS:
            reading.problems.append(Problem(name, number + 1, "", "from here on it was not looked at"))
            break
    return reading.result()


class _Reading:
    """What has been read so far of a file, and what is wrong with it."""

    def __init__(self, name: str, now: str) -> None:
        self.problems: list[Problem] = []
        self._name, self._now = name, now
        self._decoder = msgspec.json.Decoder(_Line)
        self._has_head = False
        self._lifecycles: dict[tuple[str, str], Lifecycle] = {}
        self._audits: dict[tuple[str, str], PastAudit] = {}

    def take(self, number: int, text: bytes) -> None:
        """Read one line."""
        try:
            if len(text) > _MAX_LINE:
                raise msgspec.ValidationError(f"longer than {_MAX_LINE >> 20} MiB")
            wrong = self._wrong(self._decoder.decode(text))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as e:
            wrong = [str(e)]
        self.problems += [Problem(self._name, number, "", each) for each in wrong]

    def result(self) -> Imported:
        """Return what was read; raise ConfigurationError where anything was wrong."""
        if not self._has_head:
            self.problems.append(
                Problem(self._name, 0, "", f"no line of it says that its schema is {SCHEMA}")
            )
        if self.problems:
            raise ConfigurationError(self.problems)
        return Imported(tuple(self._lifecycles.values()), tuple(self._audits.values()))

    def _wrong(self, line: _Line) -> list[str]:
        """Keep what a line says, and return what cannot be so."""
        match line:
            case _Head():
                wrong = ["a second head"] if self._has_head else []
                self._has_head = True
            case _Audit():
                audit = PastAudit(line.image, line.at, line.digest, line.is_complete)
                wrong = _wrong_times([line.at], self._now)
                if self._audits.setdefault((line.image, line.at), audit) is not audit:
                    wrong.append("this audit is there twice")
            case _Finding():
                lifecycle = _as_lifecycle(line)
                wrong = _wrong_course(lifecycle, self._now)
                if self._lifecycles.setdefault((line.image, line.fingerprint), lifecycle) is not lifecycle:
                    wrong.append("this finding is there twice")
            case _:
                assert_never(line)
        return wrong


def _as_lifecycle(line: _Finding) -> Lifecycle:
    fields = msgspec.structs.asdict(line)
    changes = tuple(Change(each.since, each.state, each.severity) for each in line.changes)
    return Lifecycle(**(fields | {"changes": changes}))


def _wrong_times(times: Sequence[str], now: str) -> list[str]:
    wrong = [f"{at!r} is no time as 2026-11-20T06:00:00Z is" for at in times if not is_time(at)]
    return wrong or [f"{at} is in the future" for at in times if at > now]


def _wrong_course(lifecycle: Lifecycle, now: str) -> list[str]:
    """Return what cannot be so in the course of a finding."""
    changes, last_seen = lifecycle.changes, lifecycle.last_seen
    if wrong := _wrong_times([last_seen, *(change.since for change in changes)], now):
        return wrong
    there = [each.since for each in changes if each.state is not LifecycleState.CLOSED]
    found = []
    if any(before.since >= after.since for before, after in pairwise(changes)):
        found.append("its changes are not in order of time")
    if changes[0].state is LifecycleState.CLOSED:
        found.append("it begins with being closed")
    if any(since > last_seen for since in there):
        found.append(f"it was there after it was last seen, {last_seen}")
    if changes[-1].state is LifecycleState.CLOSED and changes[-1].since < last_seen:
        found.append(f"it was closed before it was last seen, {last_seen}")
    return found

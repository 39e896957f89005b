"""How likely it is that a vulnerability is exploited (EPSS of FIRST), and that it was (KEV of CISA)."""

import csv
import io
import zlib
from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.errors import FleetAuditError

MAX_INPUT_BYTES = 256 << 20
_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 31
_MAX_ROWS = 2_000_000


class InputUnreadable(FleetAuditError):
    """A file that the user gives is not what it is given for."""

    def __init__(self, name: str, why: str) -> None:
        """Keep which file it is and what is wrong with it."""
        super().__init__(name, why)
        self.name = name
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.name}: {self.why}"


class Epss(msgspec.Struct, frozen=True):
    """The scores of one day: by CVE, the probability of an attempt within 30 days and its percentile."""

    date: str
    model: str
    scores: Mapping[str, tuple[float, float]]


class Kev(msgspec.Struct, frozen=True):
    """A state of the catalogue: by CVE, the day on which it was added."""

    date: str
    added: Mapping[str, str]


def parse_epss(name: str, body: bytes) -> Epss:
    """Return the scores of a CSV file as FIRST publishes it, gzipped or not; raises InputUnreadable."""
    lines = io.StringIO(_text(name, body))
    head = lines.readline().strip()
    stated: dict[str, str] = {}
    if head.startswith("#"):
        parts = (part.partition(":") for part in head[1:].split(","))
        stated = {key.strip(): value.strip() for key, _, value in parts}
        head = lines.readline().strip()
    if head != "cve,epss,percentile":
        raise InputUnreadable(
            name, f"its columns are {head[:80]!r}, and those of EPSS are cve,epss,percentile"
        )
    scores = dict(_scores(name, lines))
    if not scores:
        raise InputUnreadable(name, "it has no scores")
    return Epss(stated.get("score_date", ""), stated.get("model_version", ""), scores)


def _scores(name: str, lines: io.StringIO) -> Iterator[tuple[str, tuple[float, float]]]:
    for number, row in enumerate(_rows(name, lines), start=1):
        try:
            cve, score, percentile = row
            values = float(score), float(percentile)
        except ValueError as e:
            raise InputUnreadable(name, f"row {number} is no CVE with two numbers: {e}") from e
        if not all(0.0 <= value <= 1.0 for value in values):
            raise InputUnreadable(name, f"row {number} has a number that is not from 0 to 1")
        yield cve, values


class _Known(msgspec.Struct, frozen=True):
    cve: str = msgspec.field(name="cveID")
    added: str = msgspec.field(default="", name="dateAdded")


class _Catalog(msgspec.Struct, frozen=True):
    vulnerabilities: tuple[_Known, ...]
    released: str = msgspec.field(default="", name="dateReleased")


def parse_kev(name: str, body: bytes) -> Kev:
    """Return the catalogue from CISA's JSON or CSV; raises InputUnreadable."""
    text = _text(name, body)
    if text.lstrip("\ufeff \r\n\t").startswith("{"):
        try:
            found = msgspec.json.decode(text.lstrip("\ufeff"), type=_Catalog)
        except (msgspec.DecodeError, RecursionError) as e:
            raise InputUnreadable(name, f"it is no list of known exploited vulnerabilities: {e}") from e
        known = Kev(found.released, {each.cve: each.added for each in found.vulnerabilities})
    else:
        known = Kev("", dict(_added(name, text.lstrip("\ufeff"))))
    if not known.added:
        raise InputUnreadable(name, "it has no vulnerabilities")
    return known


def _added(name: str, text: str) -> Iterator[tuple[str, str]]:
    rows = _rows(name, io.StringIO(text))
    columns = next(rows, [])
    if "cveID" not in columns or "dateAdded" not in columns:
        raise InputUnreadable(name, "it has no columns cveID and dateAdded")
    cve, added = columns.index("cveID"), columns.index("dateAdded")
    for number, row in enumerate(rows, start=2):
        if len(row) <= max(cve, added):
            raise InputUnreadable(name, f"row {number} is cut short")
        yield row[cve], row[added]


def _rows(name: str, lines: io.StringIO) -> Iterator[list[str]]:
    try:
        for number, row in enumerate(csv.reader(lines, strict=True)):
            if number > _MAX_ROWS:
                raise InputUnreadable(name, f"it has more than {_MAX_ROWS} rows")
            if row:
                yield row
    except csv.Error as e:
        raise InputUnreadable(name, f"it is no CSV: {e}") from e


def _text(name: str, body: bytes) -> str:
    """Return a file's text, unpacked where it is gzipped, and never more of it than is bounded."""
    if body.startswith(_GZIP):
        unpack = zlib.decompressobj(_GZIP_WINDOW)
        try:
            body = unpack.decompress(body, MAX_INPUT_BYTES + 1)
        except zlib.error as e:
            raise InputUnreadable(name, f"it cannot be unpacked: {e}") from e
        if not unpack.eof and len(body) <= MAX_INPUT_BYTES:
            raise InputUnreadable(name, "it is cut short")
    if len(body) > MAX_INPUT_BYTES:
        raise InputUnreadable(name, f"it has more than {MAX_INPUT_BYTES} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as e:
        raise InputUnreadable(name, f"it is no text in UTF-8: {e}") from e

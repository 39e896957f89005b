"""What a suite's Release file promises: its name, its date, and the digests of its index files.

The format is https://wiki.debian.org/DebianRepository/Format. Who signed it is asked before it is read.
"""

import hashlib
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from fleet_audit.audit.apt.debian.control import fields

_SHA256_LINE = re.compile(r"([0-9a-fA-F]{64})\s+(\d{1,15})\s+(\S+)")


class IndexFile(msgspec.Struct, frozen=True):
    """A file that a Release lists: `path` relative to the suite's folder, `size` in bytes."""

    path: str
    sha256: str
    size: int


class Release(msgspec.Struct, frozen=True):
    """A parsed Release file; `digest` is that of its text, without white space at its ends.

    Dates are None where they are absent or cannot be read. `is_automatic` is false for suites such as
    backports, of which nothing is installed unless asked for (NotAutomatic).
    """

    digest: str
    suite: str = ""
    codename: str = ""
    version: str = ""
    origin: str = ""
    date: datetime | None = None
    valid_until: datetime | None = None
    components: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    has_by_hash: bool = False
    is_automatic: bool = True
    packages_of_all_apart: bool = False
    files: dict[str, IndexFile] = {}

    def is_named(self, suite: str) -> bool:
        """Say whether this Release is that of `suite`, under its name or its codename.

        The names of older security suites hold a folder (``buster/updates``), as Release names them without.
        """
        names = {self.suite, self.codename}
        return suite in names or suite.partition("/")[0] in {name.partition("/")[0] for name in names}

    @property
    def label(self) -> str:
        """Return the codename and the date: which state of the archive this is."""
        day = self.date.strftime("%Y-%m-%dT%H:%M:%SZ") if self.date else "undated"
        return f"{self.codename or self.suite} {day}"


def parse_release(body: bytes) -> Release | None:
    """Return the Release that a text holds, without any signature; None where it holds none.

    Only SHA256 sums are read: MD5 and SHA-1 prove nothing.
    """
    text = body.decode("utf-8", "backslashreplace").replace("\r\n", "\n").strip()
    found = fields(text)
    if "SHA256" not in found or not (found.get("Suite") or found.get("Codename")):
        return None
    return Release(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        suite=found.get("Suite", ""),
        codename=found.get("Codename", ""),
        version=found.get("Version", ""),
        origin=found.get("Origin", ""),
        date=_date(found.get("Date", "")),
        valid_until=_date(found.get("Valid-Until", "")),
        components=tuple(found.get("Components", "").split()),
        architectures=tuple(found.get("Architectures", "").split()),
        has_by_hash=found.get("Acquire-By-Hash") == "yes",
        is_automatic=found.get("NotAutomatic") != "yes",
        packages_of_all_apart=_has_all_apart(found),
        files=_files(found["SHA256"]),
    )


def _has_all_apart(found: dict[str, str]) -> bool:
    # Packages of architecture "all" stand in an index of their own only where the suite lists "all" and does
    # not say that they are in every architecture's index as well.
    return (
        "all" in found.get("Architectures", "").split()
        and found.get("No-Support-for-Architecture-all") != "Packages"
    )


def _files(sums: str) -> dict[str, IndexFile]:
    matches = (_SHA256_LINE.fullmatch(line.strip()) for line in sums.splitlines())
    listed = (IndexFile(match[3], match[1].lower(), int(match[2])) for match in matches if match)
    return {file.path: file for file in listed}


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, IndexError, OverflowError):
        return None

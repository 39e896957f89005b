"""Audits in a folder: one file for each image that was looked at, each replaced as a whole."""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NamedTuple
from urllib.parse import quote

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.stored_audit import MAX_AUDIT_BYTES, AuditUnreadable, audit_of, encoded, head_of

SUFFIX = ".audit.json"
MAX_AUDITS = 20_000
_NO_IMAGE = "no-image"
_NO_NAME = "%"
_DIGEST_LETTERS = 16
_MAX_LETTERS = 200


class AuditsUnwritable(FleetAuditError):
    """An audit could not be stored; what was there before is still there."""

    exit_code = 70


def store(audit: AuditReport, folder: Path) -> Path:
    """Write an audit into its file below `folder`; one of the same image of the same subject is replaced.

    Raises AuditsUnwritable; no file is ever left half written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / file_name(audit)
        place.parent.mkdir(exist_ok=True)
        replace_file(place, encoded(audit))
    except OSError as e:
        why = f"{folder}: the audit of {audit.subject} cannot be written: {e.strerror or e}"
        raise AuditsUnwritable(f"{why}; check the folder, or name another with --audits") from e
    return place


def file_name(audit: AuditReport) -> str:
    """Return where below a folder of audits this one stands: its subject, and its image's digest."""
    image = _digest(audit).partition(":")[2][:_DIGEST_LETTERS] or _NO_IMAGE
    return f"{subject_folder(audit.subject)}/{image}{SUFFIX}"


def _digest(audit: AuditReport) -> str:
    return (audit.image.ref.digest or "") if audit.image is not None else ""


def place_of(audit: AuditReport, folder: Path) -> Path:
    """Return where an audit is stored in a folder; a file that holds one is its own place."""
    return folder if folder.is_file() else folder / file_name(audit)


def subject_folder(subject: str) -> str:
    """Return a subject's name as one part of a path, different for different subjects."""
    name = quote(subject, safe="", errors="backslashreplace") or _NO_NAME
    # A dot at the start would hide it, and `..` would lead elsewhere.
    return _short(name.replace(".", "%2E") if name.startswith(".") else name)


def _short(name: str) -> str:
    """Return a name as it is, or what file systems take of it and what tells it from others."""
    if len(name) <= _MAX_LETTERS:
        return name
    return (
        f"{name[: _MAX_LETTERS - _DIGEST_LETTERS - 1]}-{sha256(name.encode()).hexdigest()[:_DIGEST_LETTERS]}"
    )


def stored_audits(folder: Path) -> tuple[list[AuditReport], list[AuditUnreadable]]:
    """Return all audits below a folder, by subject and then the newest first, and what could not be read.

    Raises AuditUnreadable where there is no such folder.
    """
    found: list[AuditReport] = []
    refused: list[AuditUnreadable] = []
    for path in _files(folder):
        try:
            found.append(read_audit(path))
        except AuditUnreadable as e:
            refused.append(e)
    return sorted(found, key=lambda audit: audit.created, reverse=True), refused


def newest(audits: Iterable[AuditReport]) -> list[AuditReport]:
    """Return the newest audit of each subject, in order of their names."""
    latest: dict[str, AuditReport] = {}
    for audit in audits:
        known = latest.get(audit.subject)
        if known is None or audit.created > known.created:
            latest[audit.subject] = audit
    return [latest[name] for name in sorted(latest)]


def newest_audits(folder: Path) -> tuple[list[AuditReport], list[AuditUnreadable]]:
    """Return the newest audit of each subject below a folder, in order of their names, and what is damaged.

    Of older ones no more is looked at than when they were made; two of one time and of different images count
    as damaged. Raises AuditUnreadable where there is no such folder.
    """
    latest: dict[str, _Newest] = {}
    refused: list[AuditUnreadable] = []
    for path in _files(folder):
        try:
            body = _body(path)
            head = head_of(body, str(path))
            known = latest.get(head.subject)
            if known is None or head.created >= known.audit.created:
                latest[head.subject] = _newer(known, _Newest(audit_of(body, str(path)), str(path)))
        except AuditUnreadable as e:
            refused.append(e)
    refused += (AuditUnreadable(file, why) for each in latest.values() for file, why in each.rivals)
    return [latest[name].audit for name in sorted(latest)], refused


class _Newest(NamedTuple):
    """The newest audit of a subject and its file; others of the same time, and what is wrong with each."""

    audit: AuditReport
    file: str
    rivals: tuple[tuple[str, str], ...] = ()


def _newer(known: _Newest | None, found: _Newest) -> _Newest:
    """Return the newer of two audits of a subject, the second of which is no older.

    Of two of one time and of different images nobody could say which is meant. That there was no image yet
    says less than what is known of one.
    """
    if known is None or found.audit.created > known.audit.created:
        return found
    before, now = _digest(known.audit), _digest(found.audit)
    if not before or not now or before == now:
        return known if before else found
    why = f"is of the same time as {known.file}, and of another image: remove the one that is not meant"
    return known._replace(rivals=(*known.rivals, (found.file, why)))


def read_audit(path: Path) -> AuditReport:
    """Return the audit in a file; raises AuditUnreadable."""
    return audit_of(_body(path), str(path))


def _body(path: Path) -> bytes:
    """Return what is in a file, or one byte more than an audit may have."""
    try:
        if path.exists() and not path.is_file():
            raise AuditUnreadable(str(path), "is no file")
        with path.open("rb") as file:
            return file.read(MAX_AUDIT_BYTES + 1)
    except OSError as e:
        raise AuditUnreadable(str(path), f"cannot be read: {e.strerror or e}") from e


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        what = "is a file, not a folder of audits" if folder.exists() else "there is no such folder of audits"
        raise AuditUnreadable(str(folder), f"{what}; `fleet-audit gate --audits DIR` makes one")
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(SUFFIX):
                count += 1
                if count > MAX_AUDITS:
                    raise AuditUnreadable(str(folder), f"holds more than {MAX_AUDITS} audits")
                yield Path(place) / name


def replace_file(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there, so that no reader ever sees half of it."""
    with NamedTemporaryFile(dir=path.parent, prefix=".audit-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

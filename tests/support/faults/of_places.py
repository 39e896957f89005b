"""Caches, stored audits, histories and outputs that are damaged, locked, full or cannot be written."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from tests.support.faults.fault import Breaking, Fault
from tests.support.faults.stand import NOW, Stand
from tests.support.worlds import FAMILY

_HELD = """
import sqlite3
from fleet_audit.audit.history.store import History
History.open.__func__.__kwdefaults__["patience"] = 0.2
held = sqlite3.connect("history.sqlite", isolation_level=None)
held.execute("BEGIN IMMEDIATE")
"""
_LINE = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))"


def _entries(at: Stand) -> list[Path]:
    return [path for path in at.cache.rglob("*") if path.is_file()]


def _linked_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _known_layer(at: Stand) -> None:
    at.layers[1].write_bytes(b"")


def _each(change: Callable[[Path], object]) -> Breaking:
    def breaks(at: Stand) -> None:
        entries = _entries(at)
        assert len(entries) > 10
        for path in entries:
            change(path)

    return breaks


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 2] ^= 0x55
    path.write_bytes(data)


def _swapped(at: Stand) -> None:
    for folder in sorted({path.parent.parent for path in _entries(at)}):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        bodies = [path.read_bytes() for path in files]
        for path, body in zip(files, [*bodies[1:], *bodies[:1]], strict=True):
            path.write_bytes(body)


def _no_folder(at: Stand) -> None:
    shutil.rmtree(at.cache)
    at.cache.write_bytes(b"")


def _full_disk(size: int) -> Breaking:
    """Have no file grow beyond some bytes: to write more is an error, as on a disk that is full."""

    def breaks(at: Stand) -> None:
        at.first = _LINE.format(bytes=size)

    return breaks


def _stored(change: Callable[[Path], object]) -> Breaking:
    """Have stored audits judged again, of which one was changed."""

    def breaks(at: Stand) -> None:
        change(at.audit)
        at.words.append("--stored")

    return breaks


def _newer(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"fleet-audit.audit/1", b"fleet-audit.audit/9"))


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _no_audits_folder(at: Stand) -> None:
    shutil.rmtree(at.folder / "audits")
    at.file("audits", "")


def _a_folder(at: Stand) -> None:
    body = at.history.read_bytes()
    at.file("kept.sqlite", body)
    at.history.unlink()
    at.history.mkdir()


def _history(change: Callable[[Path], object]) -> Breaking:
    return lambda at: change(at.history)


def _sql(text: str) -> Breaking:
    def breaks(at: Stand) -> None:
        connection = sqlite3.connect(at.history)
        connection.executescript(text)
        connection.close()

    return breaks


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff" * 3000)


def _linked(path: Path) -> None:
    kept = path.with_name("kept.sqlite")
    path.rename(kept)
    path.symlink_to(kept)


def _words(*words: str) -> Breaking:
    return lambda at: at.words.extend(words)


def _baseline(text: str) -> Breaking:
    def breaks(at: Stand) -> None:
        at.file("base/vision/x.audit.json", text)
        at.words += ["--baseline", "base"]
        at.is_attested = False

    return breaks


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


def _other_kind(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"evidence"', b'"evidense"'))


def _milder(path: Path) -> None:
    body = path.read_bytes()
    assert b'"critical"' in body
    path.write_bytes(body.replace(b'"critical"', b'"low"'))


def _locked(at: Stand) -> None:
    at.first = _HELD


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _set_back(at: Stand) -> None:
    at.env["SOURCE_DATE_EPOCH"] = str(NOW - 10 * 86_400)
    at.words.append("--stored")


def _no_stored_audits(at: Stand) -> None:
    shutil.rmtree(at.folder / "audits")
    at.words.append("--stored")


def _no_place_for_attestations(at: Stand) -> None:
    shutil.rmtree(at.folder / "vsa")
    at.file("vsa", "")


def _another_baseline(at: Stand) -> None:
    at.words += ["--baseline", "nowhere"]
    at.is_attested = False


def _cache_fault(name: str, breaks: Breaking) -> Fault:
    """Return a fault that changes nothing: what fails without it fails with it, and by the same finding."""
    return Fault(name, breaks, 1, "FA-VULN-001", is_waived=False, is_warm=True)


def _aside(name: str, breaks: Breaking) -> Fault:
    return Fault(name, breaks, 1, "was damaged: it is kept as", is_waived=False)


def _stored_fault(name: str, change: Callable[[Path], object], says: str) -> Fault:
    return Fault(name, _stored(change), 3, says, "no-audit")


_UNSTORED = "the audit of vision cannot be written"

CACHES = (
    _cache_fault("each entry of the cache is empty", _each(_emptied)),
    _cache_fault("each entry of the cache is cut short", _each(_truncated)),
    _cache_fault("a bit of each entry of the cache is flipped", _each(_flip)),
    _cache_fault("entries of the cache stand in each other's places", _swapped),
    _cache_fault("each entry of the cache is a link to nothing", _each(_linked_to_nothing)),
    Fault("the cache's folder is a file", _no_folder, 2, "is a file"),
    Fault(
        "a layer is emptied that the cache knows",
        _known_layer,
        3,
        "has 0 bytes",
        "unreadable-layer",
        is_warm=True,
    ),
)

STORES = (
    Fault("the disk is full: nothing fits", _full_disk(0), 2, "File too large"),
    Fault("the disk is full: an audit does not fit", _full_disk(30_000), 70, _UNSTORED),
    Fault("the folder of audits is a file", _no_audits_folder, 70, _UNSTORED),
    Fault("a subject's folder of audits is a file", lambda at: _a_file(at.audit.parent), 70, _UNSTORED),
    _stored_fault("a stored audit is cut short", _truncated, "is no audit of fleet-audit, or damaged"),
    _stored_fault("a stored audit is empty", _emptied, "is no audit of fleet-audit, or damaged"),
    _stored_fault("a stored audit is of a later version", _newer, "'fleet-audit.audit/9'"),
    _stored_fault("a stored audit is not there", Path.unlink, "holds no audit of it"),
    _stored_fault("a stored audit is a pipe", _a_pipe, "is no file"),
    _stored_fault(
        "a stored audit lacks its evidence", _other_kind, "is not what was written, by its checksum"
    ),
    _stored_fault("a stored audit has another severity", _milder, "is not what was written, by its checksum"),
    Fault("a stored audit is of the future", _set_back, 3, "which is after today", "stale-database"),
    Fault(
        "the folder of stored audits is not there", _no_stored_audits, 2, "there is no such folder of audits"
    ),
    Fault("the baseline is not there", _another_baseline, 2, "nowhere: there is no such folder of audits"),
    Fault("the baseline is damaged", _baseline("{"), 3, "is no audit of fleet-audit, or damaged", "no-audit"),
    _aside("the history is damaged", _history(_overwritten)),
    _aside("the history is cut short", _history(_truncated)),
    _aside("the history is no database", _history(lambda path: path.write_bytes(b"notes" * 900))),
    Fault(
        "the history is a database of something else",
        _sql("PRAGMA application_id = 7"),
        2,
        "it is no history of fleet-audit, and stays as it is",
    ),
    Fault(
        "the history is of a later version",
        _sql("PRAGMA user_version = 99"),
        2,
        "a newer fleet-audit wrote it",
    ),
    Fault("the history is a folder", _a_folder, 2, "it is no regular file"),
    Fault("the history is a link", _history(_linked), 2, "it is a symbolic link"),
    Fault(
        "somebody else keeps writing into the history",
        _locked,
        2,
        "somebody else writes to it, and does not end",
    ),
    Fault(
        "the history's folder cannot be made",
        _words("--history", "policy.yaml/history.sqlite"),
        2,
        "Not a directory",
    ),
    Fault(
        "a document's folder is not there",
        _words("-o", "sarif=nowhere/x.sarif"),
        2,
        "there is no folder nowhere",
    ),
    Fault(
        "a document's disk is full",
        _words("-o", "sarif=/dev/full"),
        2,
        "cannot write /dev/full: No space left on device",
    ),
    Fault(
        "a document's place is a folder",
        _words("-o", "sarif=services"),
        2,
        "cannot write services: it is a folder",
    ),
    Fault("the folder of attestations is a file", _no_place_for_attestations, 2, "'vsa' is a file"),
    Fault(
        "something else stands in an attestation's place",
        lambda at: at.file(f"vsa/{FAMILY}.vsa.intoto.json", "{}"),
        2,
        "it is no statement of a gate, and is left alone",
    ),
)

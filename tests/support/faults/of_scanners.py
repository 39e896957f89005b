"""Scanners that are not there, crash, hang, lie or say too much, and the database that one of them reads."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.support.bolt import bolt_file
from tests.support.faults.fault import Breaking, Fault
from tests.support.faults.stand import Stand
from tests.support.gates import PACKAGES, SYFT_ANSWER
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.scanner_programs import program, syft_that, trivy_that
from tests.support.trivy_database import write_trivy_database

Write = Callable[[Stand, str], None]


def _syft(at: Stand, line: str, **fields: str) -> None:
    syft_that(at.bin, line, **fields)


def _trivy(at: Stand, line: str) -> None:
    trivy_that(at.bin, line)


def _syft_says(at: Stand, answer: str) -> None:
    at.file("../bin/syft-answer.json", answer)


def _trivy_says(at: Stand, **changes: Any) -> None:
    """Have trivy answer as before, but for these keys of its report."""
    report = json.loads((at.bin / "answer.json").read_bytes())
    at.file("../bin/answer.json", json.dumps({**report, **changes}))


def _not_executable(at: Stand) -> None:
    (at.bin / "trivy").chmod(0o644)


def _no_database(at: Stand) -> None:
    shutil.rmtree(at.database / "db")


def _half_a_database(at: Stand) -> None:
    file = at.database / "db" / "trivy.db"
    os.truncate(file, file.stat().st_size // 2)


def _described(at: Stand, text: str) -> None:
    (at.database / "db" / "metadata.json").write_text(text, encoding="utf-8")


def _made_on(at: Stand, made: datetime) -> None:
    write_trivy_database(at.database, made=made)


def _knows_nothing(at: Stand) -> None:
    (at.database / "db" / "trivy.db").write_bytes(bolt_file({}))


def _other_schema(at: Stand) -> None:
    description = json.loads((at.database / "db" / "metadata.json").read_bytes())
    _described(at, json.dumps({**description, "Version": 9}))


def _a_folder_in_its_place(at: Stand) -> None:
    file = at.database / "db" / "trivy.db"
    file.unlink()
    file.mkdir()


_HALF = SYFT_ANSWER[: len(SYFT_ANSWER) // 2]
_LARGE = "dd if=/dev/zero bs=1048576 count=1100 2>/dev/null"
_OTHER = {**PACKAGES, "libwebp7": ("9.0", "libwebp")}
_FEWER = {"libc6": PACKAGES["libc6"]}
_ALPINE = {"OS": {"Family": "alpine", "Name": "3.20"}}
_NO_SPACE = 'echo "no space left on device" >&2; exit 1'


def _hangs(write: Write) -> Breaking:
    def breaks(at: Stand) -> None:
        write(at, "sleep 600")
        at.words += ["--scanner-timeout", "0.5"]

    return breaks


def _fault(name: str, breaks: Breaking, says: str, gap: str = "scanner-failed") -> Fault:
    return Fault(name, breaks, 3, says, gap)


SCANNERS = (
    _fault(
        "syft is not there",
        lambda at: at.options.update({"--syft": "/nowhere/syft"}),
        "is no program that can be started",
    ),
    _fault(
        "trivy is not there",
        lambda at: at.options.update({"--trivy": "/nowhere/trivy"}),
        "is no program that can be started",
    ),
    _fault("trivy may not be executed", _not_executable, "is no program that can be started"),
    _fault("syft is no program", lambda at: program(at.bin, "syft", ")"), "syft: ended with status 2"),
    _fault(
        "syft does not say its version",
        lambda at: _syft(at, "exit", version='"'),
        "is not the syft that makes inventories",
    ),
    _fault(
        "trivy does not say its version",
        lambda at: program(at.bin, "trivy", "exit 0"),
        "does not say its version",
    ),
    _fault("syft ends with an error", lambda at: _syft(at, _NO_SPACE), "no space left on device"),
    _fault("trivy ends with an error", lambda at: _trivy(at, _NO_SPACE), "no space left on device"),
    _fault("syft is killed", lambda at: _syft(at, "kill -KILL $$"), "syft: ended with status -9"),
    _fault("trivy crashes", lambda at: _trivy(at, "kill -SEGV $$"), "trivy: ended with status -11"),
    _fault("syft hangs", _hangs(_syft), "syft: did not end within 0.5 seconds"),
    _fault("trivy hangs", _hangs(_trivy), "trivy: did not end within 0.5 seconds"),
    _fault(
        "syft answers nothing", lambda at: _syft(at, "exit 0"), "syft: its answer cannot be read: it is empty"
    ),
    _fault(
        "trivy answers nothing",
        lambda at: _trivy(at, "exit 0"),
        "trivy: its answer cannot be read: it is empty",
    ),
    _fault(
        "syft's answer ends in the middle",
        lambda at: _syft_says(at, _HALF),
        "syft: its answer cannot be read",
    ),
    _fault(
        "trivy's answer ends in the middle",
        lambda at: at.file("../bin/answer.json", '{"Sch'),
        "trivy: its answer cannot be read",
    ),
    _fault(
        "syft's answer is of another form",
        lambda at: _syft_says(at, SYFT_ANSWER.replace("16.", "99.")),
        "it has schema 99",
    ),
    _fault(
        "trivy's answer is of another form", lambda at: _trivy_says(at, SchemaVersion=9), "it has schema 9"
    ),
    _fault(
        "syft's answer is nested without end",
        lambda at: _syft_says(at, "[" * 200_000),
        "its answer cannot be read",
    ),
    _fault(
        "syft's answer is another program's",
        lambda at: _syft_says(at, SYFT_ANSWER.replace('"syft"', '"xyft"')),
        "it is of 'xyft'",
    ),
    _fault(
        "trivy answers about a folder",
        lambda at: _trivy_says(at, ArtifactType="filesystem"),
        "an image was shown",
    ),
    _fault(
        "trivy answers about another image",
        lambda at: _trivy_says(at, Metadata={"DiffIDs": ["sha256:1"]}),
        "it is about another image",
    ),
    _fault(
        "trivy claims that there is no package",
        lambda at: trivy_saying(at.bin, scan_report({}, {})),
        "trivy did not look at them",
        "not-scanned",
    ),
    _fault(
        "trivy passes over a package",
        lambda at: trivy_saying(at.bin, scan_report(_FEWER, {})),
        "trivy did not look at them: pkg:deb/debian/libwebp7",
        "not-scanned",
    ),
    _fault(
        "trivy looks at another version of a package",
        lambda at: trivy_saying(at.bin, scan_report(_OTHER, {})),
        "trivy did not look at them: pkg:deb/debian/libwebp7@1.0",
        "not-scanned",
    ),
    _fault(
        "trivy takes the image for another system",
        lambda at: _trivy_says(at, Metadata=_ALPINE),
        "alpine 3.20",
        "not-scanned",
    ),
    _fault("trivy writes a gigabyte to its output", lambda at: _trivy(at, _LARGE), "wrote more than"),
    _fault("there is no database", _no_database, "is not there; fetch it"),
    _fault("the database is cut short", _half_a_database, "is damaged: it should have"),
    _fault("the database is of another version", _other_schema, "is of version 9"),
    _fault(
        "the database's description is damaged",
        lambda at: _described(at, "{"),
        "has a description that cannot be read",
    ),
    _fault("the database cannot be read", _a_folder_in_its_place, "cannot be read (Is a directory)"),
    _fault(
        "the database is old",
        lambda at: _made_on(at, datetime(2026, 9, 1, tzinfo=UTC)),
        "78 days ago, and 7 are allowed",
        "stale-database",
    ),
    _fault(
        "the database is of the future",
        lambda at: _made_on(at, datetime(2031, 1, 1, tzinfo=UTC)),
        "how old it is cannot be told",
        "stale-database",
    ),
    _fault(
        "the database knows nothing of Debian",
        _knows_nothing,
        "no advisories of any kind for debian packages",
        "not-scanned",
    ),
)

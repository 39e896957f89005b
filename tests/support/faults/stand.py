"""A small world before the gate in which everything holds, one thing of which is then broken.

Its image has a grave advisory. Where a waiver covers it the gate passes; without one it fails. There are a
stored audit, a history and an attestation of an earlier day, which no fault may cost.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest import mock

from fleet_audit.audit.model.stored_audit import AuditUnreadable
from fleet_audit.audit.pipeline.audits.stored import SUFFIX, read_audit
from fleet_audit.audit.pipeline.run.settings import CONFIGURATION
from tests.support.gates import GRAVE, MADE, PACKAGES, SYFT_ANSWER, layers, syft_saying
from tests.support.packaged import with_known_rules
from tests.support.scan_reports import scan_report, trivy_saying
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, World

NOW = 1795000000
"""A second of 2026-11-18."""

_DAY = 86_400
_SECONDS = 60

WAIVERS = """\
- id: W-1
  rule: FA-VULN-001
  match: {vuln: CVE-2030-1}
  owner: vision-team
  reason: the images that it reads are its own
  created: 2026-11-01
  expires: 2026-11-25
"""
POLICY = "version: 1\nname: ours\nextends: default\n"
RULE = """\
id: ACME-NEED-001
title: A library of ours is missing
subject: need
severity: error
mode: enforce
since: 2026-11
deny: need.name == "libacme.so.1" && need.status == "missing"
message: need.name + " is missing"
why: Nothing of ours starts without it.
tests:
  - {expect: deny, given: {need: {name: libacme.so.1, status: missing}}, message: libacme.so.1 is missing}
  - {expect: allow, given: {need: {name: libacme.so.1, status: resolved}}}
"""
RULE_FILE = "own/ACME-NEED-001.yaml"
_KEYS = {
    "policy": "policy.yaml",
    "rules": "[own]",
    "waivers": "waivers.yaml",
    "audits": "audits",
    "history": "history.sqlite",
}

Document = dict[str, Any]


class Seen(NamedTuple):
    """What a gate left: exit code, what it said on both streams, its document, and what was lost."""

    code: int
    said: str
    document: Document | None
    lost: tuple[str, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """Return the kinds of the gaps that block, in the order of the document."""
        gaps = [] if self.document is None else self.document["gaps"]
        return tuple(gap["kind"] for gap in gaps if gap["blocking"])


_HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
"""A job in the background, or behind nohup, ignores both signals, and so does whatever it starts."""


class Stand:
    """The world in a folder, to be broken and then judged.

    `options` are the scanners', `words` are the rest of the command's, `env` more of the environment. With
    `first`, lines of Python that are run before the command, it is a process of its own. `spoilt` are files
    that the fault itself changes while the gate runs. Attestations are asked for where it `is_attested`.
    """

    def __init__(self, root: Path) -> None:
        """Take the world that is in a folder, and write the scanners that it asks."""
        self.root = root
        self.folder = root / "fleet"
        self.cache = root / "cache"
        self.bin = root / "bin"
        self.database = root / "trivy"
        self.document = root / "document.json"
        self.options = self._scanners()
        self.words: list[str] = [FAMILY]
        self.env: dict[str, str] = {}
        self.first = ""
        self.spoilt: set[Path] = set()
        self.is_attested = True

    @property
    def image(self) -> Path:
        """Return the layout of the family's image."""
        return self.folder / "images" / FAMILY

    @property
    def layers(self) -> list[Path]:
        """Return the files of the image's layers, the lowest first."""
        return [self.blob(each["digest"]) for each in self.manifest["layers"]]

    @property
    def manifest(self) -> Document:
        """Return the image's manifest."""
        index = json.loads((self.image / "index.json").read_bytes())
        found: Document = json.loads(self.blob(index["manifests"][0]["digest"]).read_bytes())
        return found

    @property
    def audit(self) -> Path:
        """Return the file of the audit that is stored."""
        (found,) = (self.folder / "audits").rglob("*.audit.json")
        return found

    @property
    def history(self) -> Path:
        """Return the file of the history."""
        return self.folder / "history.sqlite"

    def blob(self, digest: str) -> Path:
        """Return the file of a blob of the image."""
        return self.image / "blobs" / "sha256" / digest.partition(":")[2]

    def file(self, path: str, body: str | bytes) -> None:
        """Write a file of the repository."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body if isinstance(body, bytes) else body.encode())

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace what stands in a file of the repository."""
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text, (path, old)
        self.file(path, text.replace(old, new))

    def judge(self) -> Seen:
        """Run the gate, and say what it answered and what is not there any more."""
        before, courses = self._files(), self._courses()
        self.document.unlink(missing_ok=True)
        code, said = self.run("-o", "text", "-o", f"json={self.document}")
        document = json.loads(self.document.read_bytes()) if self.document.exists() else None
        lost = (*self._lost_files(before, code), *self._lost_courses(courses))
        return Seen(code, said, document, lost)

    def run(self, *words: str) -> tuple[int, str]:
        """Run the gate with these words and the stand's own; return its exit code and what it said."""
        if self.first:
            process = self.started(*words)
            said, _ = process.communicate(timeout=_SECONDS)
            return process.returncode, said
        with mock.patch.dict(os.environ, self._environment()), chdir(self.folder):
            code, out, err = World.say(*self._asked(words))
        return code, out + err

    def started(self, *words: str) -> "subprocess.Popen[str]":
        """Start the gate as a process of its own, whose errors are told where its answer is."""
        asked = list(self._asked(words))
        script = f"{_HEARING}\n{self.first}\nfrom fleet_audit.__main__ import main; main({asked!r})"
        path = os.pathsep.join(filter(None, sys.path))
        return subprocess.Popen(  # noqa: S603  (our own words)
            [sys.executable, "-c", script],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, **self._environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _asked(self, words: tuple[str, ...]) -> tuple[str, ...]:
        attesting = ("--attest", "vsa") if self.is_attested else ()
        options = (part for pair in self.options.items() for part in pair)
        return ("gate", *self.words, *attesting, *options, *words)

    def _environment(self) -> dict[str, str]:
        archive = (self.root / "archive").as_uri()
        own = {"FLEET_AUDIT_CACHE_DIR": str(self.cache), "FLEET_AUDIT_ARCHIVE": archive}
        return {**own, "SOURCE_DATE_EPOCH": str(NOW), **self.env}

    def _scanners(self) -> dict[str, str]:
        found = {"libwebp7": [GRAVE]}
        return {
            "--syft": str(syft_saying(self.bin, SYFT_ANSWER)),
            "--trivy": str(trivy_saying(self.bin, scan_report(PACKAGES, found))),
            "--db": str(self.database),
        }

    def _files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if _is_body(path)}

    def _lost_files(self, before: dict[Path, bytes], code: int) -> Iterator[str]:
        after = self._files()
        for path, body in before.items():
            if path in self.spoilt:
                continue
            name = path.relative_to(self.folder).as_posix()
            if name.startswith("vsa/"):
                yield from self._about_attestation(name, after.get(path), body, code)
            elif body not in after.values() and not self._is_renewed(path):
                yield f"{name} is not what it was"
        for path in after.keys() - before.keys():
            # Who is killed cleans up no more; nothing takes it for a document.
            if code >= 0 and path.name.startswith((".audit-", ".fleet-audit-")):
                yield f"{path.name} is left behind"

    def _is_renewed(self, path: Path) -> bool:
        """Say whether a file is there that a gate may write anew, and whole."""
        if path == self.history:
            return path.is_file()
        try:
            return path.name.endswith(SUFFIX) and bool(read_audit(path).subject)
        except AuditUnreadable:
            return False

    def _about_attestation(self, name: str, now: bytes | None, before: bytes, code: int) -> Iterator[str]:
        if self.is_attested and code in {1, 3} and now is not None:
            yield f"{name} still says that the image passed"
        elif now not in {None, before}:
            yield f"{name} was written anew"

    def _courses(self) -> dict[str, str]:
        """Return the state of each finding in the history, where it can be read."""
        code, said = self._history()
        lines: list[Document] = [json.loads(line) for line in said.splitlines()] if code == 0 else []
        return {line["fingerprint"]: line["changes"][-1]["state"] for line in lines if line.get("advisory")}

    def _lost_courses(self, before: dict[str, str]) -> Iterator[str]:
        if not before:
            return
        after = self._courses()
        for fingerprint, state in before.items():
            if state != "closed" and after.get(fingerprint, "closed") == "closed":
                yield f"{fingerprint} was {state} in the history, and is gone"

    def _history(self) -> tuple[int, str]:
        with chdir(self.folder):
            code, out, _ = World.say("history", "export", "--history", str(self.history))
        return code, out


def _is_body(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def stand(root: Path, *, is_waived: bool = True, is_warm: bool = False) -> Stand:
    """Return a copy of the world in an empty folder; with `is_warm` its cache holds all it ever will."""
    shutil.copytree(_made().root, root, symlinks=True, dirs_exist_ok=True)
    made = Stand(root)
    if not is_waived:
        made.edit("waivers.yaml", "CVE-2030-1", "CVE-2030-9")
    if is_warm:
        made.run("--audits", "../a", "--history", "../h.sqlite", "-o", "text")
    return made


@cache
def _kept() -> "TemporaryDirectory[str]":
    """Return a folder that stays until the process ends."""
    return TemporaryDirectory(prefix="fleet-audit-faults-")


@cache
def _made() -> Stand:
    """Return the world as it was judged a day before, with a cache that only knows the rules."""
    root = Path(_kept().name)
    world = World(root)
    world.family(FAMILY, *layers()).service(SERVICE, "import cv2\n")
    manifest = (world.folder / "fleet.yaml").read_text(encoding="utf-8")
    world.file("fleet.yaml", manifest + "".join(f"{key}: {value}\n" for key, value in _KEYS.items()))
    world.file("policy.yaml", POLICY).file("waivers.yaml", WAIVERS).file(RULE_FILE, RULE)
    write_trivy_database(root / "trivy", made=MADE)
    with_known_rules(world.cache)
    made = Stand(root)
    made.env = {"SOURCE_DATE_EPOCH": str(NOW - _DAY)}
    code, said = made.run("-o", "text")
    assert code == 0, said
    for each in world.cache.iterdir():
        if each.name != CONFIGURATION:
            shutil.rmtree(each)
    return made

"""Audits as documents (CONTRACT ``audit/1``): written, and read back as the same values.

What follows from other fields (the verdict, fingerprints, whether a gap blocks) is written for those who read
the document, and worked out again when it is read: a verdict is never taken from a file. What is stored ends
with a checksum: a rule that finds nothing in a damaged fact would let it pass.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.json_text import json_of

SCHEMA = "fleet-audit.audit/1"
MAX_AUDIT_BYTES = 512 << 20
_SCHEMAS = "fleet-audit.audit/"
_CHECKSUM = b',"checksum":"sha256:%s"}'
_CHECKSUM_AT_END = re.compile(rb',"checksum":"sha256:([0-9a-f]{64})"}\s*\Z')
_CHECKSUM_BYTES = 256


class AuditUnreadable(FleetAuditError):
    """A file is no audit that this version can read; `why` says what it is instead."""

    def __init__(self, file: str, why: str) -> None:
        """Keep the file's name and the reason."""
        self.file = file
        self.why = why
        super().__init__(file, why)

    def __str__(self) -> str:
        """Return both as one sentence."""
        return f"{self.file}: {self.why}"


def document_of(audit: AuditReport) -> dict[str, Any]:
    """Return an audit's document; `audit_of` gives the audit back."""
    fields: dict[str, Any] = msgspec.to_builtins(audit)
    fields["findings"] = [
        {**told, "fingerprint": finding.fingerprint, "blocks": finding.blocks}
        for told, finding in zip(fields["findings"], audit.findings, strict=True)
    ]
    fields["gaps"] = [
        {**told, "blocking": gap.blocking} for told, gap in zip(fields["gaps"], audit.gaps, strict=True)
    ]
    head = {"schema": SCHEMA, "tool": {"name": "fleet-audit", "version": __version__}}
    return {**head, **fields, "verdict": audit.verdict.value}


def encoded(audit: AuditReport) -> bytes:
    """Return an audit's document as JSON; names that are no text, as of files, stand as their escapes."""
    body = json_of(document_of(audit))
    return body[:-1] + _CHECKSUM % sha256(body).hexdigest().encode()


class AuditHead(msgspec.Struct, frozen=True):
    """The first that is to be known of a stored audit: of what it is, when it was made, and in which form."""

    schema: str = ""
    tool: dict[str, Any] = {}
    subject: str = ""
    created: str = ""


def head_of(body: bytes, file: str) -> AuditHead:
    """Return the head of a document that is an audit of this form; raises AuditUnreadable for others."""
    if len(body) > MAX_AUDIT_BYTES:
        raise AuditUnreadable(file, f"is larger than {MAX_AUDIT_BYTES >> 20} MiB")
    with _understood(file):
        head = msgspec.json.decode(body, type=AuditHead)
    if head.schema != SCHEMA:
        raise AuditUnreadable(file, _other(head))
    return head


def audit_of(body: bytes, file: str) -> AuditReport:
    """Return the audit that a document holds; raises AuditUnreadable for anything else.

    `file` is what messages call it. A document without a checksum (one of a report's) is taken at its word.
    """
    head_of(body, file)
    _check_sum(body, file)
    with _understood(file):
        return msgspec.json.decode(body, type=AuditReport)


def _check_sum(body: bytes, file: str) -> None:
    stated = _CHECKSUM_AT_END.search(body, max(0, len(body) - _CHECKSUM_BYTES))
    if stated is None:
        return
    summed = sha256(memoryview(body)[: stated.start()])
    summed.update(b"}")
    if summed.hexdigest().encode() != stated.group(1):
        raise AuditUnreadable(file, "is not what was written, by its checksum: audit the image again")


@contextmanager
def _understood(file: str) -> Iterator[None]:
    try:
        yield
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        # A ValidationError, which names the place, is a DecodeError.
        raise AuditUnreadable(file, f"is no audit of fleet-audit, or damaged: {e}") from e


def _other(head: AuditHead) -> str:
    if not head.schema.startswith(_SCHEMAS):
        what = f"a document of the schema {head.schema[:60]!r}" if head.schema else "JSON without a schema"
        return f"is no audit but {what}; `fleet-audit gate --audits DIR` writes audits"
    written = str(head.tool.get("version", "another version"))[:40]
    return (
        f"is an audit of the schema {head.schema[:60]!r}, written by fleet-audit {written}; "
        f"this is {__version__} and reads {SCHEMA}: audit the image again"
    )

"""Compares what two words of the user mean: families, services, images, SBOMs and audits."""

import os
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.difference import DiffReport
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.pipeline.comparing.audits import audited_subject
from fleet_audit.audit.pipeline.comparing.comparison import compared
from fleet_audit.audit.pipeline.comparing.documents import document_side
from fleet_audit.audit.pipeline.comparing.images import Looking, image_side
from fleet_audit.audit.pipeline.comparing.side import Side
from fleet_audit.audit.pipeline.inventories.documents import body_of
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import (
    Subject,
    has_name,
    image_subject,
    named_subject,
    names_image,
)

_BEGINNINGS = (b"{", b"[", b"<")
"""How documents begin, and no archive does."""

_DOCUMENTS = (".json", ".xml", ".spdx", ".cdx")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_IMAGE = "image"


class Given(msgspec.Struct, frozen=True):
    """What one word means: a document with what is in it, or a subject of the given kind."""

    word: str
    subject: Subject | None = None
    kind: str = _IMAGE
    body: bytes = b""


def compared_words(words: tuple[str, str], shared: Shared, looking: Looking) -> DiffReport:
    """Return how the second differs from the first.

    Where one of them is a family or service, or the audit of one, and the other a bare image, its services
    are looked at on that image too: what they need is comparable only so. Raises UsageError for a word that
    means nothing, and the errors of images and documents that cannot be read.
    """
    first, second = (given(word, shared.fleet) for word in words)
    sides = (_side(first, second, shared, looking), _side(second, first, shared, looking))
    return compared(*sides)


def given(word: str, fleet: Fleet | None) -> Given:
    """Return what a word means; what the manifest has by that name comes before a file of the same name."""
    if fleet is not None and has_name(fleet, word):
        kind = "service" if fleet.family_name(word) is None else "family"
        return Given(word, named_subject(fleet, word), kind)
    if _is_document(word):
        return Given(word, body=body_of(Path(word)))
    if names_image(word, fleet):
        return Given(word, image_subject(word, source=None, entry=""))
    if word.endswith(_DOCUMENTS):
        raise UsageError(f"{word}: there is no such file")
    if fleet is None:
        raise UsageError(
            f"{word}: there is no such file, it names no image, and no fleet.yaml here or above has a "
            "family or service of this name; pass -f FILE, or name an image or an SBOM"
        )
    return Given(word, named_subject(fleet, word))


def _is_document(word: str) -> bool:
    """Say whether a word names a file that is called or begins as documents are and do."""
    if not os.path.isfile(word):
        return False
    if word.endswith(_DOCUMENTS):
        return True
    try:
        with Path(word).open("rb") as file:
            return file.read(4096).lstrip(_BLANK)[:1] in _BEGINNINGS
    except OSError:
        # Whoever reads it as an image says why it cannot be read.
        return False


def _side(one: Given, other: Given, shared: Shared, looking: Looking) -> Side:
    if one.subject is None:
        return document_side(one.word, one.body)
    subject = one.subject
    notes: tuple[str, ...] = ()
    whose = _whose(other, shared.fleet)
    if one.kind == _IMAGE and whose and shared.fleet is not None:
        subject = named_subject(shared.fleet, whose, image=one.subject.image)
        notes = (f"its needs are those of the services of {whose}, as if they ran on it",)
    side = image_side(subject, one.kind, shared, looking)
    named = msgspec.structs.replace(side.subject, name=one.word)
    return msgspec.structs.replace(side, subject=named, notes=notes)


def _whose(given: Given, fleet: Fleet | None) -> str:
    """Return the family or service of the fleet whose services a side speaks of; empty for none."""
    if given.subject is not None:
        return "" if given.kind == _IMAGE else given.word
    name = audited_subject(given.body)
    return name if fleet is not None and name and has_name(fleet, name) else ""

"""Whether the Release of a suite is signed by whom it should be, and the text that was signed.

The rules are those of apt (methods/gpgv.cc): one good signature is enough, one bad signature is too much.
Other than apt, a Release on which nothing could be proved is still read, and it is said why.
"""

from collections.abc import Collection, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from fleet_audit.audit.apt.archive.keyrings import Keyrings, Keys
from fleet_audit.audit.apt.archive.sources import ArchiveSource
from fleet_audit.audit.tools.gpgv import ADVICE, Examined, KeySignature, SignatureState, examine, is_damaged
from fleet_audit.audit.tools.process import ToolError, ToolFailed

BEGIN_MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----"
BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"

_UNCHECKED = "the signature of Release was not checked"
_UNSIGNED = "Release bears no signature"
_TRUSTED = f"{_UNCHECKED}: the source says trusted=yes"
_NO_PROGRAM = f"{_UNCHECKED}: gpgv is not installed; {ADVICE}"
_NO_KEYS = f"{_UNCHECKED}: neither the image nor this machine has archive keys for it"
_SHOWN_KEYS = 3


class Lack(StrEnum):
    """What a Release itself lacks to be proved, whatever the day and the machine."""

    NOTHING = ""
    SIGNATURE = "signature"
    KEY = "key"


class BadSignature(Exception):
    """A Release is not what its signer signed, or is signed by a key that was revoked; `why` is a clause."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return the reason."""
        return self.why


class Signed(msgspec.Struct, frozen=True):
    """A Release as far as it may be believed: its `text`, whose signatures prove it, or why nothing does.

    `doubt` is empty where at least one signature is good, with keys that are known by `keys`; it is a clause
    about the Release. `lack` is NOTHING as well where only time, this machine or the user keep it from being
    proved; it is KEY where none of the keys that may sign is one that signed.
    """

    text: bytes
    signers: tuple[str, ...] = ()
    doubt: str = ""
    keys: str = ""
    lack: Lack = Lack.NOTHING


class SignatureCheck(Protocol):
    """What judges a Release of a source, given as an InRelease or with its Release.gpg."""

    def __call__(self, source: ArchiveSource, body: bytes, detached: bytes | None) -> Signed:
        """Return what may be believed; raises BadSignature."""
        ...


def unchecked(source: ArchiveSource, body: bytes, detached: bytes | None) -> Signed:
    """Believe a Release as it is: a check for those who only want to read it."""
    del source, detached
    return Signed(clear_text(body), doubt=_UNCHECKED)


class GpgvCheck:
    """Checks signatures with gpgv, against the keys that an image or this machine has for a source."""

    def __init__(self, program: Path | None, folder: Path, keyrings: Keyrings) -> None:
        """Use `program`, None where gpgv is not installed; temporary files stand below `folder`."""
        self._program = program
        self._folder = folder
        self._keyrings = keyrings

    def __call__(self, source: ArchiveSource, body: bytes, detached: bytes | None) -> Signed:
        """Return what may be believed; raises BadSignature.

        The text is what gpgv verified, and nothing that stands around it. The keys of the next owner are
        tried only where those of the one before are not those that signed.
        """
        text = clear_text(body)
        if source.is_trusted:
            return Signed(text, doubt=_TRUSTED)
        if detached is None and text == body:
            return Signed(text, doubt=_UNSIGNED, lack=Lack.SIGNATURE)
        if detached is None:
            _refuse_more_than_one(body)
        if self._program is None:
            return Signed(text, doubt=_NO_PROGRAM)
        doubt, lack = _NO_KEYS, Lack.NOTHING
        for keys in self._keyrings.of(source):
            found = self._examined(self._program, body, keys, detached)
            if isinstance(found, str):
                return Signed(text, doubt=found)
            if signers := _signers(found.signatures, keys):
                return Signed(found.text, signers, keys=keys.digest)
            doubt, lack = _doubt(found.signatures, keys), _lack(found.signatures)
            if any(each.state is not SignatureState.NO_KEY for each in found.signatures):
                break
        return Signed(text, doubt=doubt, lack=lack)

    def _examined(self, program: Path, body: bytes, keys: Keys, detached: bytes | None) -> Examined | str:
        """Return what gpgv found, or why it found nothing."""
        try:
            found = examine(program, body, keys.body, folder=self._folder, signature=detached)
        except ToolError as e:
            if isinstance(e, ToolFailed) and is_damaged(e.stdout):
                raise BadSignature("its signature is damaged") from e
            return f"{_UNCHECKED}: {e}"
        _refuse_bad(found.signatures)
        return found


def clear_text(body: bytes) -> bytes:
    """Return the text within a clear signature (RFC 9580, section 7), unproved; what bears none, as it is."""
    text = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if not text.startswith(BEGIN_MESSAGE):
        return body
    message = text.partition("\n\n")[2].partition(f"\n{BEGIN_SIGNATURE}")[0]
    plain = "\n".join(line.removeprefix("- ") for line in message.split("\n"))
    return plain.encode("utf-8", "surrogateescape")


def _refuse_more_than_one(body: bytes) -> None:
    # What gpgv says of several messages in one file does not tell which of them it is about.
    begins = (BEGIN_MESSAGE, BEGIN_SIGNATURE)
    lines = [line.strip() for line in body.decode("ascii", "replace").splitlines()]
    if any(lines.count(begin) != 1 for begin in begins):
        raise BadSignature("it is not one signed text")


def _refuse_bad(signatures: Iterable[KeySignature]) -> None:
    for each in signatures:
        if each.state is SignatureState.BAD:
            raise BadSignature(f"its text is not what {_whose(each)} signed")
        if each.state is SignatureState.KEY_REVOKED:
            raise BadSignature(f"it is signed with a key that was revoked: {_whose(each)}")


def _signers(signatures: Iterable[KeySignature], keys: Keys) -> tuple[str, ...]:
    good = (each for each in signatures if each.state is SignatureState.GOOD)
    return tuple(sorted({_whose(each) for each in good if _may_sign(each.fingerprints, keys.fingerprints)}))


def _may_sign(fingerprints: Collection[str], allowed: Collection[str]) -> bool:
    return not allowed or any(each in allowed for each in fingerprints)


_DOUBTS = {
    SignatureState.KEY_EXPIRED: "Release is signed with a key that has expired",
    SignatureState.SIGNATURE_EXPIRED: "the signature of Release has expired",
    SignatureState.UNCHECKED: "gpgv does not take the signature of Release for a proof",
    SignatureState.GOOD: "Release is signed with another key than its source names",
    SignatureState.NO_KEY: "Release is signed with a key that {owner} does not know",
}
"""What is said of signatures none of which proves anything, the nearest to a proof first."""


def _doubt(signatures: Iterable[KeySignature], keys: Keys) -> str:
    by_state: dict[SignatureState, list[str]] = {}
    for each in signatures:
        by_state.setdefault(each.state, []).append(_whose(each))
    for state, words in _DOUBTS.items():
        if names := sorted(set(by_state.get(state, ()))):
            more = f" and {len(names) - _SHOWN_KEYS} more" if len(names) > _SHOWN_KEYS else ""
            return f"{words.format(owner=keys.owner)} ({', '.join(names[:_SHOWN_KEYS])}{more})"
    return f"{_UNCHECKED}: gpgv said nothing of it"


def _lack(signatures: Iterable[KeySignature]) -> Lack:
    has_ended = any(
        each.state in (SignatureState.KEY_EXPIRED, SignatureState.SIGNATURE_EXPIRED) for each in signatures
    )
    return Lack.NOTHING if has_ended else Lack.KEY


def _whose(signature: KeySignature) -> str:
    return f"{signature.name} {signature.key}".strip()

"""Whether a text bears a signature of certain keys: gpgv is asked, where it is installed (gpgv(1))."""

import os
import shutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote

import msgspec

from fleet_audit.audit.tools.process import ToolError, ToolFailed, run

NAME = "gpgv"
ADVICE = "install gpgv (apt-get install gpgv, dnf install gnupg2, brew install gnupg)"

_SECONDS = 60.0
_STATUS_LIMIT = 1 << 20
_MAX_SIGNATURES = 64
_STATUS = "[GNUPG:] "
_DAMAGED = tuple(
    _STATUS.encode() + keyword for keyword in (b"NODATA", b"BADARMOR", b"UNEXPECTED", b"ERROR proc_pkt")
)
_NO_PUBLIC_KEY = "9"  # GPG_ERR_NO_PUBKEY (libgpg-error, err-codes.h)
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
# What proves nothing any more is not to count as proof: gpgv takes SHA-1 unless it is told.
_WEAK = ("SHA1", "RIPEMD160")


class SignatureState(StrEnum):
    """What gpgv says of one signature (doc/DETAILS of GnuPG, "General status codes")."""

    GOOD = "good"
    BAD = "bad"
    SIGNATURE_EXPIRED = "signature-expired"
    KEY_EXPIRED = "key-expired"
    KEY_REVOKED = "key-revoked"
    NO_KEY = "no-key"
    UNCHECKED = "unchecked"


class KeySignature(msgspec.Struct, frozen=True):
    """One signature: what became of it, and whose it is.

    `key` is what is known of the key, an identifier or a fingerprint. `fingerprints` are those of the key and
    of the primary key that it belongs to; only a signature that was proved has them. `name` is the key's own.
    """

    state: SignatureState
    key: str
    name: str = ""
    fingerprints: tuple[str, ...] = ()


class Examined(msgspec.Struct, frozen=True):
    """What gpgv found: every signature, and the `text` that they were made for, with nothing around it."""

    text: bytes
    signatures: tuple[KeySignature, ...]


def find_gpgv(environment: Mapping[str, str]) -> Path | None:
    """Return the gpgv on PATH; None where there is none."""
    found = shutil.which(NAME, path=environment.get("PATH", ""))
    return None if found is None else Path(found)


def examine(
    program: Path, message: bytes, keys: bytes, *, folder: Path, signature: bytes | None = None
) -> Examined:
    """Return what signatures `message` bears, asked of gpgv with no other keys than `keys` (binary OpenPGP).

    Without a `signature` of its own, the message is one with a clear signature, whose text is what gpgv took
    from it. Nothing but a temporary folder below `folder` is written. Raises ToolError where gpgv cannot be
    run, ends without a word on any signature, or found what is no signed text (`is_damaged`).
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".gpgv-") as place:
            return _examined(program, message, keys, signature, Path(place))
    except OSError as e:
        raise ToolError((NAME,), f"cannot be used, as {folder} cannot be written: {e.strerror or e}") from e


def _examined(program: Path, message: bytes, keys: bytes, signature: bytes | None, place: Path) -> Examined:
    (place / "keys").write_bytes(keys)
    (place / "message").write_bytes(message)
    argv = [str(program), "--homedir", str(place), "--keyring", str(place / "keys"), "--status-fd", "1"]
    argv += [word for digest in _WEAK for word in ("--weak-digest", digest)]
    if signature is None:
        argv += ["--output", str(place / "text"), str(place / "message")]
    else:
        (place / "signature").write_bytes(signature)
        argv += [str(place / "signature"), str(place / "message")]
    try:
        status = run(argv, timeout=_SECONDS, env=_ENVIRONMENT, output_limit=_STATUS_LIMIT)
    except ToolFailed as e:
        # Any signature that is not good makes it fail; what it says of each of them is what counts.
        status = e.stdout
        if is_damaged(status) or not any(_signatures(status)):
            raise ToolFailed((NAME,), e.status, e.stderr, status) from e
    text = message
    if signature is None:
        taken = place / "text"
        text = taken.read_bytes() if taken.is_file() else b""
    return Examined(text, tuple(_signatures(status))[:_MAX_SIGNATURES])


def is_damaged(status: bytes) -> bool:
    """Say whether gpgv found something else than one text and its signatures, by its status lines.

    A good signature may be among it; as for apt, it counts for nothing then.
    """
    return any(line.startswith(_DAMAGED) for line in status.split(b"\n"))


_STATES = {
    "GOODSIG": SignatureState.GOOD,
    "BADSIG": SignatureState.BAD,
    "EXPSIG": SignatureState.SIGNATURE_EXPIRED,
    "EXPKEYSIG": SignatureState.KEY_EXPIRED,
    "REVKEYSIG": SignatureState.KEY_REVOKED,
}


def _signatures(status: bytes) -> Iterator[KeySignature]:
    pending: KeySignature | None = None
    # Only line feeds end a status line: a key's name may hold other signs that Python takes for an end.
    for line in status.decode("utf-8", "backslashreplace").split("\n"):
        keyword, _, rest = line.removeprefix(_STATUS).partition(" ")
        if not line.startswith(_STATUS):
            continue
        words = rest.split()
        if keyword == "VALIDSIG" and pending is not None and words:
            fingerprints = tuple(dict.fromkeys((words[0], words[-1])))
            pending = msgspec.structs.replace(pending, fingerprints=fingerprints)
        elif (found := _signature(keyword, words)) is not None:
            if pending is not None:
                yield _proved(pending)
            pending = found
    if pending is not None:
        yield _proved(pending)


def _signature(keyword: str, words: list[str]) -> KeySignature | None:
    if keyword in _STATES and words:
        return KeySignature(_STATES[keyword], words[0], unquote(" ".join(words[1:])))
    if keyword == "ERRSIG" and len(words) > 5:
        is_absent = words[5] == _NO_PUBLIC_KEY
        return KeySignature(SignatureState.NO_KEY if is_absent else SignatureState.UNCHECKED, words[0])
    return None


def _proved(signature: KeySignature) -> KeySignature:
    # "Good" is about the bytes alone; that the whole signature holds is what VALIDSIG says.
    if signature.state is SignatureState.GOOD and not signature.fingerprints:
        return msgspec.structs.replace(signature, state=SignatureState.UNCHECKED)
    return signature

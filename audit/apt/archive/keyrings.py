"""Which keys may sign for an archive: an image's, else this machine's (apt-secure(8), sources.list(5))."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.apt.archive.sources import ArchiveSource
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise
from fleet_audit.audit.model.identity import ImagePath

_TRUSTED = ImagePath("/etc/apt/trusted.gpg")
_TRUSTED_PARTS = ImagePath("/etc/apt/trusted.gpg.d")
_KEYRINGS = ImagePath("/usr/share/keyrings")
_SUFFIXES = (".gpg", ".asc", ".pgp")

_FILE_LIMIT = 1 << 20
_TOTAL_LIMIT = 8 << 20
_MAX_FILES = 64

_ARMOR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_ARMOR_END = "-----END PGP PUBLIC KEY BLOCK-----"
# The first byte of a public key packet (RFC 9580, section 4.2); apt takes no other binary file for a keyring.
_PACKET = (b"\x98", b"\x99", b"\xc6")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?!?")


class Keys(msgspec.Struct, frozen=True):
    """Keys that may sign for one source: `body` is a binary OpenPGP keyring, empty where there is no key.

    With `fingerprints`, only those of them (or subkeys of theirs) may. `owner` says whose keys they are.
    """

    owner: str
    body: bytes
    fingerprints: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """Return what these keys are known by."""
        return hashlib.sha256(self.body + " ".join(sorted(self.fingerprints)).encode()).hexdigest()


class Keyrings:
    """The archive keys of an image and of this machine, for archives of one distribution.

    Files are read from the trees when they are first asked for; what is too large, too many, or no keyring
    that apt takes is not among them.
    """

    def __init__(self, owners: Sequence[tuple[str, FileTree]] = (), distribution: str = "") -> None:
        """Take who has keys, first the one whose keys are asked first; `distribution` is as in os-release."""
        self._owners = tuple(owners)
        self._distribution = distribution
        self._kept: dict[str, tuple[Keys, ...]] = {}

    def of(self, source: ArchiveSource) -> tuple[Keys, ...]:
        """Return the keys that may sign for `source`, owner by owner, without owners that have none.

        A source that names keys (Signed-By) believes no others; one that names none believes apt's trusted
        keys and the distribution's own keyrings.
        """
        if source.signed_by not in self._kept:
            found = (self._keys(owner, tree, source.signed_by) for owner, tree in self._owners)
            self._kept[source.signed_by] = tuple(keys for keys in found if keys.body)
        return self._kept[source.signed_by]

    def _keys(self, owner: str, tree: FileTree, signed_by: str) -> Keys:
        if _ARMOR in signed_by:
            return Keys(owner, dearmored(signed_by))
        named = re.split(r"[\s,]+", signed_by.strip()) if signed_by.strip() else []
        fingerprints = frozenset(each.rstrip("!").upper() for each in named if _FINGERPRINT.fullmatch(each))
        paths = [normalise(each) for each in named if each.startswith("/")]
        if not paths:
            paths = list(self._default(tree))
        return Keys(owner, _bodies(tree, paths), fingerprints)

    def _default(self, tree: FileTree) -> Iterator[ImagePath]:
        yield _TRUSTED
        for name, entry in sorted(tree.listing(_TRUSTED_PARTS).items()):
            if entry.kind is not FileKind.FOLDER and name.endswith(_SUFFIXES):
                yield join(_TRUSTED_PARTS, name)
        # Third parties keep their keys in the same folder, for their own sources to name.
        for name in sorted(tree.listing(_KEYRINGS)) if self._distribution else ():
            if _is_of(name, self._distribution):
                yield join(_KEYRINGS, name)


def _is_of(name: str, distribution: str) -> bool:
    """Say whether a file of /usr/share/keyrings has keys with which the distribution still signs."""
    is_its_own = name.startswith(f"{distribution}-archive-") and name.endswith(_SUFFIXES)
    return is_its_own and "-removed-" not in name


def _bodies(tree: FileTree, paths: Sequence[ImagePath]) -> bytes:
    found: dict[bytes, None] = {}
    size = 0
    for path in paths[:_MAX_FILES]:
        body = _body(tree, path)
        size += len(body)
        if size > _TOTAL_LIMIT:
            break
        found[body] = None
    return b"".join(found)


def _body(tree: FileTree, path: ImagePath) -> bytes:
    try:
        body = tree.read(path, limit=_FILE_LIMIT)
    except FileUnreadable:
        return b""  # whoever lacks a key for it is told so where a signature is checked
    if body.startswith(_PACKET):
        return body
    text = body.decode("ascii", "replace")
    return dearmored(text) if _ARMOR in text else b""


def dearmored(text: str) -> bytes:
    """Return the keys within the armor of `text` (RFC 9580, section 6.2), without blocks that are damaged.

    A line that holds a single dot is an empty one, as in control files.
    """
    _, *blocks = text.split(_ARMOR)
    return b"".join(_dearmored(block.partition(_ARMOR_END)) for block in blocks)


def _dearmored(parts: tuple[str, str, str]) -> bytes:
    inside, end, _ = parts
    lines = [line.strip() for line in inside.splitlines()[1:]]
    empty = next((at for at, line in enumerate(lines) if line in ("", ".")), None)
    if not end or empty is None:
        return b""
    # The last line may be a checksum, which nobody has to look at.
    written = [line for line in lines[empty:] if line not in ("", ".") and not line.startswith("=")]
    try:
        return base64.b64decode("".join(written), validate=True)
    except (binascii.Error, ValueError):
        return b""

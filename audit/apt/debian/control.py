"""What a Debian control file (deb822(5)) says: stanzas, and the fields of each."""

import re
from collections.abc import Collection, Iterable, Iterator

STANZA_LIMIT = 4 << 20
"""No stanza of a real archive comes near this; what is longer is no control file."""

_BLANK_LINES = re.compile(rb"\n(?:[ \t\r]*\n)+")


class StanzaTooLong(ValueError):
    """A stanza exceeds STANZA_LIMIT."""

    def __str__(self) -> str:
        """Return one clause."""
        return f"holds a stanza of over {STANZA_LIMIT >> 20} MiB, so it is no Debian control file"


def stanzas(chunks: Iterable[bytes]) -> Iterator[str]:
    r"""Yield the stanzas of a control file that arrives in `chunks`.

    Bytes that are not UTF-8 stand as ``\xNN``. Raises StanzaTooLong.
    """
    pending = b""
    for chunk in chunks:
        *complete, pending = _BLANK_LINES.split(pending + chunk)
        yield from map(_text, filter(None, complete))
        if len(pending) > STANZA_LIMIT:
            raise StanzaTooLong
    if pending.strip():
        yield _text(pending)


def fields(stanza: str, wanted: Collection[str] | None = None) -> dict[str, str]:
    """Return the fields of one stanza by name (`wanted` ones only); continuation lines join with newlines.

    The first of repeated fields counts. Lines that are no field and no continuation are passed over.
    """
    found: dict[str, str] = {}
    name = ""
    for line in stanza.split("\n"):
        if line[:1] in (" ", "\t"):
            if name:
                found[name] += "\n" + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon or name in found or (wanted is not None and name not in wanted):
            name = ""
        else:
            found[name] = value.strip()
    return found


def _text(stanza: bytes) -> str:
    return stanza.decode("utf-8", "backslashreplace")

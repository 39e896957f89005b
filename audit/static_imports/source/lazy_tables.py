"""Which names a module serves when it is asked for them, read from the tables in its text.

PEP 562 lets a package import what it offers on first use. Which name comes from which module stands in a
dictionary, whose form each package chose for itself: ``{"name": "module"}``, ``{"name": ("module", "attr")}``
or ``{"module": ["name", …]}``, whole or filled entry by entry. Every reading of such an entry is kept: one
that was not meant names a module that is not there.
"""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.static_imports.source.constants import closing
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.records import BlockKind, LazyNames

MAX_NAMES = 20_000
_LONGEST_VALUE = 200_000
_LONGEST_NAME = 200

_HOOK = re.compile(
    rb"(?m)^[ \t]*(?:[\w \t,]*,[ \t]*)?__getattr__\b[^\n=]*=|^[ \t]*sys\.modules\[__name__\][ \t]*="
)
_HELPERS = (b"LazyModule", b"lazy_module", b"recreate_module", b"initpkg", b"LazyImporter", b"_LazyImports")
_HELPER = re.compile(
    rb"\b(?:_?LazyModule|lazy_module|recreate_module|initpkg|LazyImporter|_LazyImports)[ \t]*\("
)
_ENTRY = re.compile(rb"(?<=[{,\x01])[ \t\x01]*(\"+)[ \t\x01]*:[ \t\x01]*(?=[\"(\[{])")
_FILLED = re.compile(
    rb"(?m)^[ \t]*\w+\[[ \t]*(\"+)[ \t]*\][ \t]*(?:\+?=|\.(?:append|extend|update)\()[ \t]*(?=[\"(\[{])"
)
_STRINGS = re.compile(rb"\"+")
_PLAIN = re.compile(rb"[\"\[\](){},+ \t\x01]*")
_DOTTED = re.compile(r"\.*[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def lazy_names(outlined: Outline, *, has_hook: bool) -> LazyNames | None:
    """Return what a module serves lazily; None where it does not.

    `has_hook` says that it defines ``__getattr__``. Otherwise it may bind that name to what a helper
    returns, or put another object into ``sys.modules`` for itself.
    """
    shadow = outlined.text.shadow
    may_bind = b"__getattr__" in shadow or b"sys.modules[__name__]" in shadow
    may_ask = any(helper in shadow for helper in _HELPERS)
    if not (has_hook or (may_bind and _HOOK.search(shadow)) or (may_ask and _HELPER.search(shadow))):
        return None
    return LazyNames(tuple(dict.fromkeys(islice(_entries(outlined), MAX_NAMES))))


def _entries(outlined: Outline) -> Iterator[tuple[str, str, int]]:
    """Yield (name, module, block) for every reading of every entry."""
    shadow = outlined.text.shadow
    for form in (_ENTRY, _FILLED):
        for found in form.finditer(shadow):
            block = outlined.block_at(found.start(1))
            if _is_in_function(outlined, block):
                continue
            key = _literal(outlined, *found.span(1))
            for value in _values(outlined, found.end()):
                if _DOTTED.fullmatch(key) and _DOTTED.fullmatch(value):
                    yield key, value, block
                    yield value, key, block
            if _DOTTED.fullmatch(key):
                yield key, key, block


def _values(outlined: Outline, start: int) -> Iterator[str]:
    """Yield the strings of a value that holds nothing else."""
    shadow = outlined.text.shadow
    limit = min(start + _LONGEST_VALUE, len(shadow))
    if shadow[start : start + 1] == b'"':
        found = _STRINGS.match(shadow, start)
        if found is not None:
            yield _literal(outlined, *found.span())
        return
    stop = closing(shadow, start + 1, limit)
    if _PLAIN.fullmatch(shadow, start, stop) is None or shadow[start : start + 1] == b"{":
        return
    for found in _STRINGS.finditer(shadow, start, stop):
        yield _literal(outlined, *found.span())


def _literal(outlined: Outline, start: int, end: int) -> str:
    text = outlined.text.source[start : min(end, start + _LONGEST_NAME)]
    return text.strip(b"\"'").decode(errors="replace")


def _is_in_function(outlined: Outline, block: int) -> bool:
    while block > 0:
        if outlined.spans[block].kind is BlockKind.FUNCTION:
            return True
        block = outlined.spans[block].parent
    return False

"""What a package says of its licence, as SPDX knows it or in its own words."""

import re
from functools import cache
from importlib.resources import files

import msgspec

_LIST = "rules/schema/sbom/spdx-licenses.schema.json"
_WORD = re.compile(r"[A-Za-z0-9.+:-]+|[()]")
_OPERATORS = frozenset({"AND", "OR", "WITH"})
_MAX_EXPRESSION = 2000
_OWN = ("LicenseRef-", "DocumentRef-")


class _Schema(msgspec.Struct, frozen=True):
    enum: tuple[str, ...]


@cache
def spdx_ids() -> frozenset[str]:
    """Return the identifiers of SPDX's licence list, exceptions among them."""
    body = (files("fleet_audit") / _LIST).read_bytes()
    return frozenset(msgspec.json.decode(body, type=_Schema).enum)


def is_expression(text: str) -> bool:
    """Say whether a text is an SPDX licence expression of known identifiers (SPDX 2.3, annex D).

    A single identifier is one, too.
    """
    words = _WORD.findall(text[: _MAX_EXPRESSION + 1])
    if len(text) > _MAX_EXPRESSION or "".join(words) != "".join(text.split()):
        return False
    depth, wants_name = 0, True
    for word in words:
        if word == "(" and wants_name:
            depth += 1
        elif word == ")" and not wants_name and depth:
            depth -= 1
        elif word in _OPERATORS and not wants_name:
            wants_name = True
        elif wants_name and _is_name(word):
            wants_name = False
        else:
            return False
    return depth == 0 and not wants_name


def _is_name(word: str) -> bool:
    return word.removesuffix("+") in spdx_ids() or word in spdx_ids() or word.startswith(_OWN)

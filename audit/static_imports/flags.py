"""Which names of a file stand for the answer to a question: flags, and functions that return one."""

import re
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.static_imports import islands
from fleet_audit.audit.static_imports.conditions import Condition, Unknown
from fleet_audit.audit.static_imports.outline import Outline, Span
from fleet_audit.audit.static_imports.questions import condition
from fleet_audit.audit.static_imports.records import BlockKind, FlagAssignment

MAX_FLAGS = 200
"""As many assignments are read in one stretch of module-level text, and as many functions in one file."""

_MOST_RETURNS = 10

_FLAG = re.compile(
    rb"^[ \t]*([A-Za-z_]\w*)[ \t]*(?:,[ \t]*\w+[ \t]*)?(?::[^=\n]*)?=[ \t]*"
    rb"(?=not\b|True\b|False\b|None[ \t]*\n|\(?(?:sys|os|platform|importlib|util|pkgutil)\.|\(?\"+[ \t]+in\b"
    rb"|\(?(?:bool|int|hasattr|getattr|find_spec|getenv)[ \t]*\(|\(?environ\b"
    rb"|\(?_*(?:is|has|have)_\w+[ \t]*\(|\(?_?[A-Z][A-Z0-9_]+[ \t]*(?:\n|and\b|or\b))",
    re.MULTILINE,
)
_PREDICATE = re.compile(
    r"_*(?:is|has|have|can|use|uses|should|supports|enable|check)_\w+|\w*(?:available|installed|enabled)\w*"
)
_RETURN = re.compile(rb"(?m)(?:^[ \t\f]*|[:;][ \t\x01]*)return\b")


def flag_assignments(outlined: Outline) -> Iterator[FlagAssignment]:
    """Yield the module-level names that are bound to the answer to a question."""
    for part in outlined.module_parts():
        for found in islice(_FLAG.finditer(outlined.text.shadow, *part), MAX_FLAGS):
            asked = _asked(outlined, found.end())
            if not isinstance(asked, Unknown):
                name = found[1].decode(errors="replace")
                yield FlagAssignment(name, asked, outlined.block_at(found.start(1)))


def predicates(outlined: Outline) -> frozenset[int]:
    """Return the functions whose name says that they answer a question."""
    spans = outlined.spans
    named = (i for i, s in enumerate(spans) if s.kind is BlockKind.FUNCTION and _is_predicate(outlined, s))
    return frozenset(islice(named, MAX_FLAGS))


def returned_answers(outlined: Outline, functions: frozenset[int]) -> Iterator[FlagAssignment]:
    """Yield what each of `functions` returns, under the name of its call: ``has_torch()``."""
    for function in sorted(functions):
        span = outlined.spans[function]
        ends = span.body, outlined.end(function)
        for found in islice(_RETURN.finditer(outlined.text.shadow, *ends), _MOST_RETURNS):
            block = outlined.block_at(found.end())
            yield FlagAssignment(f"{span.name}()", _asked(outlined, found.end()), block)


def _is_predicate(outlined: Outline, span: Span) -> bool:
    if not _PREDICATE.fullmatch(span.name):
        return False
    at = span.parent
    while at > 0:
        if outlined.spans[at].kind in (BlockKind.FUNCTION, BlockKind.CLASS):
            return False
        at = outlined.spans[at].parent
    return True


def _asked(outlined: Outline, start: int) -> Condition:
    text = outlined.text
    end = text.line_end(start)
    parsed = islands.expression(text.source[start:end], text.shadow[start:end])
    return Unknown() if parsed is None else condition(parsed)

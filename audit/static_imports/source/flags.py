"""Which names of a file stand for the answer to a question: flags, and functions that return one."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.conditions import Condition, Constant, Unknown
from fleet_audit.audit.static_imports.source.environment import Variable, variable
from fleet_audit.audit.static_imports.source.outline import Outline, Span
from fleet_audit.audit.static_imports.source.questions import asked
from fleet_audit.audit.static_imports.source.records import BlockKind, FlagAssignment

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
_VARIABLE = re.compile(
    rb"(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=[ \t]*(?=(?:\w+\()*(?:os\.)?(?:environ|getenv)\b)"
)
_DISGUISED = re.compile(rb"globals\(\)\[\"+[\[.][^\n]*\][ \t]*=")
_BOUND = re.compile(
    rb"(?m)^[ \t]*((?:\w+[ \t]*,[ \t]*){0,20}\w+)[ \t]*(?::[^=\n]*)?[-+|&]?=(?!=)"
    rb"|^[ \t]*for[ \t]+([\w, \t]+?)[ \t]in\b"
)
_WORD = re.compile(rb"\w+")
_RETURN = re.compile(rb"(?m)(?:^[ \t\f]*|[:;][ \t\x01]*)return\b")


def flag_assignments(outlined: Outline) -> Iterator[FlagAssignment]:
    """Yield the module-level names that are bound to the answer to a question.

    Where such a name is bound to something else as well, that is an answer that is not known.
    """
    flags = list(_flags(outlined))
    yield from flags
    known = {(flag.name, flag.line) for flag in flags}
    names = {flag.name for flag in flags}
    for name, at in _bindings(outlined) if flags else ():
        line = outlined.text.line(at)
        if name in names and (name, line) not in known:
            yield FlagAssignment(name, Unknown(), outlined.block_at(at), line)


def _bindings(outlined: Outline) -> Iterator[tuple[str, int]]:
    """Yield every name that module-level code binds, and where."""
    for part in outlined.module_parts():
        for found in _BOUND.finditer(outlined.text.shadow, *part):
            at = found.start(1) if found[1] is not None else found.start(2)
            for name in _WORD.findall(found[1] or found[2]):
                yield name.decode(errors="replace"), at


def _bound_in(shadow: bytes, parts: list[tuple[int, int]]) -> Counter[str]:
    """Count how often each name is bound in some parts of a text."""
    names = Counter[str]()
    for part in parts:
        for found in _BOUND.finditer(shadow, *part):
            names.update(name.decode(errors="replace") for name in _WORD.findall(found[1] or found[2]))
    return names


def _flags(outlined: Outline) -> Iterator[FlagAssignment]:
    # A module that spells a name backwards to set it means to deceive readers of constants (kombu does).
    shadow = outlined.text.shadow
    is_hidden = b"globals()[" in shadow and _DISGUISED.search(shadow) is not None
    for part in outlined.module_parts():
        for found in islice(_FLAG.finditer(outlined.text.shadow, *part), MAX_FLAGS):
            answer = _asked(outlined, found.end())
            if isinstance(answer, Constant) and is_hidden:
                continue
            if not isinstance(answer, Unknown):
                name = found[1].decode(errors="replace")
                at = found.start(1)
                yield FlagAssignment(name, answer, outlined.block_at(at), outlined.text.line(at))


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
    return asked(text.source[start:end], text.shadow[start:end])


def variables(outlined: Outline) -> dict[str, Variable]:
    """Return the names that stand for an environment variable's value, and are assigned but once."""
    shadow = outlined.text.shadow
    named: dict[str, Variable] = {}
    for found in islice(_VARIABLE.finditer(shadow) if b"env" in shadow else (), MAX_FLAGS):
        end = outlined.text.line_end(found.end())
        parsed = islands.expression(outlined.text.source[found.end() : end], shadow[found.end() : end])
        meant = None if parsed is None else variable(parsed)
        if meant is not None:
            named[found[1].decode(errors="replace")] = meant
    bound = _bound_in(shadow, [(0, len(shadow))]) if named else Counter[str]()
    return {name: meant for name, meant in named.items() if bound[name] == 1}

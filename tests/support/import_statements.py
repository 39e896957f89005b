"""The import statements of a text as Python's own parser sees them, to compare the reader with."""

import ast
import warnings
from collections.abc import Iterator

from fleet_audit.audit.static_imports.source.reading import read_source
from fleet_audit.audit.static_imports.source.records import BlockKind

Statement = tuple[int, str, int, tuple[tuple[str, str], ...], str]
"""Line, module, level, (name, alias) pairs, alias of the module."""

Guarded = tuple[int, tuple[str, ...]]
"""The line of an import statement, and the blocks that it stands in, from the outside."""

_FIELDS = {
    ast.FunctionDef: {"body": "function"},
    ast.AsyncFunctionDef: {"body": "function"},
    ast.ClassDef: {"body": "class"},
    ast.If: {"body": "if", "orelse": "else"},
    ast.For: {"body": "loop", "orelse": "else"},
    ast.AsyncFor: {"body": "loop", "orelse": "else"},
    ast.While: {"body": "loop", "orelse": "else"},
    ast.With: {"body": "with"},
    ast.AsyncWith: {"body": "with"},
    ast.Try: {"body": "try", "handlers": "", "orelse": "try-else", "finalbody": "finally"},
    ast.TryStar: {"body": "try", "handlers": "", "orelse": "try-else", "finalbody": "finally"},
    ast.ExceptHandler: {"body": "except"},
    ast.Match: {"cases": "case"},
    ast.match_case: {"body": "case"},
}


def as_python_parses(body: bytes) -> list[Statement] | None:
    """Return every import statement, by line; None where the running Python cannot parse the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return sorted(statement for node in ast.walk(parsed) for statement in _of_node(node))


def _of_node(node: ast.AST) -> Iterator[Statement]:
    if isinstance(node, ast.Import):
        for item in node.names:
            yield (node.lineno, item.name, 0, (), item.asname or "")
    elif isinstance(node, ast.ImportFrom):
        names = tuple((item.name, item.asname or "") for item in node.names)
        yield (node.lineno, node.module or "", node.level, names, "")


def as_the_reader_sees(body: bytes) -> list[Statement]:
    """Return the same of the error-tolerant reader."""
    return sorted(
        (found.line, found.module, found.level, tuple((n.name, n.alias) for n in found.names), found.alias)
        for found in read_source(body).imports
    )


def guards_as_python_parses(body: bytes) -> list[Guarded] | None:
    """Return the blocks of every import statement; None where the running Python cannot parse the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return sorted(guarded for node in parsed.body for guarded in _guards(node, ()))


def _guards(node: ast.AST, around: tuple[str, ...]) -> Iterator[Guarded]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        count = len(node.names) if isinstance(node, ast.Import) else 1
        yield from [(node.lineno, around)] * count
        return
    for field, kind in _FIELDS.get(type(node), {}).items():
        for inner in getattr(node, field):
            # ``elif`` is no block inside of an ``else``.
            is_elif = isinstance(node, ast.If) and isinstance(inner, ast.If) and field == "orelse"
            is_elif = is_elif and _column(inner) == _column(node)
            here = () if not kind or is_elif else (kind,)
            yield from _guards(inner, (*around, *here))


def _column(node: ast.AST) -> int:
    return getattr(node, "col_offset", 0)


def guards_as_the_reader_sees(body: bytes) -> list[Guarded]:
    """Return the same of the error-tolerant reader."""
    record = read_source(body)
    found: list[Guarded] = []
    for statement in record.imports:
        kinds: list[str] = []
        at = statement.block
        while at > 0:
            kind = record.blocks[at].kind
            kinds += [] if kind is BlockKind.REST else [kind.value]
            at = record.blocks[at].parent
        found.append((statement.line, tuple(reversed(kinds))))
    return sorted(found)

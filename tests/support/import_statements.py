"""The import statements of a text as Python's own parser sees them, to compare the reader with."""

import ast
import warnings
from collections.abc import Iterator

from fleet_audit.audit.static_imports.reading import read_source

Statement = tuple[int, str, int, tuple[tuple[str, str], ...], str]
"""Line, module, level, (name, alias) pairs, alias of the module."""


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

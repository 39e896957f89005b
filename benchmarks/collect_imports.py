"""Collects the imports of a folder: this reader against whole-file libcst, and ``ast``, in one run.

Usage: python benchmarks/collect_imports.py [FOLDER] [LIMIT]. Default: the site-packages of this Python,
and 600 files spread over it. CPU seconds; files that libcst cannot parse count for it as well.
"""

import ast
import sys
import sysconfig
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import libcst as cst

from fleet_audit.audit.static_imports.lexer import decode, lex
from fleet_audit.audit.static_imports.outline import outline
from fleet_audit.audit.static_imports.reading import read_source
from fleet_audit.audit.static_imports.statements import import_statements
from fleet_audit.audit.static_imports.store import decode_record, encode_record


def collect(body: bytes) -> int:
    """Count the import statements alone."""
    outlined = outline(lex(decode(body)))
    source, shadow = outlined.text.source, outlined.text.shadow
    return sum(
        len(import_statements(source[start:end], shadow[start:end], 1, 0, block))
        for start, end, block in outlined.imports
    )


def record(body: bytes) -> int:
    """Make the whole record: imports, guards, calls, bindings."""
    return len(read_source(body).imports)


class _Collector(cst.CSTVisitor):
    def __init__(self) -> None:
        self.count = 0

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802  (libcst's name)
        self.count += len(node.names)

    def visit_ImportFrom(self, _node: cst.ImportFrom) -> None:  # noqa: N802  (libcst's name)
        self.count += 1


def whole_file(body: bytes) -> int:
    """Collect with libcst, from the whole file."""
    collector = _Collector()
    try:
        cst.parse_module(body).visit(collector)
    except (cst.ParserSyntaxError, UnicodeError, RecursionError):
        return 0
    return collector.count


def with_ast(body: bytes) -> int:
    """Collect with Python's own parser."""
    try:
        nodes = list(ast.walk(ast.parse(body)))
    except (SyntaxError, ValueError):
        return 0
    found = (n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))
    return sum(len(n.names) if isinstance(n, ast.Import) else 1 for n in found)


def timed(name: str, work: Callable[[bytes], int], bodies: Sequence[bytes]) -> float:
    """Run `work` over all bodies, print what it found, and return its CPU seconds."""
    before = time.process_time()
    found = sum(work(body) for body in bodies)
    spent = time.process_time() - before
    print(f"{name:<34} {spent:8.2f} s   {found:7d} statements")
    return spent


def main() -> None:
    """Run every collector over the same bodies."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("purelib"))
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    files = sorted(folder.rglob("*.py"))
    files = files[:: max(1, len(files) // limit)]
    bodies = [file.read_bytes() for file in files]
    warnings.simplefilter("ignore")
    print(f"{len(bodies)} files, {sum(map(len, bodies)) / 1e6:.1f} MB")
    skimmed = timed("skimmer, imports alone", collect, bodies)
    recorded = timed("skimmer with islands, whole record", record, bodies)
    kept = [encode_record(read_source(body)) for body in bodies]
    timed("kept records", lambda body: len(found.imports) if (found := decode_record(body)) else 0, kept)
    parsed = timed("ast, whole file", with_ast, bodies)
    whole = timed("libcst, whole file", whole_file, bodies)
    print(f"libcst / imports alone: {whole / skimmed:.1f}   libcst / whole record: {whole / recorded:.1f}")
    print(f"ast / imports alone: {parsed / skimmed:.1f}   ast / whole record: {parsed / recorded:.1f}")


if __name__ == "__main__":
    main()

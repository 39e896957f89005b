"""Which syntax an older Python refuses although the parsers that we have let it pass."""

import ast
from collections.abc import Sequence

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider


def too_new_for(tree: ast.AST, version: tuple[int, ...]) -> int:
    """Return the line of the first construct that `version` refuses; 0 where there is none.

    Only what ``ast.parse(feature_version=…)`` does not tell: decorators that are more than names and calls of
    names (3.9, PEP 614), and stars in an index or in the annotation of ``*args`` (3.11, PEP 646).
    """
    if version >= (3, 11):
        return 0
    lines = [_line(node) for node in ast.walk(tree) if _is_too_new(node, version)]
    return min(lines, default=0)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)


def _is_too_new(node: ast.AST, version: tuple[int, ...]) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return version < (3, 9) and not all(_is_plain(each) for each in node.decorator_list)
        case ast.Subscript(slice=ast.Tuple(elts=elements) as index):
            return _begins_with(index, elements) and any(isinstance(e, ast.Starred) for e in elements)
        case ast.arguments(vararg=ast.arg(annotation=ast.Starred())):
            return True
        case _:
            return False


def _begins_with(index: ast.Tuple, elements: Sequence[ast.expr]) -> bool:
    """Say whether a tuple has no brackets of its own, within which a star has long been allowed."""
    return bool(elements) and (index.lineno, index.col_offset) == (
        elements[0].lineno,
        elements[0].col_offset,
    )


def _is_plain(decorator: ast.expr) -> bool:
    at = decorator.func if isinstance(decorator, ast.Call) else decorator
    while isinstance(at, ast.Attribute):
        at = at.value
    return isinstance(at, ast.Name)


def newer_line(module: cst.Module, version: tuple[int, ...]) -> int:
    """Return the line of the first construct that `version` refuses although libcst reads it; 0 for none.

    These are what came after Python 3.12: defaults of type parameters (3.13, PEP 696), several exceptions
    without brackets (3.14, PEP 758), and template strings (3.14, PEP 750).
    """
    finder = _Newer(version)
    module.visit(finder)
    if not finder.nodes:
        return 0
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    return min(places[node].start.line for node in finder.nodes)


class _Newer(cst.CSTVisitor):
    """Gathers what is newer than a version."""

    def __init__(self, version: tuple[int, ...]) -> None:
        super().__init__()
        self._version = version
        self.nodes: list[cst.CSTNode] = []

    def _note(self, node: cst.CSTNode, since: tuple[int, int]) -> None:
        self.nodes += [node] if self._version < since else []

    def visit_TypeParam(self, node: cst.TypeParam) -> None:  # noqa: N802  (libcst's name)
        """Look for a default."""
        if node.default is not None:
            self._note(node, (3, 13))

    def visit_ExceptHandler(self, node: cst.ExceptHandler) -> None:  # noqa: N802  (libcst's name)
        """Look for several exceptions without brackets."""
        if isinstance(node.type, cst.Tuple) and not node.type.lpar:
            self._note(node, (3, 14))

    def visit_ExceptStarHandler(self, node: cst.ExceptStarHandler) -> None:  # noqa: N802  (libcst's name)
        """Do the same."""
        if isinstance(node.type, cst.Tuple) and not node.type.lpar:
            self._note(node, (3, 14))

    def visit_TemplatedString(self, node: cst.TemplatedString) -> None:  # noqa: N802  (libcst's name)
        """Every one is too new before 3.14."""
        self._note(node, (3, 14))

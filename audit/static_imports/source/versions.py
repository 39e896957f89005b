"""Which syntax an older Python refuses although the parsers that we have let it pass."""

import ast
from collections.abc import Iterator, Sequence

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from fleet_audit.audit.static_imports.source.formatted import free_format_line
from fleet_audit.audit.static_imports.source.lexer import Text

_FREE_FORMATS = (3, 12)
_BLANK = b" \t\f\n\x01"
_LONGEST_GAP = 2_000

_SETS = (ast.Set, ast.SetComp)
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def too_new_for(tree: ast.AST, text: Text, version: tuple[int, ...]) -> int:
    """Return the line of the first construct that `version` refuses; 0 where there is none.

    Only what ``ast.parse(feature_version=…)`` does not tell: decorators that are more than names and calls of
    names, and stars in what a ``for`` goes over (3.9, PEP 614 and bpo-46725); assignment expressions without
    brackets in sets (3.9, as its grammar has them; What's New names 3.10) and in indexes (3.10); stars in an
    index or in the annotation of ``*args`` (3.11, PEP 646); asynchronous comprehensions inside others (3.11,
    bpo-33346); formatted strings that hold any text (3.12, PEP 701). `text` is what `tree` was parsed from.
    """
    if version >= _FREE_FORMATS:
        return 0
    lines = [free_format_line(text.source)]
    if version < (3, 11):
        lines += [_line(node) for node in ast.walk(tree) if _is_too_new(node, version)]
        lines += [node.lineno for node in _nested_asynchronous(tree)]
    if version < (3, 10):
        lines += [node.lineno for node in _bare_assignments(tree, text, version)]
    return min((line for line in lines if line), default=0)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)


def _is_too_new(node: ast.AST, version: tuple[int, ...]) -> bool:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return version < (3, 9) and not all(_is_plain(each) for each in node.decorator_list)
        case (
            ast.For(iter=ast.Tuple(elts=elements) as over)
            | ast.AsyncFor(iter=ast.Tuple(elts=elements) as over)
        ):
            return version < (3, 9) and _is_bare(over, elements) and _has_star(elements)
        case ast.Subscript(slice=ast.Tuple(elts=elements) as index):
            return _is_bare(index, elements) and _has_star(elements)
        case ast.arguments(vararg=ast.arg(annotation=ast.Starred())):
            return True
        case _:
            return False


def _has_star(elements: Sequence[ast.expr]) -> bool:
    return any(isinstance(element, ast.Starred) for element in elements)


def _is_bare(node: ast.Tuple, elements: Sequence[ast.expr]) -> bool:
    """Say whether a tuple has no brackets of its own, within which a star has long been allowed."""
    return bool(elements) and (node.lineno, node.col_offset) == (
        elements[0].lineno,
        elements[0].col_offset,
    )


def _is_plain(decorator: ast.expr) -> bool:
    at = decorator.func if isinstance(decorator, ast.Call) else decorator
    while isinstance(at, ast.Attribute):
        at = at.value
    return isinstance(at, ast.Name)


def _bare_assignments(tree: ast.AST, text: Text, version: tuple[int, ...]) -> Iterator[ast.NamedExpr]:
    """Yield the assignment expressions that lack the brackets which they need in sets and indexes."""
    starts = [0]
    for node in ast.walk(tree):
        for inner in () if version >= (3, 9) and isinstance(node, _SETS) else _members(node):
            if not isinstance(inner, ast.NamedExpr):
                continue
            if len(starts) == 1:
                starts += [at + 1 for at, sign in enumerate(text.source) if sign == ord("\n")]
            at = starts[inner.lineno - 1] + inner.col_offset
            if not text.shadow[max(0, at - _LONGEST_GAP) : at].rstrip(_BLANK).endswith(b"("):
                yield inner


def _members(node: ast.AST) -> Sequence[ast.expr]:
    match node:
        case ast.Set(elts=elements):
            return elements
        case ast.SetComp(elt=element):
            return [element]
        case ast.Subscript(slice=ast.Tuple(elts=elements) as index) if _is_bare(index, elements):
            return elements
        case ast.Subscript(slice=index):
            return [index]
        case _:
            return []


def _nested_asynchronous(tree: ast.AST) -> Iterator[_Comprehension]:
    """Yield the asynchronous comprehensions, other than generators, that stand inside another."""
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, is_inside = pending.pop()
        if not isinstance(node, _Comprehension):
            is_inside = is_inside and not isinstance(node, ast.Lambda)
            pending += [(child, is_inside) for child in ast.iter_child_nodes(node)]
            continue
        if is_inside and not isinstance(node, ast.GeneratorExp) and _is_asynchronous(node):
            yield node
        # What is gone over first belongs to the scope around (Language Reference, 6.2.4).
        pending.append((node.generators[0].iter, is_inside))
        pending += [(child, True) for child in _own_parts(node)]


def _is_asynchronous(node: _Comprehension) -> bool:
    pending = list(_own_parts(node))
    while pending:
        part = pending.pop()
        if isinstance(part, ast.Await):
            return True
        if isinstance(part, _Comprehension):
            pending.append(part.generators[0].iter)
        elif not isinstance(part, ast.Lambda):
            pending += ast.iter_child_nodes(part)
    return any(generator.is_async for generator in node.generators)


def _own_parts(node: _Comprehension) -> list[ast.AST]:
    """Return what is evaluated in a comprehension's own scope."""
    parts: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    for number, generator in enumerate(node.generators):
        parts += [generator.target, *generator.ifs, *([generator.iter] if number else [])]
    return parts


def newer_line(module: cst.Module, version: tuple[int, ...]) -> int:
    """Return the line of the first construct that `version` refuses although libcst reads it; 0 for none.

    These are what came with Python 3.12 and later: type parameters and aliases (3.12, PEP 695), formatted
    strings that hold any text (3.12, PEP 701), defaults of type parameters (3.13, PEP 696), several
    exceptions without brackets (3.14, PEP 758), and template strings (3.14, PEP 750).
    """
    finder = _Newer(version)
    module.visit(finder)
    line = free_format_line(module.bytes) if version < _FREE_FORMATS else 0
    if not finder.nodes:
        return line
    places = MetadataWrapper(module, unsafe_skip_copy=True).resolve(PositionProvider)
    return min([*([line] if line else []), *(places[node].start.line for node in finder.nodes)])


def has_newer(statement: cst.CSTNode, code: str, version: tuple[int, ...]) -> bool:
    """Say whether a statement, whose text is `code`, holds anything that `version` does not know."""
    finder = _Newer(version)
    statement.visit(finder)
    return bool(finder.nodes) or (version < _FREE_FORMATS and free_format_line(code.encode()) > 0)


class _Newer(cst.CSTVisitor):
    """Gathers what is newer than a version."""

    def __init__(self, version: tuple[int, ...]) -> None:
        super().__init__()
        self._version = version
        self.nodes: list[cst.CSTNode] = []

    def _note(self, node: cst.CSTNode, since: tuple[int, int]) -> None:
        self.nodes += [node] if self._version < since else []

    def visit_TypeAlias(self, node: cst.TypeAlias) -> None:  # noqa: N802  (libcst's name)
        """Every one is too new before 3.12."""
        self._note(node, (3, 12))

    def visit_TypeParameters(self, node: cst.TypeParameters) -> None:  # noqa: N802  (libcst's name)
        """Every one is too new before 3.12."""
        self._note(node, (3, 12))

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

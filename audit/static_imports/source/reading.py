"""What one file's text says, as a record: the skimmer, with libcst on the statements that matter."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from fleet_audit.audit.model.imports import Parser
from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.asking import Calls, find_calls
from fleet_audit.audit.static_imports.source.bounds import within_bounds
from fleet_audit.audit.static_imports.source.calling import MAX_LOCAL_CALLS, find_called
from fleet_audit.audit.static_imports.source.conditions import Condition, Unknown
from fleet_audit.audit.static_imports.source.constants import Constants
from fleet_audit.audit.static_imports.source.endings import with_rests
from fleet_audit.audit.static_imports.source.environment import decided
from fleet_audit.audit.static_imports.source.flags import (
    flag_assignments,
    predicates,
    returned_answers,
    variables,
)
from fleet_audit.audit.static_imports.source.handlers import Handlers
from fleet_audit.audit.static_imports.source.lazy_tables import lazy_names
from fleet_audit.audit.static_imports.source.lexer import Text, decode, lex
from fleet_audit.audit.static_imports.source.made_modules import find_made_modules
from fleet_audit.audit.static_imports.source.outline import Outline, Span, outline
from fleet_audit.audit.static_imports.source.plugin_calls import find_plugin_calls
from fleet_audit.audit.static_imports.source.questions import asked
from fleet_audit.audit.static_imports.source.records import (
    AttributeUse,
    Block,
    BlockKind,
    DynamicImportCall,
    FlagAssignment,
    FunctionCall,
    ImportStatement,
    LazyNames,
    LoadCall,
    LocalCall,
    MadeModule,
    NamedText,
    PathCall,
    PluginCall,
    Raise,
    RunCall,
    Setting,
    SourceRecord,
    VariableSet,
)
from fleet_audit.audit.static_imports.source.settings import find_settings, find_variables
from fleet_audit.audit.static_imports.source.statements import import_statements

FactT = TypeVar(
    "FactT",
    FlagAssignment,
    Raise,
    NamedText,
    FunctionCall,
    AttributeUse,
    ImportStatement,
    DynamicImportCall,
    LoadCall,
    RunCall,
    PathCall,
    PluginCall,
    VariableSet,
    Setting,
    MadeModule,
)

_Fact = (
    ImportStatement
    | AttributeUse
    | FlagAssignment
    | Raise
    | NamedText
    | FunctionCall
    | PluginCall
    | VariableSet
    | Setting
    | MadeModule
)

MAX_USES = 20_000
MAX_RAISES = 2_000
MAX_TEXTS = 2_000

_BINDING = re.compile(
    rb"(?m)^[ \t\f]*(?:(?:for|with|global)[ \t].*?\b(?:as[ \t]+)?)?"
    rb"([A-Za-z_\x80-\xff][\w\x80-\xff]*(?:[ \t]*,[ \t]*[A-Za-z_\x80-\xff][\w\x80-\xff]*)*)[ \t]*"
    rb"(?:=(?!=)|:(?!=))"
)
_CHAINED = re.compile(rb"=[ \t]*([A-Za-z_\x80-\xff][\w\x80-\xff]*)[ \t]*(?==(?!=))")
_TARGET = re.compile(rb"(?m)^[ \t\f]*for[ \t]+([\w\x80-\xff, \t]+?)[ \t]in\b|\bas[ \t]+(\w+)[ \t]*[,:)]")
_OPEN = (b"globals(", b"vars(", b"locals(", b"exec(", b"sys.modules")
"""Text by which a module may bind names that it does not show."""

_ATTRIBUTE = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,3}")
_POSTPONED = re.compile(rb"(?m)^from[ \t]+__future__[ \t]+import\b[^\n]*\bannotations\b")
_RAISE = re.compile(rb"raise[ \t]+((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)")
_BEFORE_STATEMENT = b" \t\f\n\x01:;"
_STRING = re.compile(rb"\"+")
_DOTTED_TEXT = re.compile(
    rb"[\"']([A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){1,8}(?::[A-Za-z_]\w{0,60})?)[\"']"
)
_NESTED = re.compile(rb"[\[({][^\[\](){}]*[\])}]")
_PARAMETER = re.compile(rb"(?:^|,)[ \t\x01]*([A-Za-z_]\w*)")
MAX_PARAMETERS = 20
_DEEPEST_ANNOTATION = 6
_ALL = re.compile(rb"(?m)^__all__[ \t]*(?::[^=\n]*)?(\+?=)(?!=)")


def why_unreadable(body: bytes) -> str:
    """Return why `body` cannot be Python text at all; empty where it can."""
    if b"\0" in body:
        return "holds NUL bytes, which no Python source may"
    return ""


def read_source(body: bytes, *, is_own_code: bool = False) -> SourceRecord:
    """Return the record of one file; never raises for what the file holds.

    In a service's own code every call of a local function is recorded, elsewhere only those that run
    with the import.
    """
    return read_text(within_bounds(lex(decode(body))), is_own_code=is_own_code)


def read_text(text: Text, *, is_own_code: bool) -> SourceRecord:
    """Return the record of a file's text; see `read_source`."""
    return _Reader(text, is_own_code=is_own_code).record()


class _Reader:
    """Collects one file's facts, then keeps the blocks that they stand in."""

    def __init__(self, text: Text, *, is_own_code: bool) -> None:
        self._text = text
        self._shadow = text.shadow
        outlined = outline(text)
        self._outline = with_rests(outlined, None if is_own_code else _of_interest(outlined))
        self._handlers = Handlers(self._outline)
        self._is_own_code = is_own_code
        self._variables = variables(self._outline)

    def record(self) -> SourceRecord:
        """Read the file."""
        imports = tuple(self._imports())
        constants = Constants(self._outline)
        calls = find_calls(self._outline, imports, constants, self._handlers, is_own_code=self._is_own_code)
        plugins = find_plugin_calls(self._outline, constants)
        called = find_called(
            self._outline, imports, (calls, plugins), constants, is_own_code=self._is_own_code
        )
        uses = tuple(self._uses(imports, called.functions))
        flags = tuple(self._flags())
        raises = tuple(self._raises())
        texts = tuple(self._texts())
        variables = find_variables(self._outline, constants) if self._is_own_code else ()
        settings = find_settings(self._outline) if self._is_own_code else ()
        made = find_made_modules(self._outline, constants) if self._is_own_code else ()
        lazy = self._lazy(calls)
        facts: tuple[_Fact, ...] = (*imports, *uses, *flags, *raises, *texts, *called.other, *plugins)
        facts += (*variables, *settings, *made)
        used = self._used_blocks(facts, calls, called.local, lazy)
        record = SourceRecord(
            parser=Parser.SKIM,
            blocks=tuple(self._blocks(used)),
            imports=imports,
            dynamic=calls.dynamic,
            loads=calls.loads,
            runs=calls.runs,
            plugins=plugins,
            path_edits=calls.path_edits,
            flags=flags,
            raises=raises,
            texts=texts,
            variables=variables,
            settings=settings,
            made=made,
            calls=called.local,
            function_calls=called.other,
            uses=uses,
            bindings=tuple(sorted(self._bindings())),
            exports=self._exports(constants),
            lazy=lazy,
            last_line=self._text.line(len(self._text.source)) if self._text.is_beginning else 0,
            is_cut=calls.is_cut or len(called.local) == MAX_LOCAL_CALLS,
            is_open=any(way in self._shadow for way in _OPEN) or lazy is not None,
        )
        return _renumbered(record, used)

    def _imports(self) -> Iterator[ImportStatement]:
        source, shadow = self._text.source, self._shadow
        at = 0
        line = 1
        for start, end, block in self._outline.imports:
            line += source.count(b"\n", at, start)
            at = start
            column = start - (source.rfind(b"\n", 0, start) + 1)
            yield from import_statements(source[start:end], shadow[start:end], line, column, block)

    def _bindings(self) -> set[str]:
        names: set[bytes] = set()
        for start, end in self._outline.module_parts():
            for found in _BINDING.finditer(self._shadow, start, end):
                names.update(found[1].split(b","))
            for found in _CHAINED.finditer(self._shadow, start, end):
                names.add(found[1])
            for found in _TARGET.finditer(self._shadow, start, end):
                names.update((found[1] or found[2]).split(b","))
        bound = {name.strip().decode(errors="replace") for name in names}
        return bound | {
            span.name for span in self._outline.spans if span.name and self._is_at_module_level(span)
        }

    def _is_at_module_level(self, span: Span) -> bool:
        at = span.parent
        while at > 0:
            outer = self._outline.spans[at]
            if outer.kind in (BlockKind.FUNCTION, BlockKind.CLASS):
                return False
            at = outer.parent
        return True

    def _exports(self, constants: Constants) -> tuple[str, ...] | None:
        exported: list[str] = []
        assignments = list(_ALL.finditer(self._shadow)) if b"__all__" in self._shadow else []
        for found in assignments:
            stop = self._text.line_end(found.end())
            texts = self._text.source[found.end() : stop], self._shadow[found.end() : stop]
            if (listed := islands.listed_strings(*texts)) is not None:
                exported.extend(listed)
                continue
            if (value := islands.expression(*texts)) is None:
                return None
            exported.extend(constants.strings(value, found.end()))
        return tuple(dict.fromkeys(exported)) if assignments else None

    def _lazy(self, calls: Calls) -> LazyNames | None:
        if calls.lazy is not None:
            return calls.lazy
        serves = any(s.name == "__getattr__" and self._is_at_module_level(s) for s in self._outline.spans)
        return lazy_names(self._outline, has_hook=serves)

    def _flags(self) -> Iterator[FlagAssignment]:
        """Yield the names that stand for the answer to a question."""
        yield from flag_assignments(self._outline)
        yield from returned_answers(self._outline, predicates(self._outline))

    def _raises(self) -> Iterator[Raise]:
        """Yield what is raised while the module is imported, and inside a ``try``."""
        for found in islice(_RAISE.finditer(self._shadow), MAX_RAISES):
            if self._shadow[found.start() - 1 : found.start()] not in _BEFORE_STATEMENT:
                continue
            block = self._outline.block_at(found.start(1))
            if self._handlers.is_tried(block):
                yield Raise(found[1].rpartition(b".")[2].decode(errors="replace"), block)

    def _uses(
        self, imports: tuple[ImportStatement, ...], functions: frozenset[int]
    ) -> Iterator[AttributeUse]:
        """Yield the attributes taken from imported names, each once per block.

        Of installed code only what runs with the import is looked at.
        """
        names = {bound for found in imports for bound in _bound_names(found)}
        seen: set[tuple[str, str, int]] = set()
        for part in self._running_parts(functions):
            for start in self._outline.backwards.owners(*part, names):
                found = _ATTRIBUTE.match(self._shadow, start, part[1])
                if found is None:
                    continue
                block = self._outline.block_at(start)
                for name, attribute in _attributes(found[0].decode()):
                    if (name, attribute, block) not in seen and len(seen) < MAX_USES:
                        seen.add((name, attribute, block))
                        yield AttributeUse(name, attribute, self._text.line(start), block)

    def _texts(self) -> Iterator[NamedText]:
        """Yield the strings of own code that have the form of a module's name, each once per block."""
        seen: set[tuple[bytes, int]] = set()
        for found in _STRING.finditer(self._shadow) if self._is_own_code else ():
            named = _DOTTED_TEXT.fullmatch(self._text.source, *found.span())
            if named is None or len(seen) == MAX_TEXTS:
                continue
            block = self._outline.block_at(found.start())
            if (named[1], block) not in seen:
                seen.add((named[1], block))
                yield NamedText(named[1].decode(), self._text.line(found.start()), block)

    def _running_parts(self, functions: frozenset[int]) -> list[tuple[int, int]]:
        """Return the text that runs with the import, with that of `functions`; all of it in own code."""
        if self._is_own_code:
            return [(0, len(self._shadow))]
        is_postponed = b"annotations" in self._shadow and _POSTPONED.search(self._shadow) is not None
        parts = self._outline.running_parts(is_postponed=is_postponed)
        spans = self._outline.spans
        return parts + [(spans[index].body, self._outline.end(index)) for index in sorted(functions)]

    def _used_blocks(
        self,
        facts: tuple[_Fact, ...],
        calls: Calls,
        local: tuple[LocalCall, ...],
        lazy: LazyNames | None,
    ) -> dict[int, int]:
        """Return the new index of each block that a fact stands in, or that decides whether it runs."""
        pending = {0, *(fact.block for fact in facts), *calls.blocks(), *(call.block for call in local)}
        pending.update(call.target for call in local)
        pending.update(fact.loaded_in for fact in facts if isinstance(fact, PluginCall))
        if self._is_own_code:
            spans = self._outline.spans
            pending.update(i for i, span in enumerate(spans) if span.kind is BlockKind.CLASS)
        pending.update(() if lazy is None else (block for _, _, block in lazy.names))
        used: set[int] = set()
        while pending:
            index = pending.pop()
            if index in used or index < 0:
                continue
            used.add(index)
            span = self._outline.spans[index]
            pending.update((span.parent, span.previous, *span.branches))
        return {old: new for new, old in enumerate(sorted(used))}

    def _blocks(self, used: dict[int, int]) -> Iterator[Block]:
        source = self._text.source
        at = 0
        line = 1
        for index in used:
            span = self._outline.spans[index]
            line += source.count(b"\n", at, span.start)
            at = span.start
            yield Block(
                kind=span.kind,
                parent=used.get(span.parent, -1),
                line=line,
                name=span.name,
                condition=self._condition(span),
                previous=used.get(span.previous, -1),
                catches=self._handlers.coped_with(index),
                gives_up=span.kind is BlockKind.EXCEPT and self._handlers.gives_up(index),
                ends=span.ends,
                branches=tuple(used[branch] for branch in span.branches),
                parameters=self._parameters(span),
            )

    def _parameters(self, span: Span) -> tuple[str, ...]:
        if span.kind not in (BlockKind.FUNCTION, BlockKind.CLASS):
            return ()
        header = self._shadow[slice(*span.header)]
        listed = header[header.find(b"(") + 1 :]
        for _ in range(_DEEPEST_ANNOTATION):
            listed = _NESTED.sub(b"", listed)
        found = _PARAMETER.finditer(listed)
        return tuple(name[1].decode(errors="replace") for name in islice(found, MAX_PARAMETERS))

    def _condition(self, span: Span) -> Condition:
        start, end = span.header
        if span.kind is not BlockKind.IF:
            return Unknown()
        return decided(asked(self._text.source[start:end], self._shadow[start:end]), self._variables)


def _attributes(dotted: str) -> Iterator[tuple[str, str]]:
    """Yield (``a``, ``b``) and (``a.b``, ``c``) of ``a.b.c``."""
    parts = dotted.split(".")
    for count in range(1, len(parts)):
        yield ".".join(parts[:count]), parts[count]


def _of_interest(outlined: Outline) -> frozenset[int]:
    """Return the functions that import something, and those whose answer decides what is imported."""
    importing = {block for _, _, block in outlined.imports}
    functions = {_function(outlined.spans, block) for block in importing}
    return predicates(outlined) | functions - {0}


def _function(spans: list[Span], block: int) -> int:
    while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
        block = spans[block].parent
    return block


def _bound_names(statement: ImportStatement) -> tuple[str, ...]:
    if statement.names:
        return tuple(name.bound for name in statement.names)
    return (statement.alias or statement.module.partition(".")[0],)


def _renumbered(record: SourceRecord, used: dict[int, int]) -> SourceRecord:
    """Return the record with its facts pointing at the blocks that were kept."""
    return msgspec.structs.replace(
        record,
        imports=tuple(_moved(fact, used) for fact in record.imports),
        uses=tuple(_moved(fact, used) for fact in record.uses),
        flags=tuple(_moved(fact, used) for fact in record.flags),
        raises=tuple(_moved(fact, used) for fact in record.raises),
        texts=tuple(_moved(fact, used) for fact in record.texts),
        variables=tuple(_moved(fact, used) for fact in record.variables),
        settings=tuple(_moved(fact, used) for fact in record.settings),
        made=tuple(_moved(fact, used) for fact in record.made),
        function_calls=tuple(_moved(fact, used) for fact in record.function_calls),
        lazy=_moved_names(record.lazy, used),
        dynamic=tuple(_moved(fact, used) for fact in record.dynamic),
        loads=tuple(_moved(fact, used) for fact in record.loads),
        runs=tuple(_moved(fact, used) for fact in record.runs),
        plugins=tuple(_moved_plugin(fact, used) for fact in record.plugins),
        path_edits=tuple(_moved(fact, used) for fact in record.path_edits),
        calls=tuple(LocalCall(used[call.block], used[call.target]) for call in record.calls),
    )


def _moved(fact: FactT, used: dict[int, int]) -> FactT:
    return msgspec.structs.replace(fact, block=used[fact.block])


def _moved_plugin(call: PluginCall, used: dict[int, int]) -> PluginCall:
    return msgspec.structs.replace(_moved(call, used), loaded_in=used.get(call.loaded_in, -1))


def _moved_names(lazy: LazyNames | None, used: dict[int, int]) -> LazyNames | None:
    if lazy is None:
        return None
    names = tuple((name, module, used[block]) for name, module, block in lazy.names)
    return msgspec.structs.replace(lazy, names=names)

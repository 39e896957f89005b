"""Which functions a file calls: its own, and those that it imports; with what it gives them literally."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

import libcst as cst
import msgspec

from fleet_audit.audit.static_imports import stdlib
from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.asking import Calls
from fleet_audit.audit.static_imports.source.backwards import CallSite
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.lambdas import Lambdas
from fleet_audit.audit.static_imports.source.outline import Outline, Span
from fleet_audit.audit.static_imports.source.records import (
    LISTED,
    BlockKind,
    FunctionCall,
    ImportStatement,
    LocalCall,
    PluginCall,
)

MAX_LOCAL_CALLS = 20_000
MAX_FUNCTION_CALLS = 5_000
MAX_INSTANCES = 2_000
MAX_NAMED_ARGUMENTS = 200
_MOST_DEFINITIONS = 4
_MOST_ARGUMENTS = 8
_MOST_LISTED = 50
_LONGEST_ARGUMENTS = 2_000
_MOST_BASES = 20

_DECORATOR = re.compile(rb"@([A-Za-z_][\w.]*)[ \t]*\n")
_DEFINITION = re.compile(rb"\b(?:def|class)[ \t]+$")
_INSTANCE = re.compile(
    rb"(?<![\w.])(?:self[ \t]*\.[ \t]*)?([A-Za-z_]\w*)[ \t]*(?::[^=\n]{0,200})?=[ \t]*(?:await[ \t]+)?"
    rb"([A-Z]\w*|[A-Za-z_]\w*(?:\.\w+)*\.[A-Z]\w*)[ \t]*\("
)
_MANAGED = re.compile(rb"\bwith[ \t]+([A-Za-z_][\w.]*)[ \t]*\([^()\n]*\)[ \t]+as[ \t]+([A-Za-z_]\w*)")
_MADE = re.compile(rb"(?<![\w.])([A-Z]\w*)[ \t]*\([^()\n]*\)[ \t]*\.[ \t]*([A-Za-z_]\w*)[ \t]*\(")
_NAME = re.compile(rb"[A-Za-z_]\w*")
_KEYWORD = re.compile(rb"[ \t\x01]*([A-Za-z_]\w*)[ \t\x01]*=(?!=)")
_STRING = re.compile(rb"[ \t\x01]*([rbuRBUfF]{0,2})(\"+)[ \t\x01]*")
_ONE_NAME = re.compile(rb"[ \t\x01]*([A-Za-z_]\w*)[ \t\x01]*")
_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__enter__"})

_STANDARD = stdlib.modules(11) - {"importlib"}


class Called(msgspec.Struct, frozen=True):
    """What one file calls; `functions` are its own that run with the import."""

    local: tuple[LocalCall, ...]
    other: tuple[FunctionCall, ...]
    functions: frozenset[int]


def find_called(
    outlined: Outline,
    imports: tuple[ImportStatement, ...],
    asked: tuple[Calls, tuple[PluginCall, ...]],
    constants: Constants,
    *,
    is_own_code: bool,
) -> Called:
    """Find the calls of one file; `asked` are those that import or load by themselves, plugins too.

    In a service's own code every call is looked at. Elsewhere those are kept that run with the import, or
    that lead to something that is imported or loaded.
    """
    calls, plugins = asked
    depending = [call.block for call in calls.dynamic if call.templates]
    depending += [load.block for load in calls.loads if load.templates]
    depending += [plugin.block for plugin in plugins if _depends(plugin)]
    caller = _Caller(outlined, imports, depending, constants, is_own_code=is_own_code)
    looking_up = (plugin.block for plugin in plugins)
    return caller.find(frozenset((*(found.block for found in imports), *calls.blocks(), *looking_up)))


class _Caller:
    """Looks through one file."""

    def __init__(
        self,
        outlined: Outline,
        imports: tuple[ImportStatement, ...],
        depending: Iterable[int],
        constants: Constants,
        *,
        is_own_code: bool,
    ) -> None:
        self._outline = outlined
        self._shadow = outlined.text.shadow
        self._source = outlined.text.source
        self._is_own_code = is_own_code
        self._constants = constants
        self._backwards = outlined.backwards
        self._lambdas = Lambdas(self._shadow)
        self._asked: set[bytes] = set()
        given = {outlined.spans[self._function(block)].name for block in depending}
        self._looked_at = frozenset({*_bound(imports), *given})
        self._targets = self._find_targets()
        self._target_names = frozenset(name for _, name in self._targets)
        self._classes = {s.name: i for i, s in enumerate(outlined.spans) if s.kind is BlockKind.CLASS}
        self._instances = self._find_instances() if is_own_code else {}

    def find(self, doing: frozenset[int]) -> Called:
        """Look at the text that runs, or at all of it where functions do something."""
        busy = {self._function(block) for block in doing} - {0}
        is_whole = self._is_own_code or bool(busy)
        local = list(self._local_calls(is_whole=is_whole))
        functions = self._run_with_import(local)
        other = tuple(self._function_calls(functions))
        busy |= {self._function(call.block) for call in other} - {0}
        leading = self._leading(local, busy)
        kept = tuple(call for call in local if self._is_own_code or call.target in leading)
        return Called(kept, other, frozenset(functions))

    def _leading(self, local: list[LocalCall], busy: set[int]) -> set[int]:
        """Return the functions from which calls lead to a busy one."""
        callers: defaultdict[int, set[int]] = defaultdict(set)
        for call in local:
            callers[call.target].add(self._function(call.block))
        leading: set[int] = set()
        pending = set(busy)
        while pending:
            function = pending.pop()
            if function not in leading:
                leading.add(function)
                pending |= callers.get(function, set())
        return leading

    def _run_with_import(self, local: list[LocalCall]) -> set[int]:
        callees: defaultdict[int, set[int]] = defaultdict(set)
        for call in local:
            callees[self._function(call.block)].add(call.target)
        running: set[int] = set()
        pending = set(callees.get(0, ()))
        while pending:
            function = pending.pop()
            if function not in running:
                running.add(function)
                pending |= callees.get(function, set())
        return running

    def _function(self, block: int) -> int:
        spans = self._outline.spans
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            block = spans[block].parent
        return block

    def _local_calls(self, *, is_whole: bool) -> Iterator[LocalCall]:
        """Yield the calls of this file's own functions, followed from what the import runs."""
        pending = [(0, len(self._shadow))] if is_whole else self._outline.running_parts(is_postponed=False)
        seen: set[int] = set()
        kept: set[LocalCall] = set()
        while pending and self._targets:
            start, end = pending.pop()
            for call in self._calls_between(start, end):
                if call in kept:
                    continue
                kept.add(call)
                yield call
                if len(kept) == MAX_LOCAL_CALLS:
                    return
                if call.target not in seen and not is_whole:
                    seen.add(call.target)
                    pending.append((self._outline.spans[call.target].body, self._outline.end(call.target)))

    def _calls_between(self, start: int, end: int) -> Iterator[LocalCall]:
        for at, targets in self._targets_between(start, end):
            if targets and not self._lambdas.hold(at):
                block = self._outline.block_at(at)
                yield from (LocalCall(block, target) for target in targets)

    def _targets_between(self, start: int, end: int) -> Iterator[tuple[int, list[int]]]:
        """Yield where something is called, and the file's own functions that this may mean."""
        for site in self._backwards.local_calls(start, end, self._target_names):
            yield site.start, self._called(site)
        if not self._is_own_code:
            return
        for site in self._backwards.calls(start, end, None):
            yield site.start, self._method(site.name)
        for found in _MADE.finditer(self._shadow, start, end):
            yield found.start(), self._methods_of(found[1].decode(), found[2].decode())

    def _find_targets(self) -> dict[tuple[int, str], list[int]]:
        """Return the functions that a call may mean, by (class, name); class -1 for plain functions."""
        targets: dict[tuple[int, str], list[int]] = {}
        spans = self._outline.spans
        for index, span in enumerate(spans):
            if span.kind is not BlockKind.FUNCTION:
                continue
            owner = _owner(spans, span)
            key = (owner, span.name) if owner >= 0 else (-1, span.name)
            targets.setdefault(key, []).append(index)
            if owner >= 0 and span.name in _CONSTRUCTORS:
                targets.setdefault((-1, spans[owner].name), []).append(index)
        # Of many definitions under one name, the last ones are those that are called.
        return {key: indexes[-_MOST_DEFINITIONS:] for key, indexes in targets.items()}

    def _called(self, site: CallSite) -> list[int]:
        if not site.is_own:
            return [] if self._is_definition(site.start) else self._targets.get((-1, site.name), [])
        spans = self._outline.spans
        at = self._outline.block_at(site.start)
        while at > 0 and spans[at].kind is not BlockKind.CLASS:
            at = spans[at].parent
        return self._methods_of(spans[at].name, site.name, at) if at > 0 else []

    def _is_definition(self, start: int) -> bool:
        return _DEFINITION.search(self._shadow, max(0, start - 12), start) is not None

    def _methods_of(self, class_name: str, method: str, index: int = -1, depth: int = 5) -> list[int]:
        """Return a method of a class of this file, or of the classes of this file that it derives from."""
        at = self._classes.get(class_name, -1) if index < 0 else index
        if at < 0 or depth == 0:
            return []
        if (found := self._targets.get((at, method))) is not None:
            return found
        header = self._shadow[slice(*self._outline.spans[at].header)]
        bases = [name.decode() for name in islice(_NAME.findall(header), _MOST_BASES)]
        inherited = (self._methods_of(b, method, depth=depth - 1) for b in bases if b != class_name)
        return next((targets for targets in inherited if targets), [])

    def _find_instances(self) -> dict[str, str]:
        """Return the class that each name is made an instance of; names of several classes are left out."""
        made: dict[str, set[str]] = {}
        assigned = ((m[1], m[2]) for m in _INSTANCE.finditer(self._shadow))
        managed = ((m[2], m[1]) for m in _MANAGED.finditer(self._shadow))
        for name, of_class in islice((*assigned, *managed), MAX_INSTANCES):
            made.setdefault(name.decode(), set()).add(of_class.decode())
        known = {name: next(iter(classes)) for name, classes in made.items() if len(classes) == 1}
        return {name: c for name, c in known.items() if c in self._classes or self._is_imported(c)}

    def _is_imported(self, dotted: str) -> bool:
        return dotted.partition(".")[0] in self._looked_at

    def _method(self, name: str) -> list[int]:
        owner, _, method = name.removeprefix("self.").rpartition(".")
        of_class = self._instances.get(owner, owner)
        return self._methods_of(of_class, method) if of_class in self._classes else []

    def _function_calls(self, running: set[int]) -> Iterator[FunctionCall]:
        """Yield the calls of imported functions, of methods of imported classes, of own ones that depend."""
        parts = [(0, len(self._shadow))]
        if not self._is_own_code:
            spans = self._outline.spans
            parts = self._outline.running_parts(is_postponed=False)
            parts += [(spans[i].body, self._outline.end(i)) for i in sorted(running)]
        seen: set[FunctionCall] = set()
        for part in parts if self._looked_at else ():
            for call in self._imported_calls(*part):
                if call not in seen and len(seen) < MAX_FUNCTION_CALLS:
                    seen.add(call)
                    yield call
        for found in _MADE.finditer(self._shadow) if self._is_own_code else ():
            name = f"{found[1].decode()}.{found[2].decode()}"
            if self._is_imported(name) and not self._lambdas.hold(found.start()):
                yield FunctionCall(
                    name, self._outline.text.line(found.start()), self._outline.block_at(found.start())
                )

    def _imported_calls(self, start: int, end: int) -> list[FunctionCall]:
        """Return the calls, and what decorates, between two offsets, in the order of the text."""
        found = [*self._plain_calls(start, end), *self._decorators(start, end)]
        return [call for _, call in sorted(found, key=lambda pair: pair[0])]

    def _plain_calls(self, start: int, end: int) -> Iterator[tuple[int, FunctionCall]]:
        first_names = self._looked_at | {"self", *self._instances} if self._instances else self._looked_at
        for site in self._backwards.calls(start, end, first_names):
            name = "" if self._is_definition(site.start) else self._called_name(site.name)
            if name and not self._lambdas.hold(site.start):
                block = self._outline.block_at(site.start)
                line = self._outline.text.line(site.start)
                yield site.start, FunctionCall(name, line, block, self._arguments(site.end))

    def _decorators(self, start: int, end: int) -> Iterator[tuple[int, FunctionCall]]:
        for found in _DECORATOR.finditer(self._shadow, start, end):
            line_start = self._shadow.rfind(b"\n", 0, found.start()) + 1
            is_alone = not self._shadow[line_start : found.start()].strip(b" \t")
            if line_start >= start and is_alone and (name := self._called_name(found[1].decode())):
                block = self._outline.block_at(line_start)
                yield line_start, FunctionCall(name, self._outline.text.line(found.start()), block)

    def _called_name(self, name: str) -> str:
        owner, dot, method = name.removeprefix("self.").rpartition(".")
        if owner in self._instances:
            name = self._instances[owner] + dot + method
        return name if self._is_imported(name) else ""

    def _arguments(self, start: int) -> tuple[tuple[str, str], ...]:
        """Return the literal strings of a call by their position or keyword.

        Of a formatted string that is what it begins with. In own code a name may stand for a string.
        """
        limit = min(start + _LONGEST_ARGUMENTS, len(self._shadow))
        if b'"' not in self._shadow[start:limit] and not self._is_own_code:
            return ()
        stop = closing(self._shadow, start, limit)
        arguments: list[tuple[str, str]] = []
        for position, (at, end) in enumerate(islice(_pieces(self._shadow, start, stop), _MOST_ARGUMENTS)):
            keyword = _KEYWORD.match(self._shadow, at, end)
            begin = at if keyword is None else keyword.end()
            key = str(position) if keyword is None else keyword[1].decode()
            if (text := self._literal(begin, end)) is not None:
                arguments.append((key, text))
            elif self._shadow[begin:end].lstrip(b" \t\x01")[:1] in (b"[", b"("):
                listed = islands.listed_strings(self._source[begin:end], self._shadow[begin:end]) or ()
                arguments += ((LISTED % key, each) for each in listed[:_MOST_LISTED])
        return tuple(arguments)

    def _literal(self, start: int, end: int) -> str | None:
        if (string := _STRING.fullmatch(self._shadow, start, end)) is not None:
            text = self._source[slice(*string.span(2))].strip(b"\"'").decode(errors="replace")
            return text.partition("{")[0] if b"f" in string[1].lower() else text
        named = _ONE_NAME.fullmatch(self._shadow, start, end) if self._is_own_code else None
        if named is None:
            return None
        self._asked.add(named[1])
        if len(self._asked) > MAX_NAMED_ARGUMENTS:
            return None
        values = self._constants.strings(cst.Name(named[1].decode()), start)
        return values[0] if len(values) == 1 else None


def _pieces(shadow: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield where the arguments of a call stand: between the commas that no bracket encloses."""
    at = start
    depth = 0
    for mark in re.finditer(rb"[()\[\]{},]", shadow[start:stop]):
        if mark[0] in b"([{":
            depth += 1
        elif mark[0] in b")]}":
            depth -= 1
        elif depth == 0:
            yield at, start + mark.start()
            at = start + mark.end()
    if shadow[at:stop].strip(b" \t\x01"):
        yield at, stop


def _depends(plugin: PluginCall) -> bool:
    return any("{" in name for name in (*plugin.groups, *plugin.names))


def _bound(imports: tuple[ImportStatement, ...]) -> Iterator[str]:
    """Yield the names that imports bind, but for those of the standard library, which imports little."""
    for statement in imports:
        if not statement.level and statement.module.partition(".")[0] in _STANDARD:
            continue
        if statement.names:
            yield from (name.bound for name in statement.names)
        else:
            yield statement.alias or statement.module.partition(".")[0]


def _owner(spans: list[Span], span: Span) -> int:
    """Return the class in whose body a function is defined; -1 for none."""
    at = span.parent
    while at > 0 and spans[at].kind not in (BlockKind.CLASS, BlockKind.FUNCTION):
        at = spans[at].parent
    return at if at > 0 and spans[at].kind is BlockKind.CLASS else -1

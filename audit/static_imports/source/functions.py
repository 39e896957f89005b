"""Which functions of a file lead to imports or loads when they are called, and under which names."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.source.records import Block, BlockKind, FunctionCall, SourceRecord

_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__enter__"})

_MOST_METHODS = 200


class Invocation(msgspec.Struct, frozen=True, gc=False):
    """A call from outside: of a function ``f``, a method ``Class.f``, or a class; `given` are arguments.

    `given` are (parameter, literal) pairs, sorted. The use of a setting, a name in capitals, counts as one.
    """

    function: str
    level: Level = Level.CERTAIN
    given: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """Return it as code has it: ``load(name='x')``, or the setting."""
        if self.function.isupper():
            return self.function
        return f"{self.function}({', '.join(f'{name}={value!r}' for name, value in self.given)})"


def functions_named(blocks: Sequence[Block], name: str) -> tuple[int, ...]:
    """Return the functions that a call of `name` runs: for a class its constructors."""
    return _by_name(blocks).get(name, ())


def methods_named(blocks: Sequence[Block], name: str) -> tuple[str, ...]:
    """Return the methods of this name of all classes, as ``Class.name``, in their order."""
    named = (
        found for index, block in enumerate(blocks) if block.name == name for found in _names(blocks, index)
    )
    return tuple(dict.fromkeys(found for found in named if found != name))


def busy_functions(record: SourceRecord) -> dict[str, tuple[int, ...]]:
    """Return, by name, the functions in which something is imported, loaded or called that leads further."""
    blocks = {found.block for found in record.imports} | {call.block for call in record.dynamic}
    blocks |= {load.block for load in record.loads} | {run.block for run in record.runs}
    blocks |= {plugin.block for plugin in record.plugins}
    blocks |= {call.block for call in record.function_calls} | {call.block for call in record.calls}
    busy: set[int] = set()
    for block in blocks:
        at = block
        while at > 0:
            if record.blocks[at].kind is BlockKind.FUNCTION:
                busy.add(at)
            at = record.blocks[at].parent
    return {name: found for name, found in _by_name(record.blocks).items() if not busy.isdisjoint(found)}


def given_to(blocks: Sequence[Block], function: int, call: FunctionCall) -> tuple[tuple[str, str], ...]:
    """Return the literal arguments of a call by the names of the function's parameters."""
    parameters = blocks[function].parameters
    if _class_of(blocks, function) >= 0:
        parameters = parameters[1:]
    given: dict[str, str] = {}
    for key, value in call.arguments:
        if not key.isdigit():
            given[key] = value
        elif int(key) < len(parameters):
            given[parameters[int(key)]] = value
    return tuple(sorted((name, value) for name, value in given.items() if name in parameters))


def _by_name(blocks: Sequence[Block]) -> dict[str, tuple[int, ...]]:
    named: defaultdict[str, list[int]] = defaultdict(list)
    for index, block in enumerate(blocks):
        if block.kind is BlockKind.FUNCTION:
            for name in _names(blocks, index):
                named[name].append(index)
    _inherit(named, [block for block in blocks if block.kind is BlockKind.CLASS and block.parameters])
    return {name: tuple(found) for name, found in named.items()}


def _inherit(named: defaultdict[str, list[int]], derived: Sequence[Block]) -> None:
    """Add the methods that classes have from those before them in the file."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name in named:
        owner, _, method = name.partition(".")
        members[owner].append(method)
    for block in derived:
        inherited = [(base, method) for base in block.parameters for method in members.get(base, ())]
        for base, method in inherited[:_MOST_METHODS]:
            own = f"{block.name}.{method}" if method else block.name
            if own not in named:
                named[own] = list(named[f"{base}.{method}" if method else base])
                members[block.name].append(method)


def _names(blocks: Sequence[Block], function: int) -> Iterator[str]:
    owner = _class_of(blocks, function)
    block = blocks[function]
    outer = block.parent if owner < 0 else blocks[owner].parent
    while outer > 0:
        if blocks[outer].kind in (BlockKind.FUNCTION, BlockKind.CLASS):
            return
        outer = blocks[outer].parent
    if owner < 0:
        yield block.name
        return
    yield f"{blocks[owner].name}.{block.name}"
    if block.name in _CONSTRUCTORS:
        yield blocks[owner].name


def _class_of(blocks: Sequence[Block], function: int) -> int:
    """Return the class in whose body a function is defined; -1 for none."""
    at = blocks[function].parent
    while at > 0 and blocks[at].kind not in (BlockKind.CLASS, BlockKind.FUNCTION):
        at = blocks[at].parent
    return at if at > 0 and blocks[at].kind is BlockKind.CLASS else -1

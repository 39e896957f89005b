"""Which statements inside of ``try`` fail where they run, and what catches the exceptions of imports."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from fleet_audit.audit.static_imports.reachability.blocks import around, try_around
from fleet_audit.audit.static_imports.source.records import (
    Block,
    BlockKind,
    DynamicImportCall,
    ImportStatement,
    SourceRecord,
)

NAMED_FAILURES = frozenset({"ImportError", "ModuleNotFoundError"})
_BROAD = frozenset({"Exception", "BaseException"})
IMPORT_FAILURES = NAMED_FAILURES | _BROAD
_FAILED_IMPORT = "ModuleNotFoundError"
_BASES = {"ModuleNotFoundError": IMPORT_FAILURES, "ImportError": frozenset({"ImportError"}) | _BROAD}
"""What catches the exceptions of imports; others are caught by their own name, or by a broad handler."""


class Failure(msgspec.Struct, frozen=True, gc=False):
    """A statement in `block` that ends with `exception` where it runs; a ``raise`` has no known line."""

    block: int
    exception: str
    line: float = math.inf


def possible_failures(
    record: SourceRecord, is_answered: Callable[[ImportStatement], bool]
) -> dict[int, list[Failure]]:
    """Return what fails in each ``try`` of a file, where it runs; `is_answered` judges an import."""
    failures: defaultdict[int, list[Failure]] = defaultdict(list)
    for statement in record.imports:
        at = try_around(record.blocks, statement.block)
        if at >= 0 and not is_answered(statement):
            failures[at].append(Failure(statement.block, _FAILED_IMPORT, statement.line))
    for call in record.dynamic:
        at = try_around(record.blocks, call.block)
        if at >= 0 and len(call.modules) == 1 and not is_answered(_as_statement(call)):
            failures[at].append(Failure(call.block, _FAILED_IMPORT, call.line))
    for raised in record.raises:
        at = try_around(record.blocks, raised.block)
        if at >= 0:
            failures[at].append(Failure(raised.block, raised.exception))
    return dict(failures)


def tries_before(blocks: Sequence[Block], block: int) -> frozenset[int]:
    """Return each ``try`` that copes with a failed import and that a block stands in the ``else`` of."""
    outer = (blocks[at] for at in around(blocks, block))
    tries = {each.previous for each in outer if each.kind is BlockKind.TRY_ELSE}
    return frozenset(at for at in tries if not IMPORT_FAILURES.isdisjoint(blocks[at].catches))


def is_caught(exception: str, handler: Block) -> bool:
    """Say whether a handler, or a ``try`` with all of its handlers, catches an exception of this name."""
    return not _BASES.get(exception, frozenset({exception, *_BROAD})).isdisjoint(handler.catches)


def _as_statement(call: DynamicImportCall) -> ImportStatement:
    """Return the statement that imports what a call imports by one name."""
    name = call.modules[0]
    bare = name.lstrip(".")
    return ImportStatement(bare, call.line, 0, call.block, level=len(name) - len(bare))

"""What is around a block of a file: functions, ``try`` statements, what only type checkers read."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.static_imports.source.conditions import AllOf, Condition, TypeChecking
from fleet_audit.audit.static_imports.source.records import Block, BlockKind


def is_in_function(blocks: Sequence[Block], block: int) -> bool:
    """Say whether a block is part of a function."""
    at = block
    while at > 0:
        if blocks[at].kind is BlockKind.FUNCTION:
            return True
        at = blocks[at].parent
    return False


def is_for_type_checkers(blocks: Sequence[Block], block: int) -> bool:
    """Say whether a block runs for type checkers alone."""
    at = block
    while at > 0:
        if blocks[at].kind is BlockKind.IF and _asks_type_checking(blocks[at].condition):
            return True
        at = blocks[at].parent
    return False


def around(blocks: Sequence[Block], block: int) -> Iterator[int]:
    """Yield a block and those around it, innermost first, up to the function or the module."""
    while block > 0 and blocks[block].kind is not BlockKind.FUNCTION:
        yield block
        block = blocks[block].parent


def try_around(blocks: Sequence[Block], block: int) -> int:
    """Return the innermost ``try`` that a block is in, in the same function; -1 for none.

    A ``with`` that suppresses exceptions is one: what it names ends its statements, and nothing else.
    """
    return next((at for at in around(blocks, block) if _is_try(blocks[at])), -1)


def _is_try(block: Block) -> bool:
    return block.kind is BlockKind.TRY or (block.kind is BlockKind.WITH and bool(block.catches))


def _asks_type_checking(condition: Condition) -> bool:
    if isinstance(condition, AllOf):
        return any(_asks_type_checking(operand) for operand in condition.operands)
    return isinstance(condition, TypeChecking)

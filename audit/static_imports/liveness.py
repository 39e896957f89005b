"""Which blocks of a file run when it is imported into a given image, and how certainly."""

from collections import defaultdict
from collections.abc import Callable
from typing import assert_never

import msgspec

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.conditions import (
    AllOf,
    Circumstances,
    Condition,
    TypeChecking,
    holds,
)
from fleet_audit.audit.static_imports.records import (
    Block,
    BlockKind,
    FlagAssignment,
    ImportStatement,
    SourceRecord,
)

_NAMED_FAILURES = frozenset({"ImportError", "ModuleNotFoundError"})
IMPORT_FAILURES = _NAMED_FAILURES | {"Exception", "BaseException"}
_MIN_ROUNDS, _MAX_STEPS = 20, 400_000
"""Blocks and calls looked at before levels count as settled; calls that lead far take many rounds."""
_LONGEST_CHAIN = 300


class Liveness:
    """The levels of one record's blocks.

    Functions are `LAZY` until something that runs calls them; that raises what is inside them to the
    caller's level, through as many of the file's own functions as it takes, and to `PROBABLE` where the
    caller survives a failed import by its name. A handler for a failed
    import runs where an import of its ``try`` does not resolve; otherwise it is as unlikely as `STRING`.
    """

    def __init__(
        self,
        record: SourceRecord,
        world: Circumstances,
        resolves: Callable[[ImportStatement], bool],
        called: tuple[str, ...] = (),
    ) -> None:
        """Take what decides conditions, whether an import resolves, and functions called from outside."""
        self._blocks = record.blocks
        self._world = msgspec.structs.replace(world, flag=self._flag)
        self._open_world = msgspec.structs.replace(world, flag=self._open_flag, is_open=True)
        self._outer_flag = world.flag
        self._flags: defaultdict[str, list[FlagAssignment]] = defaultdict(list)
        for assignment in record.flags:
            self._flags[assignment.name].append(assignment)
        self._seen: list[Level | None] = []
        self._asking: set[str] = set()
        self._answers: dict[tuple[int, bool], bool | None] = {}
        self._failing = self._failing_tries(record, resolves)
        self._functions: dict[int, Level] = {
            index: Level.CERTAIN
            for index, block in enumerate(record.blocks)
            if block.kind is BlockKind.FUNCTION and block.name in called and block.parent == 0
        }
        self._levels = self._settle(record)

    def level(self, block: int) -> Level | None:
        """Return how certainly a block runs; None where it cannot."""
        return self._levels[block]

    def is_guarded(self, block: int) -> bool:
        """Say whether a failed import in `block` is survived, or is a fallback that is not needed."""
        at = block
        while at > 0 and self._blocks[at].kind is not BlockKind.FUNCTION:
            here = self._blocks[at]
            if here.kind in (BlockKind.TRY, BlockKind.WITH) and not IMPORT_FAILURES.isdisjoint(here.catches):
                return True
            if here.kind is BlockKind.EXCEPT and here.previous not in self._failing:
                return True
            at = here.parent
        return False

    def is_typing(self, block: int) -> bool:
        """Say whether `block` is for type checkers alone."""
        at = block
        while at > 0:
            if self._blocks[at].kind is BlockKind.IF and _asks_type_checking(self._blocks[at].condition):
                return True
            at = self._blocks[at].parent
        return False

    def is_in_function(self, block: int) -> bool:
        """Say whether `block` is part of a function."""
        at = block
        while at > 0:
            if self._blocks[at].kind is BlockKind.FUNCTION:
                return True
            at = self._blocks[at].parent
        return False

    def flag(self, name: str) -> bool | None:
        """Return what a module-level name stands for, once the module is imported; None if that is unsure."""
        return self._flag(name)

    def _flag(self, name: str) -> bool | None:
        return self._flag_in(name, self._world)

    def _open_flag(self, name: str) -> bool | None:
        return self._flag_in(name, self._open_world)

    def _flag_in(self, name: str, world: Circumstances) -> bool | None:
        """Answer for a name from the assignments that run, or from all where they agree."""
        if name in self._asking:
            return None
        assigned = self._flags.get(name)
        if not assigned:
            return self._outer_flag(name)
        self._asking.add(name)
        answers = [holds(each.condition, world) for each in assigned]
        self._asking.discard(name)
        if len(set(answers)) == 1:
            return answers[0]
        levels = [self._seen[each.block] if each.block < len(self._seen) else None for each in assigned]
        if Level.PROBABLE in levels:
            return None
        running = [answer for answer, level in zip(answers, levels, strict=True) if level is Level.CERTAIN]
        return running[-1] if running else None

    def _failing_tries(self, record: SourceRecord, resolves: Callable[[ImportStatement], bool]) -> set[int]:
        failing: set[int] = set()
        tried = {index for index, block in enumerate(self._blocks) if block.kind is BlockKind.TRY}
        for statement in record.imports:
            enclosing = [index for index in self._around(statement.block) if index in tried]
            if enclosing and enclosing[0] not in failing and not resolves(statement):
                failing.add(enclosing[0])
        return failing

    def _around(self, block: int) -> list[int]:
        around: list[int] = []
        while block > 0 and self._blocks[block].kind is not BlockKind.FUNCTION:
            around.append(block)
            block = self._blocks[block].parent
        return around

    def _settle(self, record: SourceRecord) -> list[Level | None]:
        levels = self._pass()
        rounds = max(_MIN_ROUNDS, _MAX_STEPS // (len(self._blocks) + len(record.calls) + 1))
        for _ in range(rounds):
            has_changed = False
            for call in record.calls:
                level = levels[call.block]
                if level is Level.CERTAIN and self._is_sheltered(call.block):
                    level = Level.PROBABLE
                if level is not None and level < self._functions.get(call.target, Level.LAZY):
                    self._functions[call.target] = level
                    has_changed = True
            if not has_changed:
                break
            levels = self._pass()
        return levels

    def _is_sheltered(self, block: int) -> bool:
        """Say whether a handler around `block` names a failed import; a broad one may only log the end."""
        around = (self._blocks[index] for index in self._around(block))
        copes = (b for b in around if b.kind in (BlockKind.TRY, BlockKind.WITH))
        return any(not _NAMED_FAILURES.isdisjoint(b.catches) for b in copes)

    def _pass(self) -> list[Level | None]:
        # A block stands after the one that it is in, so one walk in order sees every parent first.
        levels = self._seen = []
        for index, block in enumerate(self._blocks):
            outer = levels[block.parent] if block.parent >= 0 else Level.CERTAIN
            own = None if outer is None else self._own_level(index, block)
            # What a called function does inside is as certain as the call, wherever it is defined.
            levels.append(None if outer is None or own is None else max(outer, own))
        return levels

    def _own_level(self, index: int, block: Block) -> Level | None:
        match block.kind:
            case BlockKind.FUNCTION:
                return self._functions.get(index, Level.LAZY)
            case BlockKind.IF | BlockKind.ELSE:
                return self._branch_level(index, block)
            case BlockKind.EXCEPT:
                is_live = block.previous in self._failing and not IMPORT_FAILURES.isdisjoint(block.catches)
                return Level.CERTAIN if is_live else Level.STRING
            case BlockKind.TRY_ELSE:
                return None if block.previous in self._failing else Level.CERTAIN
            case BlockKind.CASE:
                return Level.PROBABLE
            case (
                BlockKind.MODULE
                | BlockKind.CLASS
                | BlockKind.TRY
                | BlockKind.FINALLY
                | BlockKind.LOOP
                | BlockKind.WITH
            ):
                return Level.CERTAIN
            case _:
                assert_never(block.kind)

    def _branch_level(self, index: int, block: Block) -> Level | None:
        usual = self._level_in(self._world, index, block)
        if usual is not None:
            return usual
        # A branch that runs only where somebody sets a variable is possible, and the other one usual.
        return None if self._level_in(self._open_world, index, block) is None else Level.PROBABLE

    def _level_in(self, world: Circumstances, index: int, block: Block) -> Level | None:
        answers: list[bool | None] = []
        at = block.previous
        while at >= 0 and len(answers) < _LONGEST_CHAIN:
            answers.append(self._answer(world, at))
            at = self._blocks[at].previous
        if True in answers:
            return None
        own = self._answer(world, index) if block.kind is BlockKind.IF else True
        if own is False:
            return None
        return Level.PROBABLE if own is None or None in answers else Level.CERTAIN

    def _answer(self, world: Circumstances, index: int) -> bool | None:
        key = (index, world.is_open)
        if key not in self._answers:
            self._answers[key] = holds(self._blocks[index].condition, world)
        return self._answers[key]


def _asks_type_checking(condition: Condition) -> bool:
    if isinstance(condition, AllOf):
        return any(_asks_type_checking(operand) for operand in condition.operands)
    return isinstance(condition, TypeChecking)

"""Which blocks of a file run when it is imported into a given image, and how certainly."""

import math
from collections.abc import Callable
from typing import assert_never

import msgspec

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.reachability.blocks import (
    around,
    is_for_type_checkers,
    is_in_function,
    try_around,
)
from fleet_audit.audit.static_imports.reachability.failures import (
    IMPORT_FAILURES,
    NAMED_FAILURES,
    is_caught,
    possible_failures,
)
from fleet_audit.audit.static_imports.reachability.flag_values import FlagValues
from fleet_audit.audit.static_imports.source.conditions import Circumstances, holds
from fleet_audit.audit.static_imports.source.functions import Invocation, functions_named
from fleet_audit.audit.static_imports.source.records import (
    Block,
    BlockKind,
    Ending,
    ImportStatement,
    SourceRecord,
)

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
        is_answered: Callable[[ImportStatement], bool],
        called: tuple[Invocation, ...] = (),
    ) -> None:
        """Take what decides conditions, whether an import finds what it asks for, and calls from outside."""
        self._blocks = record.blocks
        self._raises = record.raises
        self._world = msgspec.structs.replace(world, flag=self._flag)
        self._open_world = msgspec.structs.replace(world, flag=self._open_flag, is_open=True)
        self._outer_flag = world.flag
        self._flags = FlagValues(record, self._level_at, self._level_once_called)
        self._seen: list[Level | None] = []
        self._before: list[Level | None] = []
        self._asked_at: float = math.inf
        self._answers: dict[tuple[int, bool], bool | None] = {}
        self._failures = possible_failures(record, is_answered)
        self._failing: dict[int, frozenset[str]] = {}
        self._functions: dict[int, Level] = {}
        for call in called:
            for function in functions_named(record.blocks, call.function):
                self._functions[function] = min(call.level, self._functions.get(function, Level.LAZY))
        self._levels = self._settle(record)

    def level(self, block: int, line: int = 0) -> Level | None:
        """Return how certainly a block runs; None where it cannot.

        With a line, what stands in a ``try`` behind an import that fails there does not run.
        """
        level = self._levels[block]
        if line and level is not None and self._failures and line > self._failing_line(block):
            return None
        return level

    def _failing_line(self, block: int) -> float:
        tried = try_around(self._blocks, block)
        lines = (
            failure.line
            for failure in self._failures.get(tried, ())
            if self._known_level(failure.block) == self._known_level(tried)
        )
        return min(lines, default=math.inf)

    def level_of_call(self, block: int) -> Level | None:
        """Return how certainly what a call in `block` runs is run to its end."""
        level = self._levels[block]
        return Level.PROBABLE if level is Level.CERTAIN and self._is_sheltered(block) else level

    def is_guarded(self, block: int) -> bool:
        """Say whether a failed import in `block` is survived, or is a fallback that is not needed."""
        for at in around(self._blocks, block):
            here = self._blocks[at]
            if here.kind in (BlockKind.TRY, BlockKind.WITH) and not IMPORT_FAILURES.isdisjoint(here.catches):
                return True
            if here.kind is BlockKind.EXCEPT and not self._failing.get(here.previous):
                return True
        return False

    def is_typing(self, block: int) -> bool:
        """Say whether `block` is for type checkers alone."""
        return is_for_type_checkers(self._blocks, block)

    def fails(self) -> bool:
        """Say whether the module surely ends in a failed import that it raises itself."""
        return any(
            self._levels[raised.block] is Level.CERTAIN
            and raised.exception in NAMED_FAILURES
            and not self.is_guarded(raised.block)
            for raised in self._raises
        )

    def is_in_function(self, block: int) -> bool:
        """Say whether `block` is part of a function."""
        return is_in_function(self._blocks, block)

    def flag(self, name: str) -> bool | None:
        """Return what a module-level name stands for, once the module is imported; None if that is unsure."""
        return self._flag(name)

    def _flag(self, name: str) -> bool | None:
        return self._flag_in(name, self._world)

    def _open_flag(self, name: str) -> bool | None:
        return self._flag_in(name, self._open_world)

    def _flag_in(self, name: str, world: Circumstances) -> bool | None:
        # Code at module level sees what is bound before it; functions run later.
        is_own = name in self._flags
        return self._flags.value(name, world, self._asked_at) if is_own else self._outer_flag(name)

    def _level_once_called(self, block: int) -> Level | None:
        """Return how certainly `block` runs once the function around it is called."""
        level: Level | None = Level.CERTAIN
        while level is not None and block > 0 and self._blocks[block].kind is not BlockKind.FUNCTION:
            here = self._blocks[block]
            own = self._own_level(block, here)
            if here.kind is BlockKind.TRY and self._failing.get(block):
                own = None
            level = None if own is None else max(level, own)
            block = here.parent
        return level

    def _level_at(self, block: int, line: int) -> Level | None:
        """Return how certainly a name is bound in a line: an import that fails binds nothing."""
        level = self._known_level(block)
        is_behind = level is not None and self._failures and line >= self._failing_line(block)
        return None if is_behind else level

    def _known_level(self, block: int) -> Level | None:
        """Return a block's level, from the round before where this one has not come to it yet."""
        levels = self._seen if block < len(self._seen) else self._before
        return levels[block] if block < len(levels) else None

    def _failed(self, tried: int, levels: list[Level | None]) -> frozenset[str]:
        """Return the exceptions that a ``try`` surely ends with; none where it does not surely fail."""
        return frozenset(
            failure.exception
            for failure in self._failures.get(tried, ())
            if levels[failure.block] is not None and levels[failure.block] == levels[tried]
        )

    def _settle(self, record: SourceRecord) -> list[Level | None]:
        levels = self._pass()
        if record.flags and len(self._blocks) > 1:
            # A question may stand before the assignment that answers it, in a function that is called later.
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
        outer = (self._blocks[index] for index in around(self._blocks, block))
        copes = (b for b in outer if b.kind in (BlockKind.TRY, BlockKind.WITH))
        return any(not NAMED_FAILURES.isdisjoint(b.catches) for b in copes)

    def _pass(self) -> list[Level | None]:
        # A block stands after the one that it is in, so one walk in order sees every parent first.
        self._before = self._seen
        levels = self._seen = []
        self._answers = {}
        self._failing = {}
        for index, block in enumerate(self._blocks):
            if block.previous in self._failures and block.previous not in self._failing:
                self._failing[block.previous] = self._failed(block.previous, levels)
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
            case BlockKind.EXCEPT | BlockKind.TRY_ELSE:
                return self._level_behind_try(block)
            case BlockKind.REST:
                return self._rest_level(block)
            case BlockKind.CASE | BlockKind.TRY:
                is_sure = block.kind is BlockKind.TRY and not _asks_for_name(block)
                return Level.CERTAIN if is_sure else Level.PROBABLE
            case BlockKind.MODULE | BlockKind.CLASS | BlockKind.FINALLY | BlockKind.LOOP | BlockKind.WITH:
                return Level.CERTAIN
            case _:
                assert_never(block.kind)

    def _level_behind_try(self, block: Block) -> Level | None:
        is_choice = self._may_fail(block.previous) or _asks_for_name(self._blocks[block.previous])
        if block.kind is BlockKind.TRY_ELSE:
            if self._failing.get(block.previous):
                return None
            return Level.PROBABLE if is_choice else Level.CERTAIN
        if self._catches_failure(block):
            return Level.CERTAIN
        return Level.PROBABLE if is_choice else Level.STRING

    def _may_fail(self, tried: int) -> bool:
        """Say whether an import in a ``try`` fails under a condition that nothing decides."""
        if self._known_level(tried) is not Level.CERTAIN:
            return False
        failures = self._failures.get(tried, ())
        imports = (failure.block for failure in failures if failure.exception in NAMED_FAILURES)
        return any(self._known_level(block) is Level.PROBABLE for block in imports)

    def _catches_failure(self, handler: Block) -> bool:
        failed = self._failing.get(handler.previous, frozenset())
        return any(is_caught(exception, handler) for exception in failed)

    def _rest_level(self, block: Block) -> Level | None:
        """Say how certainly a block goes on behind branches of which one leaves it."""
        branches = [(index, self._blocks[index]) for index in block.branches]
        if not branches:
            return None
        match branches[0][1].kind:
            case BlockKind.IF:
                return self._level_after_choice(branches)
            case BlockKind.TRY:
                return self._level_after_try(branches)
            case BlockKind.WITH:
                return None if IMPORT_FAILURES.isdisjoint(branches[0][1].catches) else Level.STRING
            case BlockKind.ELSE if branches[0][1].ends is Ending.FAILS:
                return Level.CERTAIN  # a loop that found nothing is amiss, as below
            case _:
                return Level.PROBABLE

    def _level_after_choice(self, branches: list[tuple[int, Block]]) -> Level | None:
        levels = [(self._own_level(index, block), block.ends) for index, block in branches]
        last, last_block = branches[-1]
        if last_block.kind is not BlockKind.ELSE:
            otherwise = Block(BlockKind.ELSE, parent=last_block.parent, previous=last)
            levels.append((self._branch_level(-1, otherwise), Ending.NONE))
        staying = [level for level, ends in levels if level is not None and not ends]
        if not staying:
            return None
        # That code raises where something is amiss does not make what follows less likely, unless it is
        # caught here: then it chooses.
        leaving = {Ending.LEAVES, Ending.FAILS} if self._is_caught(last) else {Ending.LEAVES}
        is_left = any(level is not None and ends in leaving for level, ends in levels)
        return Level.PROBABLE if is_left and Level.CERTAIN not in staying else Level.CERTAIN

    def _is_caught(self, block: int) -> bool:
        tried = try_around(self._blocks, block)
        return tried >= 0 and bool(self._blocks[tried].catches)

    def _level_after_try(self, branches: list[tuple[int, Block]]) -> Level | None:
        tried, body = branches[0]
        handlers = [block for _, block in branches if block.kind is BlockKind.EXCEPT]
        if self._failing.get(tried):
            handlers = [block for block in handlers if self._catches_failure(block)]
            return None if handlers and all(block.ends for block in handlers) else Level.CERTAIN
        has_left = any(block.ends for _, block in branches if block.kind is not BlockKind.EXCEPT)
        if not has_left:
            return Level.CERTAIN
        if all(block.ends for block in handlers):
            return None
        return Level.CERTAIN if body.ends is Ending.FAILS else Level.STRING

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
        if block.kind is BlockKind.ELSE and block.previous < 0:
            own = None  # the else of a loop, which a break leaves out
        if own is False:
            return None
        return Level.PROBABLE if own is None or None in answers else Level.CERTAIN

    def _answer(self, world: Circumstances, index: int) -> bool | None:
        key = (index, world.is_open)
        if key not in self._answers:
            is_later = self.is_in_function(index)
            self._asked_at = math.inf if is_later else self._blocks[index].line
            self._answers[key] = holds(self._blocks[index].condition, world)
            self._asked_at = math.inf
        return self._answers[key]


def _asks_for_name(tried: Block) -> bool:
    """Say whether a ``try`` asks whether a name is bound, which other versions have or have not."""
    return "NameError" in tried.catches and IMPORT_FAILURES.isdisjoint(tried.catches)

"""Whether a script fails where one of its commands does.

Rules: POSIX.1-2017, "Shell Command Language", 2.9 and "set" (-e is ignored in conditions, behind ``!``, and
for all but the last command of an AND-OR list); bash reference manual, "Pipelines" and "The Set Builtin".
Only what certainly does not fail is called lost; a failure that something handles in its own way is not.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from fleet_audit.audit.dockerfiles.shell.calls import MAX_INNER, called, inner_script
from fleet_audit.audit.dockerfiles.shell.script import (
    Block,
    BlockKind,
    Command,
    Item,
    Operator,
    PartKind,
    Redirect,
    Script,
    Word,
    and_or_lists,
)

_SUCCEEDING = frozenset({"true", ":", "echo", "printf", "logger", "continue", "break"})
_LEAVING = frozenset({"exit", "return"})
MAX_SHELLS = 100
"""Commands that begin in one line among which the one is sought that gives a command to a shell."""

_OF_BRANCHES = frozenset({BlockKind.IF, BlockKind.CASE, BlockKind.LOOP, BlockKind.FOR})


class LossKind(StrEnum):
    """Where a failure ends."""

    ALTERNATIVE = "alternative"
    PIPE = "pipe"
    GOES_ON = "goes-on"
    NEXT_ROUND = "next-round"
    CONDITION = "condition"
    NEGATED = "negated"
    BACKGROUND = "background"
    SUBSTITUTION = "substitution"


class Loss(msgspec.Struct, frozen=True):
    """Why the failure of a command is none of the script; `line` is where it ends, `by` what takes it.

    `is_left_of_and` where ``set -e`` holds, and does not look at the command because ``&&`` stands behind it.
    """

    kind: LossKind
    line: int
    by: str = ""
    is_left_of_and: bool = False


class _Handled(msgspec.Struct, frozen=True):
    """The script asks for the outcome, and does with it what is not followed here."""


class _Fails(msgspec.Struct, frozen=True):
    """The failure is that of the list of commands: it ends the shell, or is its last status."""

    ends_shell: bool = False


_Outcome = Loss | _Handled | _Fails
_List = tuple[tuple[Item, ...], ...]


def lost_failure(script: Script, command: Command) -> Loss | None:
    """Return why the script may succeed although `command` fails; None where it does not.

    The command is one of its own, or of a script that it gives to another shell (``sh -c '…'``).
    """
    for path, own in _ways_to(script, command, 0):
        outcome = _outcome(path, own)
        if isinstance(outcome, Loss):
            return outcome
    return None


class _Level(msgspec.Struct, frozen=True):
    """A list of commands on the way to one of them: the block that it is in, and the item to follow."""

    block: Block | None
    items: tuple[Item, ...]
    item: Item
    is_substituted: bool = False


def _ways_to(script: Script, command: Command, depth: int) -> list[tuple[list[_Level], Command]]:
    """Return the way to a command in its own script, and to what gives that script to a shell, and so on."""
    path = _path_to(script.items, command)
    if path is not None or depth >= MAX_INNER:
        return [] if path is None else [(path, command)]
    before = [outer for outer in script.commands if outer.line <= command.line]
    line = max((outer.line for outer in before), default=0)
    for outer in [outer for outer in before if outer.line == line][:MAX_SHELLS]:
        call = called(outer)
        inner = None if call is None else inner_script(call, outer)
        # What a shell is given is read anew each time: equal commands are the same one.
        own = next((each for each in inner.commands if each == command), command) if inner else command
        ways = _ways_to(inner, own, depth + 1) if inner is not None else []
        if ways:
            return [*ways, *_ways_to(script, outer, MAX_INNER)]
    return []


def _path_to(items: tuple[Item, ...], command: Command) -> list[_Level] | None:
    """Return the lists that hold a command, outermost first."""
    pending: list[tuple[Block | None, tuple[Item, ...], tuple[_Level, ...]]] = [(None, items, ())]
    while pending:
        block, here, above = pending.pop()
        for item in here:
            level = _Level(block, here, item)
            if item is command:
                return [*above, level]
            if isinstance(item, Block):
                pending.append((item, item.items, (*above, level)))
            for script in _scripts_of(item):
                inner = msgspec.structs.replace(level, is_substituted=True)
                pending.append((None, script.items, (*above, inner)))
    return None


def _scripts_of(item: Item) -> list[Script]:
    words: list[Word] = [*item.words]
    if isinstance(item, Command):
        words += [each.value for each in item.assignments]
    return [part.script for word in words for part in word.parts if part.script is not None]


def _outcome(path: Sequence[_Level], command: Command) -> _Outcome:
    """Follow a failure from the innermost list outwards."""
    exits = command.options.exits_on_error and not _is_asked(path)
    outcome: _Outcome = _Fails()
    for depth in range(len(path) - 1, -1, -1):
        level = path[depth]
        if level.is_substituted:
            outcome = _of_substitution(level)
            if not isinstance(outcome, _Fails):
                return outcome
        if not _is_one_of_several(level):
            outcome = _in_list(level, command, exits=exits)
        if not isinstance(outcome, _Fails):
            return outcome
        if outcome.ends_shell and not _is_subshell(path[:depth]):
            return outcome
        if level.block is not None:
            outcome = _of_block(level.block, path[depth - 1] if depth else level, command)
            if not isinstance(outcome, _Fails):
                return outcome
    return outcome


def _is_one_of_several(level: _Level) -> bool:
    """Say whether an item is a branch or the body of its block: what stands beside it does not follow it."""
    return level.block is not None and level.block.kind in _OF_BRANCHES


def _is_subshell(path: Sequence[_Level]) -> bool:
    kinds = {level.item.kind for level in path if isinstance(level.item, Block)}
    return BlockKind.SUBSHELL in kinds or any(level.is_substituted for level in path)


def _is_asked(path: Sequence[_Level]) -> bool:
    """Say whether the command stands where the shell goes on after a failure, whatever its options."""
    for level in path[:-1]:
        if isinstance(level.item, Block) and (
            level.item.is_negated
            or level.item.kind is BlockKind.CONDITION
            or level.item.after in (Operator.AND, Operator.OR)
        ):
            return True
    return False


def _of_substitution(level: _Level) -> _Outcome:
    """Return what becomes of the failure of ``$(…)``: that of an assignment, else it is lost."""
    item = level.item
    if isinstance(item, Command) and not item.words:
        return _Fails()
    program = item.name if isinstance(item, Command) else ""
    if program in ("echo", "printf", "export", "local", "declare", "readonly"):
        return Loss(LossKind.SUBSTITUTION, item.line, program)
    return _Handled()


def _of_block(block: Block, above: _Level, command: Command) -> _Outcome:
    """Return what becomes of the failure of a list in its block."""
    match block.kind:
        case BlockKind.CONDITION:
            return _of_condition(above)
        case BlockKind.FOR:
            return _of_round(block, command)
        case BlockKind.FUNCTION | BlockKind.LOOP:
            return _Handled()
        case _:
            return _Fails()


def _of_round(loop: Block, command: Command) -> _Outcome:
    """Return what becomes of the failure of one round of a loop over words.

    The loop ends as its last round does. A command that does the same in each round is tried again.
    """
    names = {name for word in command.words for name in word.variables}
    leaves = any(
        isinstance(item, Command) and item.name in ("break", "exit", "return")
        for body in loop.items
        for item in (body.items if isinstance(body, Block) else ())
    )
    if len(loop.words) > 1 and loop.name in names and not leaves:
        return Loss(LossKind.NEXT_ROUND, loop.line, f"for {loop.name}")
    return _Fails()


def _of_condition(above: _Level) -> _Outcome:
    around = above.block
    if around is None or around.kind is not BlockKind.IF:
        return _Handled()
    leaves = any(
        isinstance(branch, Block) and branch.kind is BlockKind.BRANCH and not _ends_well(branch)
        for branch in around.items
    )
    return _Handled() if leaves else Loss(LossKind.CONDITION, around.line, "if")


def _ends_well(branch: Block) -> bool:
    """Say whether a branch consists of commands that succeed."""
    return all(isinstance(item, Command) and _succeeds(item) for item in branch.items)


def _succeeds(command: Command) -> bool:
    call = called(command)
    # A variable that is set keeps the outcome for later: that is more than going on.
    if call is None or command.assignments or any(map(_keeps, command.redirects)):
        return False
    if call.program in _LEAVING:
        return bool(call.arguments) and call.arguments[0].value == "0"
    return call.program in _SUCCEEDING


def _and_or_list(level: _Level) -> tuple[_List, int, Sequence[_List]]:
    """Return the AND-OR list of a level's item, the place of its pipeline there, and the lists behind it."""
    lists = list(and_or_lists(level.items))
    at = next(i for i, joined in enumerate(lists) if any(_holds(pipe, level.item) for pipe in joined))
    place = next(i for i, pipe in enumerate(lists[at]) if _holds(pipe, level.item))
    return lists[at], place, lists[at + 1 :]


def _holds(pipe: tuple[Item, ...], item: Item) -> bool:
    return any(each is item for each in pipe)


def _keeps(redirect: Redirect) -> bool:
    """Say whether a redirect keeps something in a file that is not only there to be read by people."""
    target = redirect.target.text
    is_shown = target.startswith("/dev/") or "GITHUB_STEP_SUMMARY" in target
    return redirect.operator in (">", ">>", ">|", "&>", "&>>") and not is_shown


def _in_list(level: _Level, command: Command, *, exits: bool) -> _Outcome:
    """Return what becomes of a failure in the list where it stands."""
    joined, place, following = _and_or_list(level)
    outcome = _in_pipe(level, joined[place], command)
    if isinstance(outcome, Loss) and outcome.kind is LossKind.PIPE:
        behind = [*joined[place + 1 : place + 2], *(pipes[0] for pipes in following[:1])]
        return _Handled() if any(_asks_status(pipe[0]) for pipe in behind) else outcome
    if outcome is not None:
        return outcome
    alternative = _alternative(joined, place)
    if alternative is not None:
        return _of_alternative(alternative)
    if place == len(joined) - 1 and exits:
        return _Fails(ends_shell=True)
    outcome = _at_end(following)
    if exits and isinstance(outcome, Loss):
        return msgspec.structs.replace(outcome, is_left_of_and=True)
    return outcome


def _in_pipe(level: _Level, pipe: tuple[Item, ...], command: Command) -> _Outcome | None:
    """Return what its own pipeline makes of a failure; None where it is that of the pipeline."""
    if pipe[-1].after is Operator.BACKGROUND:
        return Loss(LossKind.BACKGROUND, level.item.line, "&")
    if level.item is not pipe[-1] and not command.options.fails_in_pipes:
        return Loss(LossKind.PIPE, pipe[-1].line, _named(pipe[-1]))
    is_condition = level.block is not None and level.block.kind is BlockKind.CONDITION
    if pipe[0].is_negated and not is_condition:
        return Loss(LossKind.NEGATED, level.item.line, "!")
    return None


def _at_end(following: Sequence[_List]) -> _Outcome:
    """Return what becomes of a list that fails and does not end the shell, by what follows it."""
    if not following:
        return _Fails()
    first = following[0][0][0]
    is_shown = isinstance(first, Command) and _succeeds(first)
    if _asks_status(first) and not is_shown:
        return _Handled()
    return Loss(LossKind.GOES_ON, first.line, _named(first))


def _alternative(joined: Sequence[tuple[Item, ...]], place: int) -> tuple[tuple[Item, ...], ...] | None:
    """Return the pipelines from the next one that ``||`` leads to."""
    for at in range(place, len(joined) - 1):
        if joined[at][-1].after is Operator.OR:
            return tuple(joined[at + 1 :])
    return None


def _of_alternative(pipes: Sequence[tuple[Item, ...]]) -> _Outcome:
    last = pipes[-1][-1]
    if all(isinstance(item, Command) and _succeeds(item) for pipe in pipes for item in pipe):
        return Loss(LossKind.ALTERNATIVE, last.line, _named(last))
    if isinstance(last, Block) and last.kind in (BlockKind.GROUP, BlockKind.SUBSHELL) and _ends_well(last):
        return Loss(LossKind.ALTERNATIVE, last.line, _named(last))
    return _Handled()


def _named(item: Item) -> str:
    """Return a command as it is written, shortened; for a block, what it ends with."""
    while isinstance(item, Block) and item.items:
        item = item.items[-1]
    if isinstance(item, Block):
        return item.kind.value
    text = " ".join(word.text for word in item.words[:4]) or "an assignment"
    return text if len(text) <= 60 else text[:59] + "…"


def _asks_status(item: Item) -> bool:
    """Say whether a command reads the status of the one before it (``$?``, ``PIPESTATUS``)."""
    while isinstance(item, Block) and item.items:
        if any(_names_status(word) for word in item.words):
            return True
        item = item.items[0]
    words = [*item.words]
    if isinstance(item, Command):
        words += [each.value for each in item.assignments]
    return any(_names_status(word) for word in words)


def _names_status(word: Word) -> bool:
    names = {part.name for part in word.parts if part.kind is PartKind.VARIABLE}
    return "?" in names or "PIPESTATUS" in word.text or "$?" in word.text


class Sense(StrEnum):
    """How a question decides whether its script fails."""

    FAILS_WHEN_TRUE = "fails-when-true"
    FAILS_WHEN_FALSE = "fails-when-false"
    NEVER_FAILS = "never-fails"


def sense_of(script: Script, command: Command) -> Sense | None:
    """Return how a command that asks a question decides over the script; None where that is not certain.

    A question is true where its command succeeds. One whose answer is only shown, or kept, decides nothing.
    """
    path = _path_to(script.items, command)
    if path is None or any(level.is_substituted for level in path):
        return None
    level = path[-1]
    joined, place, _ = _and_or_list(level)
    pipe = joined[place]
    if level.item is not pipe[-1]:
        return None
    if level.block is not None and level.block.kind is BlockKind.CONDITION:
        return _sense_of_condition(path, is_negated=pipe[0].is_negated) if len(joined) == 1 else None
    if pipe[0].is_negated:
        return _sense_of_negation(path)
    if place + 1 < len(joined):
        return _sense_by_next(pipe[-1].after, joined[place + 1 :])
    outcome = _outcome(path, command)
    return Sense.FAILS_WHEN_FALSE if isinstance(outcome, _Fails) else None


def _sense_of_condition(path: Sequence[_Level], *, is_negated: bool) -> Sense | None:
    around = path[-2].block if len(path) > 1 else None
    if around is None or around.kind is not BlockKind.IF:
        return None
    branches = [item for item in around.items if isinstance(item, Block)]
    at = next(i for i, branch in enumerate(branches) if branch is path[-1].block)
    then = branches[at + 1] if at + 1 < len(branches) else None
    if then is None or len(branches) > at + 2:
        return None
    if _leaves_badly(then):
        return Sense.FAILS_WHEN_FALSE if is_negated else Sense.FAILS_WHEN_TRUE
    is_shown = all(isinstance(item, Command) and not item.redirects for item in then.items)
    return Sense.NEVER_FAILS if is_shown and _ends_well(then) and not is_negated else None


def _leaves_badly(branch: Block) -> bool:
    """Say whether a branch certainly ends the script with a failure."""
    last = branch.items[-1] if branch.items else None
    return isinstance(last, Command) and _is_failing_exit(last)


def _is_failing_exit(command: Command) -> bool:
    call = called(command)
    if call is None:
        return False
    if call.program == "false":
        return True
    value = call.arguments[0].value if call.arguments else None
    return call.program == "exit" and value is not None and value.isdigit() and int(value[:9]) != 0


def _sense_of_negation(path: Sequence[_Level]) -> Sense | None:
    """Return what ``! question`` decides: -e does not look at it, so it must be the last command."""
    if len(path) > 1:
        return None
    level = path[0]
    joined, place, _ = _and_or_list(level)
    if place + 1 < len(joined):
        return None
    is_last = level.items[-1] is level.item
    return Sense.FAILS_WHEN_TRUE if is_last else Sense.NEVER_FAILS


def _sense_by_next(after: Operator, following: Sequence[tuple[Item, ...]]) -> Sense | None:
    """Return what a question decides whose answer leads to another command."""
    first = following[0][0]
    leaves = _leaves_badly(first) if isinstance(first, Block) else _is_failing_exit(first)
    if leaves:
        return Sense.FAILS_WHEN_TRUE if after is Operator.AND else Sense.FAILS_WHEN_FALSE
    return None

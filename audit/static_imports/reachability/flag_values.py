"""What a name stands for that a module binds to the answer to a question (``HAS_TORCH``, ``is_linux()``)."""

from collections import defaultdict
from collections.abc import Callable

from fleet_audit.audit.model.imports import Level
from fleet_audit.audit.static_imports.source.conditions import Circumstances, Constant, holds
from fleet_audit.audit.static_imports.source.records import FlagAssignment, SourceRecord


class FlagValues:
    """Answers for the names of one file."""

    def __init__(
        self,
        record: SourceRecord,
        level_at: Callable[[int, int], Level | None],
        level_once_called: Callable[[int], Level | None],
    ) -> None:
        """Take the record, and how certainly a block runs: up to a line, or once its function is called."""
        self._level_at = level_at
        self._level_once_called = level_once_called
        self._assignments: defaultdict[str, list[FlagAssignment]] = defaultdict(list)
        for assignment in record.flags:
            self._assignments[assignment.name].append(assignment)
        self._add_imported(record)
        for assignments in self._assignments.values():
            assignments.sort(key=_line_of)
        self._asking: set[str] = set()

    def _add_imported(self, record: SourceRecord) -> None:
        """Count an imported module as true where a handler, or what is before, binds the name to another."""
        for statement in record.imports if self._assignments else ():
            names = [item.bound for item in statement.names] or [statement.alias or statement.module]
            for name in names:
                if name in self._assignments:
                    flag = FlagAssignment(name, Constant(value=True), statement.block, statement.line)
                    self._assignments[name].append(flag)

    def __contains__(self, name: str) -> bool:
        """Say whether the file binds a name to the answer to a question."""
        return name in self._assignments

    def value(self, name: str, world: Circumstances, before: float) -> bool | None:
        """Answer for a name from the assignments `before` a line that run, or from all where they agree.

        None where that is unsure, or `name` is what its own answer asks for.
        """
        if name in self._asking:
            return None
        assigned = [flag for flag in self._assignments[name] if flag.line < before]
        self._asking.add(name)
        answer = self._returned(assigned, world) if name.endswith("()") else self._assigned(assigned, world)
        self._asking.discard(name)
        return answer

    def _assigned(self, assigned: list[FlagAssignment], world: Circumstances) -> bool | None:
        answers = [holds(each.condition, world) for each in assigned]
        if len(set(answers)) == 1:
            return answers[0]
        levels = [self._level_at(each.block, each.line) for each in assigned]
        if Level.PROBABLE in levels:
            return None
        running = [answer for answer, level in zip(answers, levels, strict=True) if level is Level.CERTAIN]
        return running[-1] if running else None

    def _returned(self, returns: list[FlagAssignment], world: Circumstances) -> bool | None:
        """Answer for a function: by the first ``return`` that runs, if those before it say the same."""
        answers: list[bool | None] = []
        for each in returns:
            level = self._level_once_called(each.block)
            if level is not None and level <= Level.PROBABLE:
                answers.append(holds(each.condition, world))
                if level is Level.CERTAIN:
                    break
        return answers[0] if len(set(answers)) == 1 else None


def _line_of(flag: FlagAssignment) -> int:
    return flag.line

"""What is wrong with configuration: every problem at once, each at its line."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.errors import FleetAuditError


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing to correct. `line` is 0 where it concerns the file as a whole; `key` is a dotted path."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        """Return ``file:line: key: message`` as editors understand it; what cannot be seen is escaped."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        head = _printable(f"{place}: {self.key}: " if self.key else f"{place}: ")
        return head + "\n".join(_printable(line) for line in self.message.split("\n"))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class ConfigurationError(FleetAuditError):
    """Configuration cannot be used. `problems` holds all of them, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems, sorted, each once."""
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line for each problem."""
        return "\n".join(str(problem) for problem in self.problems)

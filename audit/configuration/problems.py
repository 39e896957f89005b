"""What is wrong with configuration: every problem at once, each at its line."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.errors import FleetAuditError


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing to correct. `line` is 0 where it concerns the file as a whole; `key` is a dotted path.

    `column` counts from 1, and is 0 where the key says enough: it is known within expressions.
    """

    file: str
    line: int
    key: str
    message: str
    column: int = 0

    @property
    def place(self) -> str:
        """Return ``file:line:column``, as far as it is known."""
        return ":".join((self.file, *(str(number) for number in (self.line, self.column) if number)))

    def __str__(self) -> str:
        """Return ``file:line: key: message`` as editors understand it; what cannot be seen is escaped."""
        head = _printable(f"{self.place}: {self.key}: " if self.key else f"{self.place}: ")
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

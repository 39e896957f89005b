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
        """Return ``file:line: key: message`` as editors understand it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigurationError(FleetAuditError):
    """Configuration cannot be used. `problems` holds all of them, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems, sorted, each once."""
        self.problems = tuple(sorted(set(problems)))
        super().__init__(self.problems)

    def __str__(self) -> str:
        """Return one line for each problem."""
        return "\n".join(str(problem) for problem in self.problems)

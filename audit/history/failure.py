"""What goes wrong with a history, as sentences for the person who named the file."""

from pathlib import Path

from fleet_audit.audit.errors import FleetAuditError


class HistoryError(FleetAuditError):
    """A history cannot be used. It was left as it is."""

    def __init__(self, path: Path, why: str, remedy: str = "") -> None:
        """Keep the file, what is wrong with it, and what to do."""
        super().__init__(path, why, remedy)
        self.path = path
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one sentence, and the advice where there is some."""
        return f"{self.path}: {self.why}; {self.remedy}" if self.remedy else f"{self.path}: {self.why}"


class HistoryAbsent(HistoryError):
    """There is no file of this name yet."""


class HistoryRefused(HistoryError):
    """The file is something else than a history, or one that a newer fleet-audit wrote."""


class HistoryDamaged(HistoryError):
    """The file is a history that cannot be believed, or that another process has moved aside meanwhile."""


class HistoryBusy(HistoryError):
    """Somebody else writes to it, and went on for longer than is waited for."""


class HistoryUnreachable(HistoryError):
    """The file could not be read or written; it is as it was before."""


class AuditOutdated(HistoryError):
    """An audit is older than what the history of its image ends with."""

    def __init__(self, path: Path, image: str, at: str, last: str) -> None:
        """Keep the image, the time of its audit, and the time that its history ends with."""
        super().__init__(
            path,
            f"the audit of {image} of {at} is older than the last one that was recorded, of {last}; "
            "nothing was recorded",
            "record audits in the order in which they were made",
        )
        self.image = image
        self.at = at
        self.last = last

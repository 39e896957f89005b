"""What can go wrong while an image is built."""

from fleet_audit.audit.errors import FleetAuditError


class BuildError(FleetAuditError):
    """An image could not be built: `what` it was about, and `why`."""

    def __init__(self, what: str, why: str) -> None:
        """Keep the subject and the reason."""
        super().__init__(what, why)
        self.what = what
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.what}: {self.why}"

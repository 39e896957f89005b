"""What goes wrong while an image is read, as sentences for the person who named the image."""

from fleet_audit.audit.errors import FleetAuditError


class ImageError(FleetAuditError):
    """A reference that leads to no image: nothing there, nothing chosen, or nothing that can be read."""

    def __init__(self, ref: str, why: str, remedy: str = "") -> None:
        """Keep the reference as given, what is wrong with it, and what to do."""
        super().__init__(ref, why, remedy)
        self.ref = ref
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one sentence, and the advice where there is some."""
        return f"{self.ref}: {self.why}; {self.remedy}" if self.remedy else f"{self.ref}: {self.why}"


class LayerUnreadable(FleetAuditError):
    """A layer's bytes are not what they should be; the rest of the image may still be read."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return the reason."""
        return self.why

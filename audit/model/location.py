"""Where something stands: a line that a person can change, or a file in an image."""

import msgspec

from fleet_audit.audit.model.identity import DiffID, ImagePath


class SourceLocation(msgspec.Struct, frozen=True, order=True, tag="source"):
    """A place in the repository: `path` relative to the manifest's folder, lines from 1.

    Line 0 means the file as a whole; column 0 means the line as a whole.
    """

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return ``path:line`` as editors understand it."""
        return f"{self.path}:{self.line}" if self.line else self.path


class ImageLocation(msgspec.Struct, frozen=True, order=True, tag="image"):
    """A file in an image, the layer that brought it, and the line where it has lines."""

    path: ImagePath
    layer: DiffID | None = None
    line: int = 0

    def __str__(self) -> str:
        """Return the path, with its line where it has one."""
        return f"{self.path}:{self.line}" if self.line else self.path


Location = SourceLocation | ImageLocation
"""Either; tags tell which, where a location is kept between runs."""

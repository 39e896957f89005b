"""SHA-256 of streams."""

import hashlib

from fleet_audit.audit.model.identity import Digest


class Sha256:
    """A digest in the making."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._hash = hashlib.sha256()

    def update(self, data: bytes) -> None:
        """Add bytes."""
        self._hash.update(data)

    @property
    def digest(self) -> Digest:
        """Return the digest of what was added so far."""
        return Digest(f"sha256:{self._hash.hexdigest()}")

"""How an addition of packages is written in a Dockerfile."""

import re
from collections.abc import Sequence

from fleet_audit.audit.errors import FleetAuditError

# deb-version(7) and Debian policy 5.6.1: nothing that a shell would read as anything but text.
_PIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+)?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")


class UnsafePin(FleetAuditError):
    """A package's name or version holds characters that no package has, and that a shell might obey."""

    def __init__(self, pin: str) -> None:
        """Keep what was to be installed."""
        super().__init__(pin)
        self.pin = pin

    def __str__(self) -> str:
        """Return one sentence."""
        return f"{self.pin!r} is no name or version of a package, so it is not written into a Dockerfile"


def refuse_unsafe(roots: Sequence[str]) -> None:
    """Raise UnsafePin for the first of `roots` that is no name, and no name and version, of a package."""
    for root in roots:
        if _PIN.fullmatch(root) is None:
            raise UnsafePin(root)


def apt_instruction(roots: Sequence[str], *, escape: str = "\\") -> str:
    """Return the RUN instruction that installs `roots` (``name`` or ``name=version``), without end of line.

    Packages are sorted, one in a line. The lists are updated and removed in the same layer, and recommended
    packages are left out (docs.docker.com, "Building best practices", apt-get). `escape` continues its lines.
    Raises UnsafePin.
    """
    refuse_unsafe(roots)
    lines = [
        "RUN apt-get update",
        "&& apt-get install -y --no-install-recommends",
        *(f"    {root}" for root in sorted(set(roots))),
        "&& rm -rf /var/lib/apt/lists/*",
    ]
    return f" {escape}\n    ".join(lines)


def as_root(run: str, user: str) -> str:
    """Return a RUN between the USER that it needs and the one that holds behind it, `user`."""
    return f"USER root\n{run}\nUSER {user}"


def is_safe_user(user: str) -> bool:
    """Say whether a user can be written behind USER as it is: names or numbers, with a group or without."""
    return _USER.fullmatch(user) is not None

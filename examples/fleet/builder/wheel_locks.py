"""Which wheels an image gets: pinned versions, with digests (pip's hash-checking mode)."""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from examples.fleet.builder.failure import BuildError

LOCKS = Path(__file__).parent / "wheels"

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""Debian 12's own Python, as environment markers see it."""


class LockedWheel(msgspec.Struct, frozen=True, order=True):
    """One distribution at one version, and the digests of the files that may be used for it."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """Return the line that pip accepts with ``--require-hashes``."""
        return " ".join((f"{self.name}=={self.version}", *(f"--hash=sha256:{d}" for d in self.sha256)))


def locked(name: str) -> list[LockedWheel]:
    """Return the wheels of the list `name`, as far as they are for the image's Python, sorted by name."""
    path = LOCKS / f"{name}.txt"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise BuildError(str(path), f"cannot be read: {e.strerror}") from e
    return sorted(_parsed(str(path), text))


def anywhere_locked(distribution: str) -> LockedWheel:
    """Return a distribution's pin from whichever list has it."""
    wanted = canonicalize_name(distribution)
    for path in sorted(LOCKS.glob("*.txt")):
        for wheel in locked(path.stem):
            if wheel.name == wanted:
                return wheel
    raise BuildError(distribution, f"is in none of the lists in {LOCKS}")


def _parsed(path: str, text: str) -> Iterable[LockedWheel]:
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        requirement, _, digests = line.partition("--hash=")
        pin, _, marker = map(str.strip, requirement.partition(";"))
        match = _PIN.fullmatch(pin)
        accepted = tuple(_HASH.findall(f"--hash={digests}"))
        if match is None or not accepted:
            raise BuildError(f"{path}, requirement {number}", "is not NAME==VERSION with --hash=sha256:…")
        if not marker or Marker(marker).evaluate(dict(TARGET)):
            yield LockedWheel(canonicalize_name(match[1]), match[2], accepted)

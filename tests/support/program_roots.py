"""Two systems for the small programs: one with what their wheels want, and one that has little but Python."""

from tests.support.programs import PROGRAMS
from tests.support.roots import Root, roots, with_packages, with_wheels

LOCK = PROGRAMS / "wheels.txt"
SUITE = "bookworm"
"""The wheels are for this release's Python."""

WANTED = (
    "libasound2",
    "libdbus-1-3",
    "libegl1",
    "libgl1",
    "libglfw3",
    "libglib2.0-0",
    "libmtdev1",
    "libodbc2",
    "libportaudio2",
    "libpulse0",
    "libsm6",
    "libxext6",
    "libxkbcommon0",
    "libxml2",
)
"""Packages with the libraries that some of the wheels look for in the system."""


def bare_root() -> Root:
    """Return a system that lacks what some of the wheels want."""
    return with_wheels(roots(SUITE)[SUITE], LOCK)


def full_root() -> Root:
    """Return a system in which every program runs to its end."""
    return with_packages(bare_root(), WANTED)

"""What well-known distributions ask the system for, by name and release of Debian."""

from functools import cache
from pathlib import Path

import msgspec

from fleet_audit.audit.model.identity import Distro

_FILE = Path(__file__).parents[1] / "fixtures/apt/needs.yaml"


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    needs: tuple[str, ...]
    in_: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict, name="in")


def needs_of(release: Distro) -> dict[str, tuple[str, ...]]:
    """Return, for each set by name, what it asks for in this release (``so:libGL.so.1``, ``bin:ffmpeg``)."""
    return {name: row.in_.get(release.codename, row.needs) for name, row in _rows().items()}


@cache
def _rows() -> dict[str, _Row]:
    return msgspec.yaml.decode(_FILE.read_bytes(), type=dict[str, _Row])

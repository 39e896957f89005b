"""The manifest (``fleet.yaml``): found, read and checked whole."""

import os
from pathlib import Path

import msgspec

from fleet_audit import __version__
from fleet_audit.audit.configuration.kept import Store, kept_or_read
from fleet_audit.audit.configuration.located import File, located, read_file
from fleet_audit.audit.configuration.schema import convert, published_schema
from fleet_audit.audit.fleet.semantics import contradictions
from fleet_audit.audit.model.fleet import Fleet, Manifest
from fleet_audit.audit.model.location import SourceLocation

MANIFEST_NAME = "fleet.yaml"

_READING = f"manifest/2 {__version__}"
"""Raise the number whenever the same file is to be read otherwise: what it says is kept between runs."""


def find_manifest(start: Path) -> Path | None:
    """Return the nearest manifest in `start` or a folder above it; None where there is none."""
    folder = Path(os.path.abspath(start))  # not resolve(): the path stays as typed
    for candidate in (folder, *folder.parents):
        if (candidate / MANIFEST_NAME).is_file():
            return candidate / MANIFEST_NAME
    return None


class _Checked(msgspec.Struct, frozen=True):
    manifest: Manifest
    lines: dict[str, int]


def load_fleet(path: Path, kept: Store | None = None) -> Fleet:
    """Read a manifest and check it whole, unless `kept` knows the same file.

    Raises ConfigurationError with all that is wrong: with the file, with the shape of its values, and with
    what they say of each other (unknown parents, cycles, colliding names, paths that leave the folder).
    `Fleet.lines` holds the line of each ``families.NAME``, ``services.NAME`` and ``machines.NAME``.
    """
    file = read_file(path, name=path.name)
    checked = kept_or_read(kept, _READING, [file], _Checked, lambda: _checked(file))
    return Fleet(
        manifest=checked.manifest,
        root=str(path.parent),
        file=path.name,
        lines={key: SourceLocation(path.name, line) for key, line in sorted(checked.lines.items())},
    )


def _checked(file: File) -> _Checked:
    read = located(file)
    manifest = convert(read, Manifest, also=contradictions(read))
    lines = {f"families.{name}": read.line(("families", name)) for name in manifest.families}
    lines |= {f"machines.{name}": read.line(("machines", name)) for name in manifest.machines}
    lines |= {f"services.{s.name}": read.line(("services", i)) for i, s in enumerate(manifest.services)}
    return _Checked(manifest, lines)


def schema() -> bytes:
    """Return the JSON schema of the manifest for editors: the one that `load_fleet` checks with."""
    return published_schema(Manifest, title="fleet.yaml")

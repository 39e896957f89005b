"""The manifest (``fleet.yaml``): found, read and checked whole."""

import os
from pathlib import Path

from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert, published_schema
from fleet_audit.audit.fleet.semantics import contradictions
from fleet_audit.audit.model.fleet import Fleet, Manifest
from fleet_audit.audit.model.location import SourceLocation

MANIFEST_NAME = "fleet.yaml"


def find_manifest(start: Path) -> Path | None:
    """Return the nearest manifest in `start` or a folder above it; None where there is none."""
    folder = Path(os.path.abspath(start))  # not resolve(): the path stays as typed
    for candidate in (folder, *folder.parents):
        if (candidate / MANIFEST_NAME).is_file():
            return candidate / MANIFEST_NAME
    return None


def load_fleet(path: Path) -> Fleet:
    """Read a manifest and check it whole.

    Raises ConfigurationError with all that is wrong: with the file, with the shape of its values, and with
    what they say of each other (unknown parents, cycles, colliding names, paths that leave the folder).
    `Fleet.lines` holds the line of each ``families.NAME``, ``services.NAME`` and ``machines.NAME``.
    """
    located = load_file(path, name=path.name)
    manifest = convert(located, Manifest, also=contradictions(located))
    lines = {f"families.{name}": located.line(("families", name)) for name in manifest.families}
    lines |= {f"machines.{name}": located.line(("machines", name)) for name in manifest.machines}
    lines |= {f"services.{s.name}": located.line(("services", i)) for i, s in enumerate(manifest.services)}
    return Fleet(
        manifest=manifest,
        root=str(path.parent),
        file=path.name,
        lines={key: SourceLocation(path.name, line) for key, line in sorted(lines.items())},
    )


def schema() -> bytes:
    """Return the JSON schema of the manifest for editors: the one that `load_fleet` checks with."""
    return published_schema(Manifest, title="fleet.yaml")

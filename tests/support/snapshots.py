"""Whole texts kept beside the tests; FLEET_AUDIT_WRITE_SNAPSHOTS=1 writes them anew: read the diff."""

import os
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1] / "snapshots"


def assert_snapshot(name: str, text: str) -> None:
    """Compare a text with the one that is kept under this name."""
    path = _ROOT / name
    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"differs from tests/snapshots/{name}"

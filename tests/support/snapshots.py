"""Whole texts kept beside the tests and on pages.

FLEET_AUDIT_WRITE_SNAPSHOTS=1 writes them anew: read the diff.
"""

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


def assert_sample(page: Path, command: str, text: str) -> None:
    """Compare what a command says with the block of a page that begins with the command."""
    begin = f"```\n$ {command}\n"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    assert found, f"{page.name} has no block that begins with $ {command}"
    shown, _, behind = rest.partition("\n```")
    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        page.write_text(f"{before}{begin}{text.removesuffix(chr(10))}\n```{behind}", encoding="utf-8")
        return
    assert text == f"{shown}\n", f"differs from the sample on {page.name}"

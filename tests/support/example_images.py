"""The example's images, built once where they are not there yet."""

import functools
import os
import sys
from pathlib import Path

import pytest

from fleet_audit.audit.tools.process import ToolFailed, run

FLEET = Path(__file__).parents[2] / "examples" / "fleet"
LAYOUT = FLEET / "build" / "images"

_SECONDS = 1200


def build(*words: str) -> None:
    """Run the image builder; raises ToolFailed, whose `stderr` says what is wrong."""
    run([sys.executable, str(FLEET / "build_images.py"), *words], timeout=_SECONDS, env=os.environ)


@functools.cache
def example_layout(*images: str) -> Path:
    """Return the layout with these images; the test is skipped where they cannot be built."""
    try:
        build(*images)
    except ToolFailed as e:
        if not all(_is_tagged(image) for image in images):
            pytest.skip(f"the example images are not there and cannot be built: {e.stderr.strip()[-300:]}")
    return LAYOUT


def _is_tagged(image: str) -> bool:
    index = LAYOUT / "index.json"
    return index.is_file() and f'"{image}"' in index.read_text(encoding="utf-8")

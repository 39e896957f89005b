"""Runs the image builder from anywhere: ``python examples/fleet/build_images.py build``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.fleet.builder.__main__ import run

if __name__ == "__main__":
    run()

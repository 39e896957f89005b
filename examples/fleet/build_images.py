"""Builds the example's images, from any folder; ``python -m examples.fleet.builder`` can do more."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.fleet.builder.__main__ import build, run

if __name__ == "__main__":
    run(build, "build_images.py")

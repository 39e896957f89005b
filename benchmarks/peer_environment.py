"""An environment of its own for the other tools that a benchmark runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.roots import cache


def environment(name: str, wanted: Sequence[str]) -> Path | None:
    """Return the Python of an environment that has `wanted`, made when it is first asked for.

    None where they cannot be installed.
    """
    place = cache() / name
    python = place / "bin/python"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        if subprocess.run(pip, check=False, env=os.environ).returncode != 0:
            return None
        (place / "complete").touch()
    return python

"""Debian 12 with opencv-python and what people install along with it, and what deps says of that."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fleet_audit.__main__ import run as run_command
from tests.support.roots import WHEELS, wheel_files
from tests.support.throwaway_systems import System, system

SUITE = "bookworm"
NAMED = ("build-essential", "cmake", "libgtk-3-dev", "libsm6", "libxext6")
"""Build tools and headers, and two libraries of the usual advice for cv2."""

_DISTRIBUTIONS = ("numpy-", "opencv_python-")
_APP = "import cv2\n\nprint(cv2.imread('a.png'))\n"


@cache
def _wheels() -> tuple[Path, ...]:
    return tuple(p for p in wheel_files(WHEELS / "needs-3.11.txt") if p.name.startswith(_DISTRIBUTIONS))


@cache
def _packages(names: Sequence[str]) -> tuple[str, ...]:
    with system(SUITE) as it:
        return tuple(sorted(pin.partition("=")[0] for pin in it.simulated(names)))


@contextmanager
def with_cv2(names: Sequence[str]) -> Iterator[System]:
    """Give a system with opencv-python that these packages are really installed into."""
    with system(SUITE, packages=_packages(tuple(names)), wheels=_wheels()) as it:
        it.install(names)
        yield it


def told(it: System, folder: Path, app: str = _APP) -> dict[str, Any]:
    """Return what deps says of the system for a service: `app`, or one that reads an image with cv2."""
    source, answer = folder / "service", folder / "deps.json"
    source.mkdir()
    (source / "app.py").write_text(app)
    words = [f"dir:{it.root}", "--source", str(source), "--entry", "app.py", "--offline"]
    run_command(["deps", *words, "-q", "-o", f"json={answer}"])
    document: dict[str, Any] = json.loads(answer.read_bytes())
    return document


def surplus(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what serves nobody, by the name of the package."""
    return {each["package"]: each for each in document["surplus"]}


def instead(document: Mapping[str, Any]) -> list[str]:
    """Return the packages that have to be named once what serves nobody is not."""
    return sorted({pin for each in document["surplus"] for pin in each["instead"]})


def resolved(document: Mapping[str, Any]) -> list[str]:
    """Return the sonames that the service certainly needs and that the system has."""
    needs = (n for n in document["needs"] if n["kind"] == "soname" and n["tier"] == "required")
    return sorted({n["name"] for n in needs if n["status"] == "resolved" and "/" not in n["name"]})

"""The code that the benchmark reads: a package of real files, a part of them damaged, and services."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.roots import cache

FILES = 2_400
IMAGE_FILES = 8_000
SERVICES = 60
PACKAGE = "fleet_code"
_NESTED = ("a", "b", "c", "d", "e", "f")
"""Folders inside the package, as many as relative imports of its files may climb."""

_FAULTS = ("<<<<<<< HEAD", "def broken(:", "print 'two'", "x = = 1", "if True")
"""Merges that were not finished, and other ends of working days."""

_IMPORTS_OF_ONE = 8
_SKIPPED = frozenset({"__pycache__", "bin"})


class Corpus(NamedTuple):
    """The folder of damaged files, that of whole ones, how many files there are, and their megabytes."""

    damaged: Path
    whole: Path
    files: int
    megabytes: float


def corpus(site: Path) -> Corpus:
    """Lay out FILES files spread evenly over `site` in one folder; a quarter of them has a fault."""
    place = cache() / "benchmark-imports"
    shutil.rmtree(place, ignore_errors=True)
    every = sorted(path for path in site.rglob("*.py") if path.stat().st_size > 0)
    chosen = every[:: max(1, len(every) // FILES)][:FILES]
    size = 0
    for name in ("damaged", "whole"):
        folder = place / name / PACKAGE
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        for inner in _NESTED:
            folder /= inner
            folder.mkdir()
            (folder / "__init__.py").touch()
        (place / name / "pyproject.toml").write_text('[project]\nname = "fleet-code"\nversion = "1"\n')
    for number, path in enumerate(chosen):
        body = path.read_bytes()
        size += len(body)
        name = "/".join((PACKAGE, *_NESTED, f"m{number:04}.py"))
        (place / "whole" / name).write_bytes(body)
        (place / "damaged" / name).write_bytes(_damaged(body, number) if number % 4 == 0 else body)
    return Corpus(place / "damaged", place / "whole", len(chosen), size / 1e6)


def _damaged(body: bytes, number: int) -> bytes:
    """Return the text with a faulty line before the first that begins a statement past its middle."""
    fault = _FAULTS[number // 4 % len(_FAULTS)].encode()
    lines = body.split(b"\n")
    at = next((i for i in range(len(lines) // 2, len(lines)) if lines[i][:1].isalpha()), len(lines))
    return b"\n".join([*lines[:at], fault, *lines[at:]])


def image(root: Path, site: str) -> Path:
    """Return a copy by hard links of a system's Python with IMAGE_FILES files or some more.

    Of its site folder that is, in the order of names, as much as it takes.
    """
    place = cache() / "benchmark-imports-image"
    shutil.rmtree(place, ignore_errors=True)
    for folder in sorted((root / "usr/lib").glob("python3*")):
        _linked(folder, place / folder.relative_to(root))
    program = next(p for p in sorted((root / "usr/bin").glob("python3.*")) if p.name[-1].isdigit())
    (place / "usr/bin").mkdir(parents=True)
    os.link(program, place / "usr/bin" / program.name)
    (place / "usr/bin/python3").symlink_to(program.name)
    site_folder = root / site.lstrip("/")
    for entry in sorted(site_folder.iterdir()):
        if python_files(place) >= IMAGE_FILES:
            break
        if entry.name not in _SKIPPED:
            _linked(entry, place / site.lstrip("/") / entry.name)
    return place


def _linked(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link, symlinks=True, dirs_exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)


def python_files(place: Path) -> int:
    """Return how many Python files a folder holds."""
    return sum(name.endswith(".py") for _, _, names in os.walk(place) for name in names)


def services(site: Path) -> Iterator[tuple[ServiceCode, str]]:
    """Yield SERVICES services with their code: each imports other top-level modules of the site folder.

    One in four imports stands in a function, another one in a ``try``, as in real services.
    """
    tops = sorted(path.name for path in site.iterdir() if (path / "__init__.py").exists())
    for number in range(SERVICES):
        names = [tops[(number * 5 + step * 11) % len(tops)] for step in range(_IMPORTS_OF_ONE)]
        folder = f"services/s{number:02}"
        code = "".join(_statement(at, name) for at, name in enumerate(dict.fromkeys(names)))
        yield ServiceCode(folder.replace("/", "-"), f"{folder}/app.py", (folder,), root=folder), code


def _statement(at: int, name: str) -> str:
    if at % 4 == 1:
        return f"def use_{name}():\n    import {name}\n    return {name}\n"
    if at % 4 == 3:
        return f"try:\n    import {name}\nexcept ImportError:\n    {name} = None\n"
    return f"import {name}\n"

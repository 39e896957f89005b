"""How locked wheels are fetched: by pip, from the index that this machine has configured."""

import hashlib
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.wheel_locks import LockedWheel
from fleet_audit.audit.tools.process import ToolError, run

_SECONDS = 900.0
_GLIBC_OF_BOOKWORM = 36


def fetch(
    wheels: Sequence[LockedWheel], cache: Path, *, machine: str = "x86_64", python: str = "3.11"
) -> list[Path]:
    """Return the wheel file of each locked wheel, in order; missing ones are downloaded into `cache`.

    A file is in the cache under its digest, and that digest is one that the lock accepts. `machine` is the
    one that the wheels are for, as their platform tags name it; `python` is the release of CPython.
    """
    missing = [wheel for wheel in wheels if cached(wheel, cache) is None]
    if missing:
        _download(missing, cache, machine, python)
    paths = [cached(wheel, cache) for wheel in wheels]
    if absent := [wheel.name for wheel, path in zip(wheels, paths, strict=True) if path is None]:
        raise BuildError(", ".join(absent), "pip brought no wheel with a locked digest")
    return [path for path in paths if path is not None]


def cached(wheel: LockedWheel, cache: Path) -> Path | None:
    """Return the wheel's file in the cache; None where it is absent or damaged."""
    for digest in wheel.sha256:
        for path in sorted((cache / digest).glob("*.whl")):
            if _digest(path) == digest:
                return path
    return None


def _download(wheels: Iterable[LockedWheel], cache: Path, machine: str, python: str) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix="pip-") as folder:
        lock = Path(folder) / "requirements.txt"
        lock.write_text("".join(f"{wheel.requirement}\n" for wheel in wheels), encoding="utf-8")
        try:
            run(_pip(folder, lock, machine, python), timeout=_SECONDS, env=dict(os.environ), cwd=Path(folder))
        except ToolError as e:
            raise BuildError("the wheels", f"could not be downloaded: {e}") from e
        for path in sorted(Path(folder).glob("*.whl")):
            place = cache / _digest(path)
            place.mkdir(exist_ok=True)
            path.replace(place / path.name)


def _pip(folder: str, lock: Path, machine: str, python: str) -> list[str]:
    systems = [f"manylinux_2_{minor}" for minor in range(5, _GLIBC_OF_BOOKWORM + 1)]
    systems += ["manylinux1", "manylinux2010", "manylinux2014", "linux"]
    options = [f"--platform={system}_{machine}" for system in systems]
    options += [f"--python-version={python}", "--implementation=cp", f"--abi=cp{python.replace('.', '')}"]
    options += ["--abi=abi3", "--abi=none"]
    fixed = ["--only-binary=:all:", "--require-hashes", "--no-deps", "--no-input", "--quiet", "--quiet"]
    fixed += ["--disable-pip-version-check", "--no-cache-dir"]
    return [
        sys.executable,
        "-m",
        "pip",
        "download",
        *fixed,
        *options,
        "--dest",
        folder,
        "--requirement",
        str(lock),
    ]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

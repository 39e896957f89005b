"""The way to a model file, checked before anything loads it."""

import hashlib
from pathlib import Path

from common.settings import settings


class ModelMissing(RuntimeError):
    """A model file is not where the machine should have it."""


def model_path(name: str, sha256: str | None = None) -> Path:
    """Return the file of a model; raise ModelMissing if it is absent or not the one that was meant."""
    path = settings().models / name
    if not path.is_file():
        raise ModelMissing(f"{path} is not there: was the models volume mounted?")
    if sha256 is not None and _digest(path) != sha256:
        raise ModelMissing(f"{path} is another file than the one with sha256 {sha256}")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

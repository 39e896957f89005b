"""Where documents go: ``-o FORMAT[=FILE]``, whole or not at all."""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import FleetAuditError, UsageError

TERMINAL_WIDTH = 100


class OutputUnwritable(FleetAuditError):
    """A file that was asked for with ``-o`` could not be written."""

    def __init__(self, path: Path, why: str) -> None:
        """Keep the path and the reason."""
        super().__init__(path, why)
        self.path = path
        self.why = why

    def __str__(self) -> str:
        """Return one sentence."""
        return f"cannot write {self.path}: {self.why}"


class Output(msgspec.Struct, frozen=True):
    """One document that was asked for; `file` is None for stdout."""

    format: str
    file: Path | None = None


def parse_outputs(words: Sequence[str], formats: Sequence[str]) -> tuple[Output, ...]:
    """Return the outputs that ``-o`` words ask for, text to stdout where there are none.

    Raises UsageError for unknown formats, a format without a file name behind ``=``, and two documents
    for one destination.
    """
    outputs = tuple(_parse(word, formats) for word in words) or (Output("text"),)
    places = [str(output.file) if output.file else "standard output" for output in outputs]
    for place in places:
        if places.count(place) > 1:
            raise UsageError(f"-o: two documents would go to {place}; give all but one a file of its own")
    return outputs


def _parse(word: str, formats: Sequence[str]) -> Output:
    name, separator, file = word.partition("=")
    if name not in formats:
        raise UsageError(f"-o {word}: {name!r} is not one of {', '.join(formats)}")
    if separator and not file:
        raise UsageError(f"-o {word}: no file name behind '='")
    return Output(name, Path(file) if file else None)


def check_writable(outputs: Sequence[Output]) -> None:
    """Raise OutputUnwritable before any work is done where a file's folder cannot take it."""
    for output in outputs:
        if output.file is None:
            continue
        folder = output.file.parent
        if output.file.is_dir():
            raise OutputUnwritable(output.file, "it is a folder")
        if not folder.is_dir():
            raise OutputUnwritable(output.file, f"there is no folder {folder}")
        if not os.access(folder, os.W_OK):
            raise OutputUnwritable(output.file, f"the folder {folder} cannot be written to")


def write(outputs: Sequence[Output], render: Callable[[str], str]) -> None:
    """Render each format once and write it: files by rename, so that none is ever left half written."""
    for output in outputs:
        text = render(output.format)
        if output.file is None:
            sys.stdout.write(text)
            sys.stdout.flush()
        else:
            _write_file(output.file, text)


def _write_file(path: Path, text: str) -> None:
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise OutputUnwritable(path, error.strerror or str(error)) from error


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

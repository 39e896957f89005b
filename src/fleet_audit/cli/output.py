"""Where documents go: ``-o FORMAT[=FILE]``, whole or not at all."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from fleet_audit.audit.errors import FleetAuditError, ReaderGone, UsageError


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


def parse_outputs(words: Sequence[str], formats: Sequence[str], default: str = "text") -> tuple[Output, ...]:
    """Return the outputs that ``-o`` words ask for, `default` to stdout where there are none.

    Raises UsageError for unknown formats, a format without a file name behind ``=``, and two documents
    for one destination.
    """
    outputs = tuple(_parse(word, formats) for word in words) or (Output(default),)
    places = [os.path.abspath(output.file) if output.file else "standard output" for output in outputs]
    for output, place in zip(outputs, places, strict=True):
        if places.count(place) > 1:
            where = output.file or place
            raise UsageError(f"-o: two documents would go to {where}; give all but one a file of its own")
    return outputs


def _parse(word: str, formats: Sequence[str]) -> Output:
    name, separator, file = word.partition("=")
    if name not in formats:
        raise UsageError(f"-o {word}: {name!r} is not one of {', '.join(formats)}")
    if separator and not file:
        raise UsageError(f"-o {word}: no file name behind '='")
    return Output(name, Path(file) if file else None)


def check_writable(outputs: Sequence[Output]) -> None:
    """Raise OutputUnwritable before any work is done where a document cannot go where it is to go."""
    for output in outputs:
        if output.file is not None:
            try:
                _check_writable(output.file)
            except OSError as error:
                raise OutputUnwritable(output.file, error.strerror or str(error)) from error


def _check_writable(file: Path) -> None:
    folder = _target(file).parent
    if file.is_dir():
        raise OutputUnwritable(file, "it is a folder")
    if not folder.is_dir():
        raise OutputUnwritable(file, f"there is no folder {folder}")
    if _is_device(file):
        if not os.access(file, os.W_OK):
            raise OutputUnwritable(file, "it cannot be written to")
    elif not os.access(folder, os.W_OK):
        raise OutputUnwritable(file, f"the folder {folder} cannot be written to")


def write(outputs: Sequence[Output], render: Callable[[str], str | bytes]) -> None:
    """Render each format once and write it: files by rename, so that none is ever left half written.

    Nothing is written before everything is rendered.
    """
    for output, made in [(output, render(output.format)) for output in outputs]:
        if output.file is not None:
            _write_file(output.file, made)
        elif isinstance(made, str):
            _write_to_stdout(made, output.format)
        else:
            raise UsageError(f"-o {output.format}: it is no text; name a file: -o {output.format}=FILE")


def _write_to_stdout(text: str, format_name: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Documents are UTF-8 whatever the locale; for people, what their terminal lacks is escaped.
        encoding = sys.stdout.encoding if format_name == "text" else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        # click, which takes this error for its own, would end with 1: the code of a gate that fails.
        raise ReaderGone from error
    except OSError as error:
        raise OutputUnwritable(Path("standard output"), error.strerror or str(error)) from error


def _write_file(path: Path, made: str | bytes) -> None:
    data = made.encode(errors="backslashreplace") if isinstance(made, str) else made
    try:
        if _is_device(path):
            path.write_bytes(data)
        else:
            _replace(_target(path), data)
    except OSError as error:
        raise OutputUnwritable(path, error.strerror or str(error)) from error


def _replace(path: Path, data: bytes) -> None:
    from tempfile import NamedTemporaryFile  # noqa: PLC0415  (4 ms; not for --help or standard output)

    with NamedTemporaryFile(dir=path.parent, prefix=".fleet-audit-", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    """Return where a link leads, so that the link stays; any other path as it is."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _is_device(path: Path) -> bool:
    """Say whether something is there that is written into and never replaced: a device, a pipe."""
    return path.exists() and not path.is_file()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

"""Asks the loader inside a root file system what it does: the truth that predictions are compared with."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from fleet_audit.audit.tools.process import run

FIXTURES = Path(__file__).parents[1] / "fixtures" / "elf"
_SECONDS = 600
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
_UNDEFINED = re.compile(r"^undefined symbol: ([^\s,]+)(?:, version \S+)?\s+\((\S+)\)$", re.MULTILINE)
_NOT_DEFINED = re.compile(r"^symbol (\S+), version .* link time reference\s+\((\S+)\)$", re.MULTILINE)


class Traced(NamedTuple):
    """What a loader says of one file: the path that answers each soname, None where none does.

    `versions` are those not found, each with the file that wants it; `symbols` likewise, where asked for.
    All paths are as the loader names them.
    """

    files: dict[str, str | None]
    versions: set[tuple[str, str]]
    symbols: set[tuple[str, str]]


class Inside(NamedTuple):
    """A root file system, and the path in it of what runs its programs; empty where this machine does."""

    root: Path
    emulator: str = ""

    def command(self, variables: Sequence[str], argv: Sequence[str]) -> list[str]:
        """Return the words that run a program inside with nothing but these variables."""
        # They must reach the program, and neither the chroot command nor the emulator.
        if self.emulator:
            wrapper = [self.emulator, *(word for variable in variables for word in ("-E", variable))]
        else:
            wrapper = ["/usr/bin/env", "-i", *variables]
        return ["/usr/sbin/chroot", str(self.root), *wrapper, *argv]


@contextmanager
def emulated(root: Path, emulator: Path) -> Iterator[Inside]:
    """Give a root whose programs a static emulator runs, which is put into it for as long as this takes."""
    with _folder(root) as place:
        shutil.copy(emulator, place / emulator.name)
        yield Inside(root, f"/{place.relative_to(root)}/{emulator.name}")


def traced(
    inside: Inside, program: str, library: str, *, search: str = "", with_symbols: bool = False
) -> Traced:
    """Ask what a program would load with `library`, running neither (ld.so(8), LD_TRACE_LOADED_OBJECTS).

    `search` is LD_LIBRARY_PATH.
    """
    variables = ["LD_TRACE_LOADED_OBJECTS=1", f"LD_PRELOAD={library}", f"LD_LIBRARY_PATH={search}"]
    if with_symbols:
        variables += ["LD_WARN=1", "LD_BIND_NOW=1"]
    return _told(inside.command(variables, [program]))


def listed(inside: Inside, loader: str, program: str) -> Traced:
    """Ask the loader what it would load for a program; its own --list ends at the first that is missing."""
    return _told(inside.command(["LD_TRACE_LOADED_OBJECTS=1"], [loader, program]))


def subfolders(inside: Inside, program: str) -> list[str]:
    """Return the subfolders of a directory in which a program's loader looks first, in its order."""
    folder = "/usr/lib"
    variables = ["LD_DEBUG=libs", "LD_TRACE_LOADED_OBJECTS=1", f"LD_LIBRARY_PATH={folder}"]
    said = _output(inside.command(variables, [program]))
    path = re.search(r"search path=(\S+)", said)
    assert path is not None, said
    return list(dict.fromkeys(d.removeprefix(f"{folder}/") for d in path[1].split(":") if d != folder))


def _told(command: Sequence[str]) -> Traced:
    return parse_trace(_output(command))


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, env={}, check=False)  # noqa: S603  (a fixed argument list)
    return (done.stdout + done.stderr).decode(errors="replace")


def parse_trace(text: str) -> Traced:
    """Parse the lines that a tracing loader prints."""
    found = re.findall(r"^\t(\S+) => (?:(not found)|(\S+) \(0x[0-9a-f]+\))$", text, re.MULTILINE)
    versions = re.findall(r"version `([^']+)' not found \(required by (\S+)\)", text)
    symbols = _UNDEFINED.findall(text) + _NOT_DEFINED.findall(text)
    files = {soname: path or None for soname, _, path in found}
    return Traced(files, set(versions), set(symbols))


def dlopened(inside: Inside, python: str, paths: Sequence[str]) -> dict[str, str]:
    """Return what dlopen(RTLD_NOW) in the root's Python says of each library; empty where it loads."""
    return _asked(inside, python, FIXTURES / "load_all.py", paths)


def imported(inside: Inside, python: str, modules: Sequence[str]) -> dict[str, str]:
    """Return the error of importing each module in a Python of its own; empty where there is none."""
    return _asked(inside, python, FIXTURES / "import_all.py", modules)


def _asked(inside: Inside, python: str, script: Path, names: Sequence[str]) -> dict[str, str]:
    with _folder(inside.root) as place:
        shutil.copy(script, place / "probe.py")
        (place / "names").write_text("\n".join(names), encoding="utf-8")
        folder = f"/{place.relative_to(inside.root)}"
        words = [python, f"{folder}/probe.py", f"{folder}/names", f"{folder}/answer"]
        # Bytecode is kept for as long as this takes, and nowhere among the root's own files.
        variables = [_PATH, f"HOME={folder}", f"PYTHONPYCACHEPREFIX={folder}/bytecode"]
        run(inside.command(variables, words), timeout=_SECONDS, env={})
        answer: dict[str, str] = json.loads((place / "answer").read_text(encoding="utf-8"))
        return answer


@contextmanager
def _folder(root: Path) -> Iterator[Path]:
    place = Path(mkdtemp(dir=root / "tmp"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)

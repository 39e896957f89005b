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
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
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


def traced(root: Path, program: str, library: str, *, search: str = "", with_symbols: bool = False) -> Traced:
    """Ask what a program would load with `library`, running neither (ld.so(8), LD_TRACE_LOADED_OBJECTS).

    `search` is LD_LIBRARY_PATH.
    """
    env = ["LD_TRACE_LOADED_OBJECTS=1", f"LD_PRELOAD={library}", f"LD_LIBRARY_PATH={search}"]
    if with_symbols:
        env += ["LD_WARN=1", "LD_BIND_NOW=1"]
    return _told(root, *env, program)


def listed(root: Path, loader: str, program: str) -> Traced:
    """Ask the loader what it would load for a program; its own --list ends at the first that is missing."""
    return _told(root, "LD_TRACE_LOADED_OBJECTS=1", loader, program)


def _told(root: Path, *words: str) -> Traced:
    # The variables must reach the program, and not the chroot command.
    done = subprocess.run(  # noqa: S603  (a fixed argument list)
        ["/usr/sbin/chroot", str(root), "/usr/bin/env", "-i", *words],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return parse_trace((done.stdout + done.stderr).decode(errors="replace"))


def parse_trace(text: str) -> Traced:
    """Parse the lines that a tracing loader prints."""
    found = re.findall(r"^\t(\S+) => (?:(not found)|(\S+) \(0x[0-9a-f]+\))$", text, re.MULTILINE)
    versions = re.findall(r"version `([^']+)' not found \(required by (\S+)\)", text)
    symbols = _UNDEFINED.findall(text) + _NOT_DEFINED.findall(text)
    files = {soname: path or None for soname, _, path in found}
    return Traced(files, set(versions), set(symbols))


def dlopened(root: Path, python: str, paths: Sequence[str]) -> dict[str, str]:
    """Return what dlopen(RTLD_NOW) in the root's Python says of each library; empty where it loads."""
    return _asked(root, python, FIXTURES / "load_all.py", paths)


def imported(root: Path, python: str, modules: Sequence[str]) -> dict[str, str]:
    """Return the error of importing each module in a Python of its own; empty where there is none."""
    return _asked(root, python, FIXTURES / "import_all.py", modules)


def _asked(root: Path, python: str, script: Path, names: Sequence[str]) -> dict[str, str]:
    with _folder(root) as place:
        shutil.copy(script, place / "probe.py")
        (place / "names").write_text("\n".join(names), encoding="utf-8")
        inside = f"/tmp/{place.name}"  # noqa: S108  (a folder of our own, inside the root)
        words = [f"{inside}/probe.py", f"{inside}/names", f"{inside}/answer"]
        # Bytecode is kept for as long as this takes, and nowhere among the root's own files.
        env = {**_ENV, "HOME": inside, "PYTHONPYCACHEPREFIX": f"{inside}/bytecode"}
        run(["/usr/sbin/chroot", str(root), python, *words], timeout=_SECONDS, env=env)
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

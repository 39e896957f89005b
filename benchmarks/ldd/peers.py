"""The other tools: how each is run over many files of a root file system, and which are not there."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.ldd.timing import Cost, measured, printed
from benchmarks.peer_environment import environment

WANTED = ("elfdeps", "auditwheel")
IN_ROOT = {"PATH": "/usr/bin:/usr/sbin"}
_LIBTREE_NODE = "── ".encode()

_ELFDEPS = """
import pathlib, sys, elfdeps
for line in sys.stdin:
    try:
        elfdeps.analyze_file(pathlib.Path(line.rstrip("\\n")))
    except Exception:
        pass
"""
_AUDITWHEEL = """
import pathlib, sys
from auditwheel.lddtree import ldd
for line in sys.stdin:
    try:
        ldd(pathlib.Path(line.rstrip("\\n")), root=sys.argv[1])
    except Exception:
        pass
"""


class Peer(NamedTuple):
    """A tool; `missing` says why it cannot be run, and `is_slow` whether once must do.

    `answers` counts the libraries that it names for these files, found or not, where its output tells.
    `asked` is how many times faster we promise to be.
    """

    name: str
    cost: Callable[[Sequence[str]], Cost]
    is_slow: bool = False
    missing: str = ""
    answers: Callable[[Sequence[str]], int] | None = None
    asked: float = 0


def peers(root: Path) -> list[Peer]:
    """Return every tool that is compared."""
    chroot = ["chroot", str(root)]
    libtree = _into(root, "libtree")
    found = environment("benchmark-peers", WANTED)
    python = None if found is None else str(found)
    no_python = "" if python else f"{' and '.join(WANTED)} cannot be installed"
    lddtree = shutil.which("lddtree")

    def lines(files: Sequence[str], base: str = "") -> bytes:
        return "".join(f"{base}{name}\n" for name in files).encode(errors="surrogateescape")

    def in_root(*words: str) -> Callable[[Sequence[str]], Cost]:
        return lambda files: measured([*chroot, *words], lines(files), IN_ROOT)

    def named_by(*words: str) -> Callable[[Sequence[str]], int]:
        return lambda files: printed([*chroot, *words], lines(files), IN_ROOT).count(_LIBTREE_NODE)

    def by_python(script: str) -> Callable[[Sequence[str]], Cost]:
        argv = [python or "", "-c", script, str(root)]
        return lambda files: measured(argv, lines(files, str(root)))

    at_once = ("xargs", "libtree", "-p", "-vv")
    one_each = ("sh", "-c", 'while read -r file; do libtree -p -vv "$file"; done')
    return [
        Peer("libtree, a process for each file", in_root(*one_each), False, libtree, named_by(*one_each), 5),
        Peer("libtree, one process", in_root(*at_once), False, libtree, named_by(*at_once)),
        Peer("ldd", in_root("xargs", "ldd"), asked=20),
        Peer("elfdeps (lists, resolves nothing)", by_python(_ELFDEPS), missing=no_python, asked=8),
        Peer(
            "lddtree (pax-utils)",
            lambda files: measured([python or "", lddtree or "", "-R", str(root), *files]),
            is_slow=True,
            missing=no_python or ("" if lddtree else "the package pax-utils is not installed"),
        ),
        Peer("auditwheel's lddtree", by_python(_AUDITWHEEL), is_slow=True, missing=no_python),
    ]


def _into(root: Path, program: str) -> str:
    """Copy a program of this machine into the root; return why that is not possible, or nothing."""
    found = shutil.which(program)
    if found is None:
        return f"the package {program} is not installed"
    target = root / "usr/bin" / program
    if not target.exists():
        shutil.copy(found, target)
    works = subprocess.run(["chroot", str(root), program, "--version"], capture_output=True, check=False)  # noqa: S607  (the system's chroot)
    return "" if works.returncode == 0 else f"{program} of this machine does not run in {root}"

"""The other tools that find imports: how each is run over a package, and which are not there."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.imports.corpus import PACKAGE, Corpus
from benchmarks.peer_environment import environment

WANTED = ("deptry", "fawltydeps", "grimp", "ruff")

_GRIMP = f"import grimp; grimp.build_graph({PACKAGE!r}, include_external_packages=True, cache_dir=None)"


class Peer(NamedTuple):
    """A tool: its words, and the folder that it is run in; `missing` says why it cannot be run."""

    name: str
    argv: Sequence[str]
    folder: Path
    missing: str = ""


def peers(code: Corpus) -> list[Peer]:
    """Return every tool that is compared."""
    python = environment("benchmark-import-peers", WANTED)
    missing = "" if python else f"{', '.join(WANTED)} cannot be installed"
    tools = (python or Path("python")).parent

    def program(name: str, *words: str) -> list[str]:
        return [str(tools / name), *words]

    return [
        Peer("deptry", program("deptry", "."), code.damaged, missing),
        Peer(
            "ruff analyze graph", program("ruff", "analyze", "graph", "--preview", "."), code.damaged, missing
        ),
        Peer(
            "FawltyDeps, its list of imports",
            program("fawltydeps", "--list-imports", "--code", "."),
            code.damaged,
            missing,
        ),
        Peer(
            "grimp, the whole files (a fault ends it)", program("python", "-c", _GRIMP), code.whole, missing
        ),
    ]

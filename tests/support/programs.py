"""Small programs over real distributions, and what a fresh interpreter has loaded once it has run one.

Each is a folder with a script ``app.py``, or with a package that is run by ``python -m``. Those in
``held_out`` are not looked at when rules are made: they measure what the rules are worth elsewhere.
"""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.tools.process import ToolError, run
from tests.support.roots import Root

PROGRAMS = Path(__file__).parents[1] / "fixtures" / "programs"
PROBE = PROGRAMS / "probe.py"
"""What runs a program, and says what has then been loaded."""

_SECONDS = 120
_PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"


class Program(NamedTuple):
    """One program: its folder relative to PROGRAMS, and its package where it has no script."""

    name: str
    folder: str
    package: str = ""

    @property
    def is_held_out(self) -> bool:
        """Say whether no rule may be made from it."""
        return self.folder.startswith("held_out/")

    @property
    def code(self) -> ServiceCode:
        """Return it as a service whose repository is PROGRAMS."""
        entry = self.package or f"{self.folder}/app.py"
        return ServiceCode(
            self.name, entry, (self.folder,), (self.folder,) if self.package else (), root=self.folder
        )


class Loaded(NamedTuple):
    """What one run has loaded, by paths in the root file system; `error` is what ended it, if anything did.

    `modules` are files by the names of the modules, `mapped` shared objects of any kind.
    """

    error: str
    modules: dict[str, str]
    mapped: frozenset[str]
    extensions: frozenset[str]


def programs() -> list[Program]:
    """Return every program, in the order of names."""
    folders = [*(PROGRAMS / "guided").iterdir(), *(PROGRAMS / "held_out").iterdir()]
    return sorted(_program(folder) for folder in folders if folder.is_dir())


def _program(folder: Path) -> Program:
    packages = sorted(folder.glob("*/__main__.py"))
    package = "" if (folder / "app.py").exists() else packages[0].parent.name
    return Program(folder.name, str(folder.relative_to(PROGRAMS)), package)


def run_inside(root: Root, wanted: Sequence[Program], folder: Path = PROGRAMS) -> dict[str, Loaded]:
    """Run each program in the root's own Python, in a process of its own and without a network.

    Their own folders are in `folder`.
    """
    place = Path(mkdtemp(dir=root.place / "tmp"))
    place.chmod(0o755)
    try:
        shutil.copytree(folder, place / "programs")
        shutil.copy(PROBE, place)
        return {program.name: _run(root, place, program) for program in wanted}
    finally:
        shutil.rmtree(place)


def _run(root: Root, place: Path, program: Program) -> Loaded:
    inside = f"/{place.relative_to(root.place)}"
    folder = f"{inside}/programs/{program.folder}"
    words = ["-m", program.package] if program.package else [f"{folder}/app.py"]
    # Bytecode is kept for as long as this takes, and nowhere among the root's own files.
    variables = [_PATH, f"HOME={inside}", f"PYTHONPYCACHEPREFIX={inside}/bytecode", "LANG=C.UTF-8"]
    command = ["/usr/bin/env", "-i", "-C", folder, *variables, root.python]
    apart = ["unshare", "--net", "--pid", "--fork", f"--mount-proc={root.place}/proc"]
    argv = [*apart, "/usr/sbin/chroot", str(root.place), *command]
    answer = place / "answer"
    answer.unlink(missing_ok=True)
    try:
        run(
            [*argv, f"{inside}/{PROBE.name}", f"{inside}/answer", *words],
            timeout=_SECONDS,
            env=os.environ,
        )
    except ToolError as e:
        return Loaded(str(e), {}, frozenset(), frozenset())
    found = json.loads(answer.read_text(encoding="utf-8"))
    return Loaded(
        found["error"], found["modules"], frozenset(found["mapped"]), frozenset(found["extensions"])
    )

"""Programs that do what the rows on computed imports wait for: one for every trigger of every row."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.knowledge.base import load_knowledge, packaged_knowledge
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import ComputedImport, KnownImport, Level
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.resolution.interpreter import find_interpreter
from tests.support.import_scores import module_levels, steps_to_modules
from tests.support.program_roots import full_root
from tests.support.programs import Program
from tests.support.roots import Root, with_packages, with_wheels

LOCK = Path(__file__).parents[1] / "fixtures" / "computed_imports" / "wheels.txt"
"""What rows speak of and the small programs do not use."""

PACKAGES = ("python3-mysqldb",)
"""What has no wheels comes from the system's own archive."""

_CALLS = {
    "gevent.monkey.patch_all": "patch_all()",
    "matplotlib.pyplot.figure": "figure()",
    "matplotlib.pyplot.subplots": "subplots()",
    "matplotlib.pyplot.subplot": "subplot()",
    "matplotlib.pyplot.plot": "plot([1, 2])",
    "matplotlib.pyplot.scatter": "scatter([1], [2])",
    "matplotlib.pyplot.bar": "bar([1], [2])",
    "matplotlib.pyplot.hist": "hist([1, 2])",
    "matplotlib.pyplot.imshow": "imshow([[1, 2]])",
    "matplotlib.pyplot.gcf": "gcf()",
    "matplotlib.pyplot.gca": "gca()",
    "matplotlib.pyplot.show": "show()",
    "matplotlib.pyplot.savefig": 'savefig("figure.png")',
    "sentry_sdk.init": "init()",
    "passlib-contexts": 'CryptContext(schemes=["sha256_crypt"])',
    "kombu-sqla": 'Connection("sqla+sqlite:///:memory:").transport',
}
"""How a function, or that of a row, is called where it is not with an address; it is imported before."""

_SERVED_MODULE = "wsgiref.simple_server"
"""A module that stands for what is named: nothing else imports it."""

_LISTED_MODULE = "passlib.handlers.sha2_crypt"
"""What a name loads that is listed in a call."""

_SERVED = f"{_SERVED_MODULE}:demo_app"
_NOWHERE = 'interface="wsgi", uds="/absent/socket"'
"""A server is set up, and ends as it starts to listen: there is no such folder."""

_SET_UP = f'config = Config("{_SERVED}", {_NOWHERE})\n'
_METHODS = {
    "uvicorn.run": f'import uvicorn\nuvicorn.run("{_SERVED}", {_NOWHERE})\n',
    "uvicorn.Config.load": f"from uvicorn import Config\n{_SET_UP}config.load()\n",
    "uvicorn.Config.get_loop_factory": f"from uvicorn import Config\n{_SET_UP}config.get_loop_factory()\n",
    "uvicorn.Server.run": f"from uvicorn import Config, Server\n{_SET_UP}Server(config).run()\n",
    "uvicorn.Server.serve": (
        f"import asyncio\nfrom uvicorn import Config, Server\n{_SET_UP}"
        "server = Server(config)\nasyncio.run(server.serve())\n"
    ),
}
"""Whole programs where a call alone does not make one."""


class Proof(NamedTuple):
    """A program that does what one row waits for, and another that does all but that (none for an import)."""

    row: ComputedImport
    program: Program
    control: Program | None
    control_text: str = ""

    @property
    def promised(self) -> frozenset[str]:
        """Return every module that the row speaks of."""
        of_names = [_LISTED_MODULE] if self.row.names_of else []
        served = [_SERVED_MODULE] if self.row.names_module else []
        return frozenset({*self.row.loads, *served, *of_names})


def root() -> Root:
    """Return a system that has what every row speaks of, as far as that can be had."""
    return with_packages(with_wheels(full_root(), LOCK), PACKAGES)


def proofs(rows: Sequence[KnownImport], folder: Path) -> list[Proof]:
    """Write the programs for rows on computed names into `folder`, each in a folder of its own."""
    return [_proof(row, folder) for row in rows if isinstance(row, ComputedImport)]


def _proof(row: ComputedImport, folder: Path) -> Proof:
    trigger = row.function or row.module or row.name
    name = f"{row.row}.{trigger}"
    if row.name:
        owner, _, taken = row.name.rpartition(".")
        program = _written(folder, name, f"from {owner} import {taken}\n{taken}.__name__\n")
        control = f"import {owner}\n"
        return Proof(row, program, _written(folder, f"without-{name}", control), control)
    if not row.function:
        return Proof(row, _written(folder, name, f"import {trigger}\n"), None)
    owner, _, called = trigger.rpartition(".")
    whole = _METHODS.get(trigger) or f"from {owner} import {called}\n{_call(row, called)}\n"
    control = "".join(f"{line}\n" for line in _imports(whole))
    program = _written(folder, name, whole)
    return Proof(row, program, _written(folder, f"without-{name}", control), control)


def _call(row: ComputedImport, called: str) -> str:
    known = _CALLS.get(row.row) or _CALLS.get(row.function)
    return known or f'{called}("{row.prefix}//")'


def _imports(program: str) -> Iterator[str]:
    yield from (line for line in program.splitlines() if line.startswith(("import ", "from ")))


def _written(folder: Path, name: str, text: str) -> Program:
    place = folder / name
    place.mkdir(parents=True)
    (place / "app.py").write_text(text, encoding="utf-8")
    return Program(name, name)


def foresee(root: Root, wanted: Sequence[Program], folder: Path) -> dict[str, dict[str, Level]]:
    """Return which modules each program in `folder` is said to load, and how certainly; runs nothing."""
    image = open_folder(root.place)
    found = examine(
        [program.code for program in wanted],
        open_folder(folder),
        image,
        find_interpreter(image, ImageConfig()),
        records=None,
        computed_imports=load_knowledge([packaged_knowledge()]).computed_imports,
    )
    steps = steps_to_modules(found.edges)
    return {program.name: module_levels(program.name, steps) for program in wanted}

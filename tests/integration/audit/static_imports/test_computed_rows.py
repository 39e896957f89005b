"""The rows on computed imports against what an interpreter loads: a program for every trigger of every row.

Each runs in a Debian 12 that has the distributions, in a process of its own and without a network. The same
program without what the row waits for shows that the row says something.
"""

import os
from typing import NamedTuple

import pytest

from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.base import load_knowledge, packaged_knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile
from fleet_audit.audit.model.imports import Level
from tests.support.computed_rows import Proof, foresee, proofs, root
from tests.support.programs import Loaded, run_inside

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping and chroot need root"),
]


class Tried(NamedTuple):
    """A proof and its outcome: what was foreseen, what was loaded, and what without the row's trigger."""

    proof: Proof
    foreseen: dict[str, Level]
    loaded: Loaded
    before: Loaded | None

    @property
    def anew(self) -> frozenset[str]:
        """What is loaded because of the trigger."""
        return self.real if self.before is None else self.real.difference(self.before.modules)

    @property
    def name(self) -> str:
        return self.proof.program.name

    @property
    def real(self) -> frozenset[str]:
        return self.proof.promised.intersection(self.loaded.modules)

    @property
    def predicted(self) -> frozenset[str]:
        level = self.proof.row.level
        return frozenset(m for m in self.proof.promised if self.foreseen.get(m, Level.STRING) <= level)


def only_read() -> dict[str, str]:
    """Return the levels of the rows that say of themselves that nothing was tried."""
    files = [
        convert(load_file(file, name=file.name), KnowledgeFile)
        for file in packaged_knowledge().iterdir()
        if file.name.endswith(".yaml")
    ]
    rows = [row for file in files for row in file.computed_imports]
    return {row.id: row.level for row in rows if row.checked.startswith("read in ")}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> list[Tried]:
    system, folder = root(), tmp_path_factory.mktemp("programs")
    known = load_knowledge([packaged_knowledge()]).computed_imports
    every = proofs([row for row in known if row.row not in only_read()], folder)
    foreseen = foresee(system, [proof.program for proof in every], folder)
    # Many controls are the same program: each is run once.
    controls = {proof.control_text: proof.control for proof in every if proof.control is not None}
    loaded = run_inside(system, [*(proof.program for proof in every), *controls.values()], folder)
    return [
        Tried(
            proof,
            foreseen[proof.program.name],
            loaded[proof.program.name],
            None if proof.control is None else loaded[controls[proof.control_text].name],
        )
        for proof in every
    ]


def test_every_row_loads_something_that_would_not_be_loaded_without_it(tried: list[Tried]) -> None:
    assert {t.name: t.loaded.error for t in tried if not t.anew} == {}


def test_what_a_certain_row_says_is_what_is_loaded(tried: list[Tried]) -> None:
    certain = [t for t in tried if t.proof.row.level is Level.CERTAIN]

    assert certain
    assert {t.name: (t.predicted, t.real) for t in certain if t.predicted != t.real} == {}


def test_what_is_loaded_is_among_what_a_probable_row_says(tried: list[Tried]) -> None:
    probable = [t for t in tried if t.proof.row.level is Level.PROBABLE]

    assert probable
    assert {t.name: t.real - t.predicted for t in probable if not t.real <= t.predicted} == {}


def test_a_row_that_was_only_read_is_no_more_than_probable() -> None:
    assert "certain" not in only_read().values()

"""A sample of what can be broken around a gate; and the matrix of all faults would notice one that passes."""

import os
from pathlib import Path

import pytest

from tests.support.faults.fault import Fault
from tests.support.faults.matrix import FAULTS, page
from tests.support.faults.stand import stand
from tests.support.scanner_programs import trivy_that

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
SAMPLE = (
    "syft is killed",
    "trivy claims that there is no package",
    "the database is of the future",
    "a layer is cut short",
    "a rule cannot be evaluated on a fact",
    "the policy calls a scanner that failed harmless",
    "a waiver ends on a day that is not",
    "each entry of the cache is cut short",
    "a stored audit lacks its evidence",
    "the history is damaged",
)


def test_without_a_fault_the_gate_passes_and_without_the_waiver_it_fails(tmp_path: Path) -> None:
    waived = stand(tmp_path / "waived").judge()
    bare = stand(tmp_path / "bare", is_waived=False).judge()

    assert (waived.code, waived.gaps) == (0, ())
    assert (bare.code, bare.gaps, bare.lost) == (1, (), ())


@pytest.mark.parametrize("name", SAMPLE)
def test_a_fault_is_no_pass_and_costs_nothing(name: str, tmp_path: Path) -> None:
    (fault,) = (each for each in FAULTS if each.name == name)

    assert fault.wrong(fault.seen(tmp_path)) == []


def test_a_fault_that_breaks_nothing_is_noticed(tmp_path: Path) -> None:
    nothing = Fault("nothing", lambda _: None, 3, "words", "no-image")

    assert nothing.wrong(nothing.seen(tmp_path)) == [
        "vsa/vision.vsa.intoto.json was written anew",
        "it ended with 0, not 3",
        "it does not say: words",
        "no gap of the kind no-image blocks, of ()",
    ]


def test_what_is_lost_is_noticed(tmp_path: Path) -> None:
    made = stand(tmp_path)
    damage = "for each in audits/*/*; do echo {} > $each; done"
    lines = ("rm waivers.yaml history.sqlite", damage, "touch .audit-x", "exit 1")
    trivy_that(made.bin, f"cd '{made.folder}'", *lines)

    lost = made.judge().lost

    assert [name for name in ("waivers.yaml", ".audit-x", "in the history") if name in " ".join(lost)] == [
        "waivers.yaml",
        ".audit-x",
        "in the history",
    ]


def test_there_are_enough_faults_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) > 40
    assert all(fault.code != 0 for fault in FAULTS)


def test_the_page_lists_all_faults() -> None:
    if os.environ.get("FLEET_AUDIT_WRITE_SNAPSHOTS"):
        PAGE.write_text(page(), encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == page()

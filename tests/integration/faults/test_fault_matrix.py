"""What is around a gate is broken, one thing at a time: none ends in pass or a traceback, nothing is lost."""

from pathlib import Path

import pytest

from tests.support.faults.fault import Fault
from tests.support.faults.matrix import FAULTS
from tests.support.faults.stand import Stand, stand

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_no_pass_and_costs_nothing(fault: Fault, tmp_path: Path) -> None:
    assert fault.wrong(fault.seen(tmp_path)) == []


KILLED = [fault for fault in FAULTS if fault.code < 0]


@pytest.mark.parametrize("fault", KILLED, ids=lambda fault: fault.name)
def test_after_a_gate_was_killed_the_next_one_passes(fault: Fault, tmp_path: Path) -> None:
    fault.seen(tmp_path)

    seen = Stand(tmp_path).judge()

    assert (seen.code, seen.gaps) == (0, ())


def test_gates_at_the_same_time_share_caches_audits_and_history(tmp_path: Path) -> None:
    shared = stand(tmp_path, is_waived=False)
    audit = shared.audit.read_bytes()

    running = [shared.started("-o", "json") for _ in range(3)]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in running]

    assert {code for _, _, code in ended} == {1}
    assert len({said for said, _, _ in ended}) == 1
    assert shared.audit.read_bytes() != audit
    assert shared.judge().lost == ()

"""What a missing name means, told apart by what is known of it."""

import pytest

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.elf import Missing, NotAvailable, Resolved
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.judge import Judge

JUDGE = Judge(Knowledge(), "bookworm", is_whole=True)


@pytest.mark.parametrize("name", ["libc10.so", "libtorch_cpu.so", "libtorch_cuda.so"])
def test_no_package_brings_the_torch_that_a_wheel_was_built_for(name: str) -> None:
    found = JUDGE.judged(name, Missing())

    assert isinstance(found, NotAvailable)
    assert "torch" in found.why


@pytest.mark.parametrize("name", ["libtorch.so.1.13", "libtorchrec.so", "libGL.so.1"])
def test_other_names_stay_missing(name: str) -> None:
    assert JUDGE.judged(name, Missing()) == Missing()


def test_a_library_of_torch_that_is_found_stays_found() -> None:
    found = Resolved(ImagePath("/opt/libc10.so"))

    assert JUDGE.judged("libc10.so", found) == found

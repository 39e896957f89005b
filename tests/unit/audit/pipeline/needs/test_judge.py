"""What a missing name means, told apart by what is known of it."""

import pytest

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile, ProvidedByPypi, SonameBreak
from fleet_audit.audit.model.elf import Missing, NotAvailable, Resolved, WrongVariant
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.needs.judge import Judge
from fleet_audit.audit.pipeline.needs.variants import Variants

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


CUDA = KnowledgeFile(
    provided_by_pypi=(
        ProvidedByPypi(
            "cudart-11", ("libcudart.so.11.0",), ("nvidia-cuda-runtime-cu11",), "CUDA 11", ("index",), "today"
        ),
        ProvidedByPypi(
            "cudnn-8", ("libcudnn.so.8",), ("nvidia-cudnn-cu12",), "cuDNN 8", ("index",), "today", "<9"
        ),
    ),
    soname_break=(
        SonameBreak("ffi", ("libffi.so.7",), ("bookworm",), "libffi 7 is gone", "upgrade", ("notes",)),
    ),
)


def test_a_library_of_wheels_is_never_left_to_packages() -> None:
    found = Judge(Knowledge([CUDA]), "bookworm", is_whole=True).judged("libcudnn.so.8", Missing())

    assert isinstance(found, NotAvailable)
    assert "require nvidia-cudnn-cu12<9" in found.why


def test_another_cuda_is_told_with_the_wheel_that_brings_the_right_one() -> None:
    variants = Variants({"libcudart": ("libcudart.so.12",)})

    found = Judge(Knowledge([CUDA]), "bookworm", is_whole=True, variants=variants).judged(
        "libcudart.so.11.0", Missing()
    )

    assert isinstance(found, WrongVariant)
    assert "libcudart.so.12" in str(found)
    assert "require nvidia-cuda-runtime-cu11" in str(found)


def test_a_library_that_the_suite_has_lost_gets_a_way_out() -> None:
    knowledge = Knowledge([CUDA])

    gone = Judge(knowledge, "bookworm", is_whole=True).judged("libffi.so.7", Missing())

    assert gone == NotAvailable("libffi 7 is gone; upgrade")
    assert Judge(knowledge, "bullseye", is_whole=True).judged("libffi.so.7", Missing()) == Missing()

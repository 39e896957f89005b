"""Which other variant of a missing library an image carries: another CUDA version, or a CPU build."""

import re
from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.model.elf import SharedObject
from fleet_audit.audit.model.identity import ImagePath

_VERSIONED = re.compile(r"(lib[A-Za-z0-9_+-]+)\.so\.(\d+)(?:\.\d+)*")

_CUDA = re.compile(
    "lib(?:cudart|cublas|cublasLt|cufft|cufftw|curand|cusolver|cusolverMg|cusparse|cusparseLt|cupti|nvrtc"
    "|nvrtc-builtins|nvJitLink|nvblas|nvjpeg|npp[a-z]*|cudnn[a-z_]*|nvinfer[a-z_]*|nvonnxparser|cufile)"
)
"""Libraries of the CUDA toolkit, cuDNN and TensorRT: the number in their name changes with the ABI."""

_BUILDS = {
    "libc10_cuda.so": ("libc10.so", "CUDA"),
    "libtorch_cuda.so": ("libtorch_cpu.so", "CUDA"),
    "libtorch_cuda_linalg.so": ("libtorch_cpu.so", "CUDA"),
    "libc10_hip.so": ("libc10.so", "ROCm"),
    "libtorch_hip.so": ("libtorch_cpu.so", "ROCm"),
}
"""Libraries that only some builds of torch have, with one that all of them have."""


_OF_TORCH = frozenset(
    {
        *("libc10.so", "libshm.so", "libtorch.so", "libtorch_cpu.so", "libtorch_global_deps.so"),
        *("libtorch_python.so", *_BUILDS),
    }
)


def why_only_torch(soname: str) -> str | None:
    """Return why no package brings a library of torch's own; None for any other library.

    Its sonames bear no version although its ABI changes with each: a wheel works with the torch that it was
    built for, as the versions show that torchaudio and torchvision pin in their metadata.
    """
    if soname not in _OF_TORCH:
        return None
    return "only the wheel of torch that this was built for brings it; a package's libtorch is another build"


class Variants(msgspec.Struct, frozen=True):
    """The libraries of an image whose names tell variants apart, by the part that the variants share."""

    present: Mapping[str, tuple[str, ...]] = {}

    def other(self, soname: str) -> str | None:
        """Return in words which other variant of a library is there; None where there is none."""
        if soname in _BUILDS:
            shared, build = _BUILDS[soname]
            found = self.present.get(shared)
            return f"the image has a build of torch without {build}" if found else None
        stem, version = _split(soname)
        others = [name for name in self.present.get(stem, ()) if _split(name)[1] != version]
        if not stem or not others:
            return None
        return f"the image has {', '.join(others)}; no package makes one do for the other"


def variants_of(elf: Mapping[ImagePath, SharedObject]) -> Variants:
    """Return what the ELF files of an image tell."""
    found: dict[str, set[str]] = {}
    for name in _names(elf):
        stem = name if name in _SHARED else _split(name)[0]
        if stem:
            found.setdefault(stem, set()).add(name)
    return Variants({stem: tuple(sorted(names)) for stem, names in sorted(found.items())})


_SHARED = frozenset(shared for shared, _ in _BUILDS.values())


def _names(elf: Mapping[ImagePath, SharedObject]) -> Iterable[str]:
    return (facts.soname or basename(path) for path, facts in elf.items() if facts.is_dynamic)


def _split(soname: str) -> tuple[str, str]:
    """Return the name and the major version of a library that has variants; empty for any other."""
    found = _VERSIONED.fullmatch(soname)
    if found is None or _CUDA.fullmatch(found[1]) is None:
        return "", ""
    return found[1], found[2]

"""Which files of a wheel are libraries from outside, and what their names tell."""

import pytest

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.sbom.bundled import bundled_name, is_bundled

SITE = "/usr/lib/python3/dist-packages"


@pytest.mark.parametrize(
    "path",
    [
        "numpy.libs/libscipy_openblas64_-56d6093b.so",
        "PIL/.dylibs/libjpeg.62.4.0.dylib",
        "torch/lib/libgomp-a34b3233.so.1",
        "h5py.libs/libhdf5.so.200",
        "_soundfile_data/libsndfile_x86_64.so",
    ],
)
def test_what_auditwheel_put_there_is_bundled(path: str) -> None:
    assert is_bundled(ImagePath(f"{SITE}/{path}"))


@pytest.mark.parametrize(
    "path",
    [
        "torch/lib/libtorch_cpu.so",
        "numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so",
        "nvidia/cudnn/lib/libcudnn.so.9",
        "some.libs.py",
        "_soundfile_data/other.so",
        "soundfile_data/libown.so",
        "pkg/lib-notahash1.so",
    ],
)
def test_what_is_the_wheels_own_is_not(path: str) -> None:
    assert not is_bundled(ImagePath(f"{SITE}/{path}"))


@pytest.mark.parametrize(
    ("file", "name", "soname", "version", "abi"),
    [
        ("libwebp-51b0b3f7.so.7.2.0", "libwebp", "libwebp.so.7.2.0", "", "7.2.0"),
        (
            "libopenblas64_p-r0-5007a62f.3.23.dev.so",
            "libopenblas64_p",
            "libopenblas64_p-r0.3.23.dev.so",
            "0.3.23.dev",
            "",
        ),
        # A library that was taken out of another wheel has been given two tags.
        ("libgfortran-040039e1-0352e75f.so.5.0.0", "libgfortran", "libgfortran.so.5.0.0", "", "5.0.0"),
        ("libX11-xcb-0e257303.so.1.0.0", "libX11-xcb", "libX11-xcb.so.1.0.0", "", "1.0.0"),
        ("libhdf5.so.200", "libhdf5", "libhdf5.so.200", "", "200"),
        ("libcrypto-eec61a97.so.1.1", "libcrypto", "libcrypto.so.1.1", "", "1.1"),
        ("libsndfile_x86_64.so", "libsndfile", "libsndfile_x86_64.so", "", ""),
        ("strange", "strange", "strange", "", ""),
    ],
)
def test_the_name_tells_the_library_and_only_seldom_its_release(
    file: str, name: str, soname: str, version: str, abi: str
) -> None:
    told = bundled_name(file)

    assert (told.name, told.soname, told.version, told.abi) == (name, soname, version, abi)


def test_names_made_to_be_slow_are_not() -> None:
    assert bundled_name("-00000000." * 500 + "-").version == ""
    assert bundled_name("a-0." * 5000).version == ""

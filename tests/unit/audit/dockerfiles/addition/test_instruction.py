import pytest

from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin, apt_instruction


def test_the_instruction_is_written_in_one_layer_sorted_and_pinned() -> None:
    written = apt_instruction(["libgl1=1.6.0-1", "ffmpeg=7:5.1.9-0+deb12u1", "libgl1=1.6.0-1"])

    assert written == (
        "RUN apt-get update \\\n"
        "    && apt-get install -y --no-install-recommends \\\n"
        "        ffmpeg=7:5.1.9-0+deb12u1 \\\n"
        "        libgl1=1.6.0-1 \\\n"
        "    && rm -rf /var/lib/apt/lists/*"
    )


@pytest.mark.parametrize("root", ["libgl1=1~rc+b1", "g++=4:12.2.0-3", "libc6:amd64=2.36-9", "libgl1"])
def test_every_name_and_version_of_debian_can_be_written(root: str) -> None:
    assert root in apt_instruction([root])


@pytest.mark.parametrize("root", ["a; rm -rf /", "a=$(id)", "a=1\nRUN evil", "-o=x", "", "a=1 b=2", "a=1,b"])
def test_what_is_no_package_is_never_written(root: str) -> None:
    with pytest.raises(UnsafePin):
        apt_instruction([root])

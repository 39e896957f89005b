"""What a loader's own file tells of it."""

import pytest

from fleet_audit.audit.ldd.layout import EM_AARCH64, EM_X86_64
from fleet_audit.audit.ldd.loader import Abi, Loader, is_glibc_loader, machine_name, read_loader
from fleet_audit.audit.model.identity import ImagePath
from tests.support.elf import I386
from tests.support.elf import image as image_builder
from tests.support.trees import tree

X86 = Abi(64, is_little_endian=True, machine=EM_X86_64)
PATH = ImagePath("/lib64/ld-linux-x86-64.so.2")

DEBIAN = b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0"
FEDORA = b"/lib64/\0/usr/lib64/\0"


def loader(content: bytes) -> Loader:
    return read_loader(tree({PATH: content}), PATH, X86)


@pytest.mark.parametrize(
    "name",
    [
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/lib/ld-linux.so.2",
        "/lib64/ld64.so.2",
        "/lib/ld.so.1",
        "/lib/ld-2.31.so",
    ],
)
def test_glibcs_loaders_are_known_by_name(name: str) -> None:
    assert is_glibc_loader(name)


@pytest.mark.parametrize(
    "name", ["/lib/ld-musl-x86_64.so.1", "/system/bin/linker64", "/lib/ld-uClibc.so.0", "/bin/busybox"]
)
def test_other_loaders_are_not_glibcs(name: str) -> None:
    assert not is_glibc_loader(name)


def test_debians_directories_are_multiarch_and_so_is_lib() -> None:
    found = loader(
        b"\x7fELF\0text\0" + DEBIAN + b"ld.so (Debian GLIBC 2.36-9) stable release version 2.36.\n\0"
    )

    assert found.default_directories == (
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/lib",
        "/usr/lib",
    )
    assert (found.lib, found.is_multiarch, found.version) == ("lib/x86_64-linux-gnu", True, (2, 36))


def test_fedoras_directories_are_not_multiarch() -> None:
    found = loader(FEDORA + b"ld.so (GNU libc) stable release version 2.38.\n\0")

    assert (found.lib, found.is_multiarch, found.subfolders[-1]) == ("lib64", False, "glibc-hwcaps/x86-64-v2")


def test_the_longest_run_of_folders_counts() -> None:
    found = loader(b"/usr/lib/locale/\0other\0" + FEDORA)

    assert found.default_directories == ("/lib64", "/usr/lib64")


def test_a_loader_that_tells_nothing_falls_back_to_its_machine() -> None:
    found = loader(b"")

    assert (found.version, found.default_directories[0], found.hwcaps[0]) == (None, "/lib64", "x86-64-v4")


def test_an_unknown_machine_has_a_number_for_a_name() -> None:
    assert machine_name(Abi(64, is_little_endian=True, machine=999)) == "machine 999 (64-bit)"
    assert machine_name(Abi(64, is_little_endian=False, machine=EM_AARCH64)) == "aarch64 (big-endian)"
    assert machine_name(Abi(32, is_little_endian=True, machine=I386)) == "i386"


def test_an_unknown_machines_loader_searches_the_plain_directories() -> None:
    found = read_loader(tree({}), ImagePath("/lib/ld.so.1"), Abi(32, is_little_endian=False, machine=999))

    assert (found.default_directories, found.cache_flags) == (("/lib", "/usr/lib"), None)


def test_a_loader_without_a_banner_is_of_the_version_in_its_files_name() -> None:
    image = (
        image_builder()
        .link(PATH, "/lib/x86_64-linux-gnu/ld-2.31.so")
        .file("/lib/x86_64-linux-gnu/ld-2.31.so", DEBIAN)
    )

    found = read_loader(image.build().tree, PATH, X86)

    assert found.version == (2, 31)
    assert found.hwcaps == ()
    assert "tls/x86_64/x86_64" in found.subfolders


OLDER = DEBIAN + b"ld.so (Debian GLIBC 2.31-13) release version 2.31.\n\0"


@pytest.mark.parametrize(
    ("isa", "has", "lacks"),
    [
        ("", {"tls/haswell/avx512_1/x86_64", "haswell", "avx512_1/x86_64", "x86_64/x86_64"}, set()),
        ("x86-64-v4", {"haswell/avx512_1"}, set()),
        ("x86-64-v3", {"tls/haswell/x86_64", "haswell"}, {"avx512_1", "haswell/avx512_1"}),
        ("x86-64-v2", {"tls/x86_64/x86_64", "tls", "x86_64"}, {"haswell", "tls/haswell", "avx512_1"}),
    ],
)
def test_older_loaders_combine_names_of_what_a_processor_has(
    isa: str, has: set[str], lacks: set[str]
) -> None:
    found = read_loader(tree({PATH: OLDER}), ImagePath(PATH), X86, isa).subfolders

    assert has <= set(found)
    assert lacks.isdisjoint(found)
    assert len(found) == len(set(found))


def test_the_most_particular_subfolder_comes_first() -> None:
    found = list(loader(OLDER).subfolders)

    assert found[0] == "tls/haswell/avx512_1/x86_64"
    assert (
        found.index("tls/haswell") < found.index("tls/x86_64") < found.index("tls") < found.index("haswell")
    )

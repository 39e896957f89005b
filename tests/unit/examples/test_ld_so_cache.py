import io
import struct

import pytest

from examples.fleet.builder.elf_soname import soname
from examples.fleet.builder.filesystem import FileSystem, LayerWriter
from examples.fleet.builder.ld_so_cache import Library, compare_names, encode, libraries
from tests.support.elf import I386, elf


def writer() -> LayerWriter:
    layer = LayerWriter(FileSystem(), io.BytesIO())
    layer.folder("usr/lib/x86_64-linux-gnu")
    layer.symlink("lib", "usr/lib")
    layer.file("etc/ld.so.conf", b"include /etc/ld.so.conf.d/*.conf\n")
    layer.file("etc/ld.so.conf.d/libc.conf", b"# own\n/usr/local/lib\n")
    return layer


def add(layer: LayerWriter, path: str, name: str | None) -> None:
    body = elf(soname=name)
    layer.file(path, body, soname=soname(path.rpartition("/")[2], body))


def found(layer: LayerWriter) -> dict[str, str]:
    return {library.name: library.path for library in libraries(layer.files)}


def test_a_library_stands_under_its_soname_and_a_linkers_link_beside_it() -> None:
    layer = writer()
    add(layer, "usr/lib/x86_64-linux-gnu/libGL.so.1.7.0", "libGL.so.1")
    layer.symlink("usr/lib/x86_64-linux-gnu/libGL.so.1", "libGL.so.1.7.0")
    layer.symlink("usr/lib/x86_64-linux-gnu/libGL.so", "libGL.so.1")
    layer.symlink("usr/lib/x86_64-linux-gnu/libGL.so.1.7", "libGL.so.1.7.0")

    assert found(layer) == {
        "libGL.so": "/lib/x86_64-linux-gnu/libGL.so",
        "libGL.so.1": "/lib/x86_64-linux-gnu/libGL.so.1",
    }


def test_folders_of_the_configuration_come_before_the_loaders_own() -> None:
    layer = writer()
    add(layer, "usr/lib/x86_64-linux-gnu/libz.so.1", "libz.so.1")
    add(layer, "usr/local/lib/libz.so.1", "libz.so.1")

    assert found(layer) == {"libz.so.1": "/usr/local/lib/libz.so.1"}


def test_an_alternative_is_found_through_its_links() -> None:
    layer = writer()
    add(layer, "usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0", "libblas.so.3")
    layer.symlink("etc/alternatives/libblas.so.3", "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0")
    layer.symlink("usr/lib/x86_64-linux-gnu/libblas.so.3", "/etc/alternatives/libblas.so.3")

    assert found(layer) == {"libblas.so.3": "/lib/x86_64-linux-gnu/libblas.so.3"}


def test_other_machines_libraries_dangling_links_and_plain_files_are_left_out() -> None:
    layer = writer()
    foreign = elf(soname="libz.so.1", machine=I386, bits=32)
    layer.file("usr/lib/x86_64-linux-gnu/libz.so.1", foreign, soname=soname("libz.so.1", foreign))
    layer.file("usr/lib/x86_64-linux-gnu/libc.so", b"GROUP ( libc.so.6 )", soname=soname("libc.so", b"GROUP"))
    layer.symlink("usr/lib/x86_64-linux-gnu/libgone.so.1", "libgone.so.1.0")
    add(layer, "usr/lib/x86_64-linux-gnu/plugin.so", "plugin.so")

    assert found(layer) == {}


@pytest.mark.parametrize(
    ("left", "right", "order"),
    [
        ("libz.so.1", "libz.so.1", 0),
        ("libfoo.so.9", "libfoo.so.10", -1),
        ("libfoo.so.1", "libfoo.so", 1),
        ("lib1.so", "liba.so", 1),
        ("liba.so", "libb.so", -1),
    ],
)
def test_names_are_ordered_as_the_loader_searches_them(left: str, right: str, order: int) -> None:
    assert compare_names(left, right) == order
    assert compare_names(right, left) == -order


def test_the_file_has_the_loaders_format() -> None:
    body = encode([Library("libz.so.1", "/lib/libz.so.1")], generator="test")

    magic, count, strings, endian, extension = struct.unpack_from("<20sIIB3xI", body)
    flags, key, value, _, hwcap = struct.unpack_from("<iIIIQ", body, 48)
    assert (magic, count, endian, hwcap) == (b"glibc-ld.so.cache1.1", 1, 2, 0)
    assert flags == 0x303
    assert body[key:].startswith(b"libz.so.1\0")
    assert body[value:].startswith(b"/lib/libz.so.1\0")
    assert 48 + 24 + strings <= extension
    assert struct.unpack_from("<I", body, extension)[0] == 0xEAA42174
    assert body.endswith(b"test")

import io
import tarfile

from examples.fleet.builder.filesystem import EPOCH, FileSystem, LayerWriter


def layer(below: LayerWriter | None = None) -> tuple[LayerWriter, io.BytesIO]:
    sink = io.BytesIO()
    files = FileSystem()
    if below is not None:
        files.nodes |= below.files.nodes
    return LayerWriter(files, sink), sink


def names(sink: io.BytesIO) -> list[str]:
    sink.seek(0)
    with tarfile.open(fileobj=sink) as tar:
        return tar.getnames()


def test_a_file_below_a_linked_folder_lands_where_the_link_leads() -> None:
    writer, sink = layer()
    writer.folder("usr/bin")
    writer.symlink("bin", "usr/bin")

    writer.file("bin/sh", b"#!", mode=0o755)
    writer.close()

    assert names(sink) == ["usr", "usr/bin", "bin", "usr/bin/sh"]


def test_a_folder_of_a_package_does_not_replace_a_link_to_a_folder() -> None:
    writer, sink = layer()
    writer.folder("usr/lib")
    writer.symlink("lib", "usr/lib")

    writer.folder("lib")
    writer.close()

    assert names(sink) == ["usr", "usr/lib", "lib"]
    assert writer.files.nodes["lib"].kind == "symlink"


def test_folders_that_a_lower_layer_has_are_not_written_again() -> None:
    below, _ = layer()
    below.folder("etc")
    writer, sink = layer(below)

    writer.file("etc/hosts", b"")
    writer.close()

    assert names(sink) == ["etc/hosts"]


def test_removing_writes_a_whiteout_and_emptying_an_opaque_one() -> None:
    below, _ = layer()
    below.file("usr/share/man/man1/sh.1", b"")
    below.file("etc/motd", b"")
    writer, sink = layer(below)

    writer.remove("etc/motd")
    writer.empty("usr/share/man")
    writer.close()

    assert names(sink) == ["etc/.wh.motd", "usr/share/man", "usr/share/man/.wh..wh..opq"]
    assert writer.files.get("etc/motd") is None
    assert writer.files.children("usr/share/man") == []
    assert below.files.get("etc/motd") is not None


def test_times_are_clamped_and_bodies_of_configuration_are_kept() -> None:
    writer, sink = layer()
    writer.file("etc/ld.so.conf", b"/opt\n", mtime=EPOCH + 5)
    writer.file("usr/bin/big", b"x", mtime=7)
    writer.close()

    sink.seek(0)
    with tarfile.open(fileobj=sink) as tar:
        assert [tar.getmember(name).mtime for name in ("etc/ld.so.conf", "usr/bin/big")] == [EPOCH, 7]
    assert writer.files.read("etc/ld.so.conf") == b"/opt\n"
    assert writer.files.read("usr/bin/big") == b""


def test_looping_links_end() -> None:
    writer, _ = layer()
    writer.symlink("a", "b")
    writer.symlink("b", "a")

    assert writer.files.get("a/file") is None
    assert writer.files.read("a") == b""

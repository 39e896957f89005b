import pytest

from fleet_audit.audit.apt.archive import contents
from fleet_audit.audit.apt.archive.compressed import Damaged
from fleet_audit.audit.apt.archive.contents import Shipped, known

LINES = b"""\
bin/busybox                                 utils/busybox
lib/x86_64-linux-gnu/libc.so.6              libs/libc6
lib64/ld-linux-x86-64.so.2                  libs/libc6
usr/bin/ffmpeg                              video/ffmpeg
usr/bin/convert-im6.q16                     graphics/imagemagick-6.q16
usr/games/nethack                           games/nethack-console,games/nethack-x11
usr/lib/x86_64-linux-gnu/libGL.so.1         libs/libgl1
usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1  libs/zlib1g-v3
usr/lib/x86_64-linux-gnu/mesa/libEGL.so.1   libs/private
usr/lib/x86_64-linux-gnu/libcairo.a         libdevel/libcairo2-dev
usr/lib/aarch64-linux-gnu/libGL.so.1        libs/foreign
usr/aarch64-linux-gnu/lib/libc.so.6         cross/libc6-arm64-cross
usr/lib/libfoo.so.2                         universe/libs/libfoo2
usr/share/doc/usr/bin/ffmpeg                doc/other
usr/sbin/with space                         admin/spacious
"""


def read(*chunks: bytes) -> Shipped:
    shipped = Shipped("x86_64-linux-gnu")
    shipped.read(chunks)
    return shipped


def test_libraries_of_the_loaders_directories_count_and_no_others() -> None:
    assert dict(read(LINES).sonames) == {
        "libc.so.6": {"libc6"},
        "ld-linux-x86-64.so.2": {"libc6"},
        "libGL.so.1": {"libgl1"},
        "libz.so.1": {"zlib1g-v3"},
        "libfoo.so.2": {"libfoo2"},
    }


def test_programs_of_the_default_path_count() -> None:
    assert dict(read(LINES).programs) == {
        "busybox": {"busybox"},
        "ffmpeg": {"ffmpeg"},
        "convert-im6.q16": {"imagemagick-6.q16"},
        "nethack": {"nethack-console", "nethack-x11"},
    }


def test_the_answer_does_not_depend_on_where_chunks_end() -> None:
    whole = read(LINES)

    for size in (1, 7, 100):
        parts = read(*(LINES[i : i + size] for i in range(0, len(LINES), size)))
        assert (parts.sonames, parts.programs) == (whole.sonames, whole.programs)


def test_a_last_line_without_end_counts() -> None:
    assert read(b"usr/bin/x y/z").programs == {"x": {"z"}}


def test_the_heading_of_an_old_archive_is_passed_over() -> None:
    assert read(b"This file maps each file\n\nFILE      LOCATION\nbin/sh    shells/dash\n").programs == {
        "sh": {"dash"}
    }


def test_endless_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "LINE_LIMIT", 100)

    with pytest.raises(Damaged, match="no Contents file"):
        read(*[b"x" * 60] * 3)


def test_packages_that_are_gone_answer_nothing() -> None:
    assert known({"b": {"y", "gone"}, "a": {"gone"}, "c": {"z", "y"}}, {"y": 1, "z": 1}) == {
        "b": ("y",),
        "c": ("y", "z"),
    }

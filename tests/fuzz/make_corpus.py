"""Writes the corpus of damaged ELF files and caches: ``python -m tests.fuzz.make_corpus`` from a checkout.

Each file is small, and one damage each; fuzzing starts from them and the fast tests read each of them.
"""

import struct
from collections.abc import Mapping
from pathlib import Path

from tests.support.elf import AARCH64, LOADER, Needs, elf

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "elf" / "corpus"

PHOFF, PHENTSIZE, PHNUM = slice(32, 40), slice(54, 56), slice(56, 58)


def main() -> None:
    """Write every file, and remove what is of an older corpus."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.iterdir():
        path.unlink()
    for name, body in corpus().items():
        (FOLDER / name).write_bytes(body)


def corpus() -> Mapping[str, bytes]:
    """Return the files by name."""
    return dict(sorted({**_whole(), **_cut(), **_headers(), **_dynamic(), **_notes(), **_caches()}.items()))


def _sound(*, bits: int = 64, little_endian: bool = True) -> bytes:
    return elf(
        bits=bits,
        little_endian=little_endian,
        needed=["libm.so.6", "libc.so.6"],
        soname="libx.so.1",
        rpath="$ORIGIN/../lib:/opt",
        interpreter=LOADER,
        version_needs=[Needs("libc.so.6", ["GLIBC_2.34"], ["GLIBC_2.38"])],
        version_definitions=["libx.so.1", "X_1"],
        dlopen_note=b'[{"soname": ["liby.so.1"]}]\0',
    )


SOUND = _sound()


def _with(place: slice, value: bytes, body: bytes = SOUND) -> bytes:
    return body[: place.start] + value + body[place.stop :]


def _tag(tag: int, value: int, body: bytes = SOUND) -> bytes:
    """Return the file with the value of one dynamic entry changed."""
    segment = next(s for s in range(64, len(body), 56) if body[s : s + 4] == b"\2\0\0\0")
    (at,) = struct.unpack_from("<Q", body, segment + 8)
    while struct.unpack_from("<Q", body, at)[0] != tag:
        at += 16
    return body[: at + 8] + struct.pack("<Q", value) + body[at + 16 :]


def _whole() -> dict[str, bytes]:
    return {
        "whole-64-little": SOUND,
        "whole-64-big": _sound(little_endian=False),
        "whole-32-little": _sound(bits=32),
        "whole-32-big": _sound(bits=32, little_endian=False),
        "whole-other-machine": elf(machine=AARCH64),
        "whole-static-program": elf(dynamic=False, elf_type=2),
    }


def _cut() -> dict[str, bytes]:
    return {
        "cut-empty": b"",
        "cut-magic": SOUND[:4],
        "cut-ident": SOUND[:16],
        "cut-header": SOUND[:63],
        "cut-program-headers": SOUND[:100],
        "cut-half": SOUND[: len(SOUND) // 2],
        "cut-last-byte": SOUND[:-1],
        "text-linker-script": b"/* GNU ld script */\nGROUP ( /lib/libc.so.6 )\n",
    }


def _headers() -> dict[str, bytes]:
    segment = 64
    return {
        "header-class-0": _with(slice(4, 5), b"\0"),
        "header-class-says-32": _with(slice(4, 5), b"\1"),
        "header-data-9": _with(slice(5, 6), b"\x09"),
        "header-data-says-big": _with(slice(5, 6), b"\2"),
        "header-nonzero-padding": _with(slice(9, 16), b"padding"),
        "header-type-relocatable": _with(slice(16, 18), b"\1\0"),
        "header-type-core": _with(slice(16, 18), b"\4\0"),
        "header-phoff-is-itself": _with(PHOFF, struct.pack("<Q", 0)),
        "header-phoff-far": _with(PHOFF, struct.pack("<Q", 1 << 40)),
        "header-phoff-negative": _with(PHOFF, b"\xff" * 8),
        "header-phentsize-0": _with(PHENTSIZE, b"\0\0"),
        "header-phnum-0": _with(PHNUM, b"\0\0"),
        "header-phnum-huge": _with(PHNUM, b"\xff\xff"),
        "segment-no-load": _with(slice(segment, segment + 4), b"\6\0\0\0"),
        "segment-load-outside": _with(slice(segment + 8, segment + 16), b"\xff" * 7 + b"\0"),
        "segment-load-huge": _with(slice(segment + 32, segment + 40), b"\xff" * 8),
        "segment-load-unaligned": _with(slice(segment + 16, segment + 24), b"\1" + b"\0" * 7),
        "all-ones-behind-header": SOUND[:64] + b"\xff" * (len(SOUND) - 64),
        "all-zeros-behind-header": SOUND[:64] + b"\0" * (len(SOUND) - 64),
    }


def _dynamic() -> dict[str, bytes]:
    endless = elf(needed=["liba.so"])
    at = endless.rindex(struct.pack("<QQ", 0, 0))
    return {
        "dynamic-no-end": endless[:at] + struct.pack("<QQ", 1, 1) + endless[at + 16 :],
        "dynamic-strings-are-the-header": _tag(5, 0),
        "dynamic-strings-nowhere": _tag(5, 1 << 50),
        "dynamic-string-far": _tag(14, 1 << 40),
        "dynamic-string-negative": _tag(14, (1 << 64) - 8),
        "dynamic-needed-count": elf(needed=["a"] * 200)[:4000],
        "versions-needed-are-themselves": _tag(0x6FFFFFFE, 64),
        "versions-needed-huge-count": _tag(0x6FFFFFFF, (1 << 64) - 1),
        "versions-defined-are-the-header": _tag(0x6FFFFFFC, 0),
        "versions-defined-huge-count": _tag(0x6FFFFFFD, 1 << 31),
        "versions-defined-nowhere": _tag(0x6FFFFFFC, 1 << 44),
        "versions-loop": _looping(),
        "needs-itself": elf(soname="libself.so", needed=["libself.so"]),
        "name-with-escapes": elf(needed=["\x1b[31m\n.so", "\u202e"], rpath="$ORIGIN/${LIB}/$PLATFORM/$"),
        "name-no-utf8": SOUND.replace(b"libm", b"li\xffm"),
    }


def _looping() -> bytes:
    """Return a file whose need leads back to the one before: the offset wraps around."""
    body = elf(version_needs=[Needs("liba.so", ["A"]), Needs("libb.so", ["B"])])
    first = body.index(struct.pack("<HHIII", 1, 1, 0, 0, 0)[:4])
    return body[: first + 12] + b"\xff\xff\xff\xff" + body[first + 16 :]


def _notes() -> dict[str, bytes]:
    deep = elf(dlopen_note=b"[" * 900 + b"\0")
    huge = elf(dlopen_note=b"[]")
    at = huge.index(b"FDO\0")
    return {
        "note-deep-json": deep,
        "note-huge-sizes": huge[: at - 12] + b"\xff" * 8 + huge[at - 4 :],
        "interpreter-without-end": SOUND.replace(LOADER.encode() + b"\0", LOADER.encode() + b"x"),
    }


def _caches() -> dict[str, bytes]:
    strings = b"liba.so\0/opt/liba.so\0"
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 1) + struct.pack("<iII", 3, 0, 8) + strings
    start = 48 + 24
    entry = struct.pack("<iIIIQ", 0x303, start, start + 8, 0, 0)
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIB3xI", 1, len(strings), 2, 0) + b"\0" * 12
    new = head + entry + strings
    far = struct.pack("<iIIIQ", 0x303, 0xFFFFFFFF, 0, 0, (1 << 62) | 9)
    extension = struct.pack("<IIIIII", 0xEAA42174, 0xFFFFFFFF, 1, 0, 0, 0xFFFFFFFF)
    at = len(new) + -len(new) % 4
    extended = (new[:32] + struct.pack("<I", at) + new[36:]).ljust(at, b"\0") + extension
    return {
        "cache-old": old,
        "cache-new": new,
        "cache-both": (old + b"\0" * (-len(old) % 8)) + new,
        "cache-huge-count": new[:20] + b"\xff" * 4 + new[24:],
        "cache-old-huge-count": old[:12] + b"\xff" * 4 + old[16:],
        "cache-entry-far": head + far + strings,
        "cache-cut-header": new[:30],
        "cache-cut-strings": new[:-4],
        "cache-extension-huge": extended,
        "cache-text": b"ld.so-1.7\n",
    }


if __name__ == "__main__":
    main()

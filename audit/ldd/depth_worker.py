"""Reads ELF files with lief in a process of its own, where a crash takes nothing else down.

Run as ``python -I -W ignore -m fleet_audit.audit.ldd.depth_worker`` with ``depth`` or ``hardening``.
Standard input holds the files, each behind its length in eight bytes (big-endian); standard output gets one
line of JSON for each.
"""

import resource
import sys
from typing import BinaryIO

import msgspec

from fleet_audit.audit.model.one_file import Depth, Hardening

MEMORY_LIMIT = 2 << 30
LENGTH_BYTES = 8
MAX_WHY = 300


class Reading(msgspec.Struct, frozen=True):
    """What became of one file; `why` is empty where it was read."""

    depth: Depth | None = None
    hardening: Hardening | None = None
    why: str = ""


def main() -> int:
    """Read every file of the input in its order."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    is_deep = sys.argv[1:] == ["depth"]
    while (body := _next(sys.stdin.buffer)) is not None:
        sys.stdout.buffer.write(msgspec.json.encode(_read(body, is_deep=is_deep)) + b"\n")
    return 0


def _next(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH_BYTES)
    return stream.read(int.from_bytes(length, "big")) if len(length) == LENGTH_BYTES else None


def _read(body: bytes, *, is_deep: bool) -> Reading:
    from fleet_audit.audit.ldd.lief_reading import (  # noqa: PLC0415  (never in the process of an audit)
        NotRead,
        read_depth,
        read_hardening,
    )

    try:
        if is_deep:
            return Reading(depth=read_depth(body))
        return Reading(hardening=read_hardening(body))
    except NotRead as error:
        return Reading(why=str(error))
    except MemoryError:
        return Reading(why=f"lief needs more than {MEMORY_LIMIT >> 20} MB to read it")
    except Exception as error:  # noqa: BLE001  (this is a main, and lief raises what its parts raise)
        return Reading(why=f"lief fails over it: {type(error).__name__}: {error}"[:MAX_WHY])


if __name__ == "__main__":
    sys.exit(main())

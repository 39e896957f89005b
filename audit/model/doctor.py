"""What an installation of fleet-audit finds around it."""

import msgspec


class Part(msgspec.Struct, frozen=True):
    """Something that fleet-audit uses: whether it is there, which one, and what to do where it is not."""

    name: str
    is_present: bool
    detail: str
    advice: str = ""


class CacheState(msgspec.Struct, frozen=True):
    """One cache: where it is, how many files it holds, and their bytes."""

    name: str
    path: str
    files: int
    bytes: int


class DoctorReport(msgspec.Struct, frozen=True):
    """Tools, versions and caches, in the order in which they are shown."""

    version: str
    python: str
    libraries: tuple[Part, ...]
    engines: tuple[Part, ...]
    archives: tuple[Part, ...]
    caches: tuple[CacheState, ...]
    scanners: tuple[Part, ...] = ()

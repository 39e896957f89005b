"""Libraries that wheels carry along in files of their own: which those are, and what they are called."""

import re

import msgspec

from fleet_audit.audit.images.tree import basename
from fleet_audit.audit.model.identity import ImagePath

_GRAFTED = re.compile(r"/[^/]+\.libs/|/\.dylibs/|/_[^/]+_data/lib[^/]+$")
"""Where auditwheel and delocate put libraries of the system that built the wheel.

Wheels that open a library through cffi carry it in a package of data (``_soundfile_data/libsndfile.so``).
"""

_MACHINE = re.compile(r"_(?:x86_64|i686|aarch64|arm64|armv7l|ppc64le|s390x)$")

_TAGGED = re.compile(r"(?P<stem>[A-Za-z0-9_+.-]{1,200}?)-[0-9a-f]{8}(?P<rest>\.[A-Za-z0-9_.-]{1,100})")
"""auditwheel (repair.py, ``copylib``) puts the first eight digits of a file's sha256 before its first dot."""

_LIBRARY = re.compile(r"(?P<name>[A-Za-z0-9_+.-]{1,200}?)\.so(?:\.(?P<version>[0-9][0-9A-Za-z.]{0,60}))?")
_DASHED = re.compile(r"(?P<name>.{1,200}?)-r?(?P<version>[0-9]{1,9}(?:\.[0-9A-Za-z]{1,20}){1,6})")
"""How a library that is named by its release is called: ``libopenblasp-r0.3.23.dev.so``."""


class BundledName(msgspec.Struct, frozen=True):
    """What a file name tells of a library.

    `soname` is the file's name before it was tagged. `version` is the library's release where the name has
    it, else empty; `abi` the digits behind ``.so``, which number its interface and seldom its release.
    """

    name: str
    soname: str
    version: str = ""
    abi: str = ""


def is_bundled(path: ImagePath) -> bool:
    """Say whether the library at `path`, in a wheel, was put there from outside the wheel's own code."""
    return _GRAFTED.search(path) is not None or _TAGGED.fullmatch(basename(path)) is not None


def bundled_name(file_name: str) -> BundledName:
    """Return what the name of a bundled library's file tells."""
    soname = file_name
    # A library that was bundled before it is bundled again has two tags.
    while tagged := _TAGGED.fullmatch(soname):
        soname = f"{tagged['stem']}{tagged['rest']}"
    library = _LIBRARY.fullmatch(soname)
    if library is None:
        return BundledName(soname, soname)
    dashed = _DASHED.fullmatch(library["name"])
    name = dashed["name"] if dashed else library["name"]
    return BundledName(
        name=_MACHINE.sub("", name),
        soname=soname,
        version=dashed["version"] if dashed else "",
        abi=library["version"] or "",
    )

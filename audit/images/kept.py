"""Which small files are worth keeping while a layer streams by, so that reading them later is cheap."""

import re

from fleet_audit.audit.images.collector import Member, MemberBody
from fleet_audit.audit.images.scanned import MAX_SCANNED, holds_build_record, is_scanned
from fleet_audit.audit.model.identity import ImagePath

KEEP_VERSION = 3
"""Raise whenever a function here answers otherwise for the same file: cached layers depend on it."""

MAX_KEPT = 16 << 20
_MAX_SCRIPT = 64 << 10

_EXACT = frozenset(
    {
        "/etc/os-release",
        "/usr/lib/os-release",
        "/etc/debian_version",
        "/etc/passwd",
        "/etc/group",
        "/var/lib/apt/extended_states",
    }
)
_FOLDERS = ("/var/lib/dpkg/", "/etc/apt/", "/etc/ld.so.", "/etc/ld-musl", "/usr/share/keyrings/")
_SUFFIXES = (".py", ".pyi", ".pth", "/pyvenv.cfg", ".egg-info", ".egg-link", "/PKG-INFO")
_METADATA = (".dist-info/", ".egg-info/")
_PROGRAMS = re.compile(r"/s?bin/[^/]+$")
_LOADER = re.compile(r"/ld-(linux|musl|[0-9])[^/]*$|/ld64?\.so\.[12]$")


def keep_facts(path: ImagePath, size: int) -> bool:
    """Say whether something stands here that a stage reads, or a scanner."""
    return keep_package_facts(path, size) or (size <= MAX_SCANNED and is_scanned(path))


def keep_build_records(member: Member, body: MemberBody) -> bool:
    """Say whether a file whose name tells nothing is one that scanners look into."""
    return holds_build_record(member, body)


def is_kept_for_content(path: ImagePath, size: int) -> bool:
    """Say of a file that was kept whether it was for what it contains: its name alone is no reason."""
    return not keep_facts(path, size)


def keep_package_facts(path: ImagePath, size: int) -> bool:
    """Say whether package metadata, loader configuration, Python source or a small script stands here."""
    if size > MAX_KEPT:
        return False
    if path.endswith(_SUFFIXES) or path in _EXACT or path.startswith(_FOLDERS):
        return True
    if any(part in path for part in _METADATA):
        return True
    if size <= _MAX_SCRIPT and (path.endswith(".sh") or ("bin/" in path and _PROGRAMS.search(path))):
        return True
    return "/ld" in path and _LOADER.search(path) is not None

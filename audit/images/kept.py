"""Which small files are worth keeping while a layer streams by, so that reading them later is cheap."""

import re

from fleet_audit.audit.model.identity import ImagePath

KEEP_VERSION = 2
"""Raise whenever `keep_package_facts` answers otherwise for the same file: cached layers depend on it."""

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

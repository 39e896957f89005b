"""What a package brings that may be used without a trace of it in code: data, plugins, daemons, programs."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from fleet_audit.audit.apt.surplus.doubt import Doubt
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import ImagePath, PackageName

_LIBRARIES = r"/(?:usr/)?lib(?:32|64)?(?:/[a-z0-9_]+-linux-gnu[a-z0-9]*)?"
_PLUGIN = re.compile(
    rf"{_LIBRARIES}/(?!debug/|python[0-9.]+/|systemd/|[a-z0-9_]+-linux-gnu[a-z0-9]*/[^/]+$).+/[^/]+\.so(?:\.[0-9.]+)?"
)
"""A library below a folder that loaders search: something else has to look for it there."""
_OF_THE_SYSTEM = re.compile(rf"{_LIBRARIES}/(?:libnss_[^/]+\.so\.2|security/pam_[^/]+\.so)")
"""What the C library and PAM load by their configuration (nsswitch.conf(5), pam.conf(5))."""
_DAEMON = re.compile(r"/etc/init\.d/[^/]+|/(?:usr/)?lib/systemd/system/[^/]+\.(?:service|socket|timer)")
_PROGRAM = re.compile(r"/(?:usr/)?(?:local/)?s?bin/([^/]+)|/usr/games/([^/]+)")
_LIBRARY = re.compile(rf"{_LIBRARIES}/[^/]+\.so(?:\.[^/]*)?")
_MANUALS = ("/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/lintian", "/usr/share/bug")
_DATA = ("/usr/share/", "/usr/lib/", "/etc/", "/var/lib/")
_LONGEST = 4096
"""PATH_MAX (include/uapi/linux/limits.h): what is longer is the path of no file."""


def files_of(
    owners: Mapping[ImagePath, PackageName], packages: Collection[PackageName]
) -> dict[PackageName, tuple[ImagePath, ...]]:
    """Return the files and folders that packages brought, sorted."""
    found: defaultdict[PackageName, list[ImagePath]] = defaultdict(list)
    for path, name in owners.items():
        if name in packages and len(path) < _LONGEST:
            found[name].append(path)
    return {name: tuple(sorted(found.get(name, ()))) for name in sorted(packages)}


def plugin_of(files: Iterable[ImagePath]) -> str:
    """Return a file that is loaded without being named by what loads it; empty where there is none."""
    return next((path for path in files if _PLUGIN.fullmatch(path) is not None), "")


def system_plugin_of(files: Iterable[ImagePath]) -> str:
    """Return a file that the C library or PAM may load; empty where there is none."""
    return next((path for path in files if _OF_THE_SYSTEM.fullmatch(path) is not None), "")


def use_doubts(files: Iterable[ImagePath]) -> Iterator[Doubt]:
    """Yield how a package that was asked for by name may be used although no code says so."""
    paths = tuple(files)
    if (daemon := _first(_DAEMON, paths)) is not None:
        yield Doubt(Confidence.POSSIBLE, f"it brings a daemon ({daemon[0]})")
    if (program := _first(_PROGRAM, paths)) is not None:
        name = program[1] or program[2]
        yield Doubt(Confidence.LIKELY, f"a person, or a program that is named at run time, may run {name}")
    elif _first(_LIBRARY, paths) is None and (data := _data(paths)):
        yield Doubt(Confidence.POSSIBLE, f"it brings data that may be read by its path ({data})")


def is_without_files(files: Iterable[ImagePath]) -> bool:
    """Say whether a package brings nothing but folders and manuals: it stands for what it depends on."""
    return not any(True for path in _own_files(tuple(files)) if not path.startswith(_MANUALS))


def _first(pattern: re.Pattern[str], paths: Iterable[ImagePath]) -> re.Match[str] | None:
    return next((match for path in paths if (match := pattern.fullmatch(path)) is not None), None)


def _data(paths: tuple[ImagePath, ...]) -> str:
    files = (path for path in _own_files(paths) if path.startswith(_DATA) and ".so" not in path)
    return next((path for path in files if not path.startswith(_MANUALS)), "")


def _own_files(paths: tuple[ImagePath, ...]) -> Iterator[ImagePath]:
    # A folder is listed beside what lies in it; one that several packages share is nobody's.
    folders = {path.rpartition("/")[0] for path in paths}
    return (path for path in paths if path not in folders and path.rpartition("/")[2])

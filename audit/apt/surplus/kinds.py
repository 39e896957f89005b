"""What a package is for, as far as its section and name say."""

from fleet_audit.audit.apt.installed.state import InstalledRecord

BUILD_TOOL = "build-tool"
DEVELOPMENT = "development"
DOCUMENTATION = "documentation"
UNNEEDED = "unneeded"

FOR_BUILDING = frozenset({BUILD_TOOL, DEVELOPMENT})
"""Kinds that serve where something is compiled."""

_SECTIONS = {
    "debug": DEVELOPMENT,
    "devel": BUILD_TOOL,
    "doc": DOCUMENTATION,
    "golang": BUILD_TOOL,
    "libdevel": DEVELOPMENT,
    "rust": BUILD_TOOL,
}
"""Sections of the archive (Debian policy 2.4) whose packages no running program needs."""

_ENDS = (("-dev", DEVELOPMENT), ("-dbgsym", DEVELOPMENT), ("-doc", DOCUMENTATION))
_TOOLS = frozenset({"build-essential", "dpkg-dev"})
"""Tools for building that the archive keeps among others."""


def kind_of(record: InstalledRecord) -> str:
    """Return one of the words of `Surplus.kind`; ``unneeded`` for what may serve a running program."""
    name, section = record.name, record.section.rpartition("/")[2]
    ended = next((kind for end, kind in _ENDS if name.endswith(end)), "")
    return ended or (BUILD_TOOL if name in _TOOLS else _SECTIONS.get(section, UNNEEDED))

"""What an installed distribution offers by name: its commands, and its plugins for others."""

import re
from collections.abc import Iterator

import msgspec

MAX_ENTRY_POINTS = 10_000

_SCRIPTS = frozenset({"console_scripts", "gui_scripts"})
_SECTION = re.compile(r"\[([^\]]+)\]")


class NamedEntry(msgspec.Struct, frozen=True):
    """One line of entry_points.txt: a name in a group, and the module (and object) behind it."""

    group: str
    name: str
    module: str
    attribute: str = ""

    @property
    def is_command(self) -> bool:
        """Say whether an installer makes a command of it."""
        return self.group in _SCRIPTS


def parse_entry_points(text: str) -> tuple[NamedEntry, ...]:
    """Return what an entry_points.txt lists (PyPA, entry points specification), in its order."""
    return tuple(entry for entry, _ in zip(_entries(text), range(MAX_ENTRY_POINTS), strict=False))


def _entries(text: str) -> Iterator[NamedEntry]:
    group = ""
    for line in text.splitlines():
        bare = line.strip()
        if found := _SECTION.fullmatch(bare):
            group = found[1].strip()
            continue
        name, separator, reference = bare.partition("=")
        if not group or not separator or bare.startswith(("#", ";")):
            continue
        module, _, attribute = reference.partition("[")[0].strip().partition(":")
        if name.strip() and module.strip():
            yield NamedEntry(group, name.strip(), module.strip(), attribute.strip())

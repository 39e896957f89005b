"""Which numbers the users and groups of images have, as their Dockerfiles give them.

Rules: man 8 useradd and groupadd, Debian's adduser, BusyBox's adduser.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from fleet_audit.audit.dockerfiles.running.bases import Bases, Making
from fleet_audit.audit.dockerfiles.running.configuration import Use
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.script import Lookup

UNKNOWN: Final = -1
Names = Mapping[str, int]
"""Users or groups, and their numbers."""

_ADDERS = frozenset({"useradd", "adduser", "groupadd", "addgroup"})
_GROUP_ADDERS = frozenset({"groupadd", "addgroup"})
_WITH_VALUE = frozenset(
    {
        *("-b", "-c", "-d", "-e", "-f", "-g", "-G", "-h", "-k", "-K", "-p", "-s", "-u", "-Z"),
        *("--base-dir", "--comment", "--expiredate", "--firstuid", "--gecos", "--gid", "--groups", "--home"),
        *("--home-dir", "--inactive", "--ingroup", "--key", "--lastuid", "--password", "--prefix", "--root"),
        *("--shell", "--skel", "--uid"),
    }
)
"""Options of these programs that take the next word as value."""


def numbers(user: str, users: Names, groups: Names) -> tuple[int, int]:
    """Return the numbers of a user and group as USER writes them; UNKNOWN for what is not known."""
    name, _, group = user.partition(":")
    return _number(name, users), _number(group, groups)


def _number(name: str, known: Names) -> int:
    if name.isascii() and name.isdecimal() and len(name) <= 10:
        return int(name)
    return 0 if name == "root" else known.get(name, UNKNOWN)


class DeclaredNames:
    """The users and groups that RUNs add by number; each Dockerfile is read once."""

    def __init__(self, bases: Bases) -> None:
        """Take what the images below would run."""
        self.bases = bases
        self._found: dict[Making, tuple[dict[str, int], dict[str, int]]] = {}

    def of(self, making: Making) -> tuple[Names, Names]:
        """Return the users and the groups of an image, those of images below it here included."""
        pending: list[tuple[Making, Use]] = []
        users: dict[str, int] = {}
        groups: dict[str, int] = {}
        for each, use in self.bases.chain(making):
            if each in self._found:
                users, groups = self._found[each]
                break
            pending.append((each, use))
        for each, use in reversed(pending):
            users, groups = dict(users), dict(groups)
            self._add(use, users, groups)
            self._found[each] = users, groups
        return users, groups

    def _add(self, use: Use, users: dict[str, int], groups: dict[str, int]) -> None:
        values = use.values
        for stage in reversed(use.lineage):
            for instruction, script in self.bases.runs(use, stage):
                lookup = partial(values.value, at=instruction)
                for call in (called(command) for command in script.commands):
                    if call is not None and call.program in _ADDERS:
                        name, number = _added(call, lookup)
                        (groups if call.program in _GROUP_ADDERS else users)[name] = number


def _added(call: Call, lookup: Lookup) -> tuple[str, int]:
    """Return the user or group that a call adds, and its number."""
    option = {"-g", "--gid"} if call.program in _GROUP_ADDERS else {"-u", "--uid"}
    number = UNKNOWN
    operands: list[str] = []
    words = iter([word.expanded(lookup) or "" for word in call.arguments])
    for word in words:
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE:
            value = value if equals else next(words, "")
            number = _number(value, {}) if name in option else number
        elif not word.startswith("-"):
            operands.append(word)
    return (operands[-1] if operands else ""), number

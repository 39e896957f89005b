"""Where the programs of an image may be run: an enclosure from which nothing of this machine is seen.

The only place where anything from an image is executed. What runs there has no network, sees no process and
no file but those of its root, and is nobody on this machine where the system grants a namespace of users.
"""

import json
import os
import pwd
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.tools import enclosed
from fleet_audit.audit.tools.process import ToolError, ToolFailed, ToolTalkedTooMuch, ToolTimedOut, run

ADVICE = (
    "run it as root, or install newuidmap (apt-get install uidmap) and grant this user subordinate users and "
    "groups (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER)"
)

ADVICE_FOR_ROOT = (
    "run it where root may make namespaces of mounts and processes: on the machine itself, or in a container "
    "that is started with --privileged"
)

_SHIFT = 1_700_000_000
"""The user of this machine who is root in the copy: nobody has files or processes there."""

_USERS = 65_536
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
_SECONDS = 60.0
_REMOVAL_SECONDS = 600.0
_OUTPUT_LIMIT = 16 << 20
_MAPPERS = ("newuidmap", "newgidmap")
_BINARY_FORMATS = Path("/proc/sys/fs/binfmt_misc")

_MACHINES = {
    3: ("i386", "i586", "i686", "x86_64"),
    21: ("ppc64le", "ppc64"),
    22: ("s390x",),
    40: ("arm", "armv6l", "armv7l", "armv8l"),
    62: ("x86_64",),
    183: ("aarch64",),
    243: ("riscv64",),
    258: ("loongarch64",),
}
"""By e_machine (elf.h), what qemu-user calls it first, and the machines (uname(2)) that run its programs."""


class Way(StrEnum):
    """How a copy is enclosed; see `enclosed.Order`."""

    SHIFTED = "shifted"
    MAPPED = "mapped"
    PLAIN = "plain"


class NotEnclosed(FleetAuditError):
    """No program of an image can be run safely here; `why` says what is missing, and what to do."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return the sentence."""
        return self.why


class Enclosure(msgspec.Struct, frozen=True):
    """A way that this machine grants. `users` and `groups` are lines of a uid_map (user_namespaces(7))."""

    way: Way
    users: tuple[tuple[int, int, int], ...] = ()
    groups: tuple[tuple[int, int, int], ...] = ()
    mappers: tuple[str, ...] = ()

    @property
    def how(self) -> str:
        """Return the way in words."""
        return "chroot" if self.way is Way.PLAIN else "user namespace"

    def run(self, root: Path, argv: Sequence[str], *, env: Mapping[str, str], timeout: float) -> "Outcome":
        """Run a program of `root`, an absolute path in there, and return how it ended.

        Raises NotEnclosed where the enclosure cannot be made any more, and ToolError where the program does
        not end in time or says too much; all that it started has ended then, too.
        """
        order = self._order("run", root, argv=list(argv), env=dict(env))
        try:
            said = _carried_out(order, timeout=timeout)
        except ToolFailed as e:
            if e.status == enclosed.NOT_ENCLOSED:
                raise NotEnclosed(_last_line(e.stderr)) from e
            return Outcome(e.status, e.stdout.decode(errors="replace"), e.stderr)
        except ToolTimedOut as e:
            raise ToolTimedOut(argv, timeout) from e
        except ToolTalkedTooMuch as e:
            raise ToolTalkedTooMuch(argv, e.limit) from e
        return Outcome(0, said.decode(errors="replace"), "")

    def give_owners(self, root: Path, owners: Iterable[tuple[str, int, int]]) -> None:
        """Give files below `root` (path, user and group in the copy) to their owners.

        Every file has to be named, as what belongs to nobody of the copy cannot be changed there. Users that
        the copy does not have are its root. Raises ToolError or OSError where the system does not grant it.
        """
        if self.way is Way.MAPPED:
            lines = (f"{uid} {gid} {path}\0" for path, uid, gid in owners if uid or gid)
            order = self._order("chown", root)
            _carried_out(order, timeout=_REMOVAL_SECONDS, stdin="".join(lines).encode())
            return
        shift = _SHIFT if self.way is Way.SHIFTED else 0
        for path, uid, gid in owners:
            os.lchown(f"{root}{path}".encode(), shift + uid % _USERS, shift + gid % _USERS)

    def remove(self, folder: Path) -> None:
        """Delete a copy, whoever owns its files by now."""
        if folder.exists():
            _carried_out(self._order("remove", folder), timeout=_REMOVAL_SECONDS)

    def attempt(self, root: Path) -> None:
        """Make the enclosure and run nothing in it; raises ToolError where that fails."""
        _carried_out(self._order("try", root), timeout=_SECONDS)

    def _order(
        self, task: str, root: Path, *, argv: list[str] | None = None, env: dict[str, str] | None = None
    ) -> enclosed.Order:
        return enclosed.Order(
            task=task,
            way=self.way.value,
            root=str(root),
            argv=argv or [],
            env=env or {},
            users=list(self.users),
            groups=list(self.groups),
            mappers=list(self.mappers),
        )


class Outcome(msgspec.Struct, frozen=True):
    """How a program in an enclosure ended: its status as a shell tells it, and what it said."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Return the end of what it said, in one line."""
        return " ".join((self.stderr or self.stdout).split())[-500:]


def find_enclosure(folder: Path, environment: Mapping[str, str]) -> Enclosure:
    """Return the safest enclosure that this machine grants, by trying with an empty root below `folder`.

    Raises NotEnclosed with all reasons where it grants none.
    """
    reasons: list[str] = []
    for enclosure in _offered(environment, reasons):
        try:
            _try(enclosure, folder)
        except ToolError as e:
            said = _last_line(e.stderr) if isinstance(e, ToolFailed) else e.why
            reasons.append(f"{enclosure.how}: {said}")
        except OSError as e:
            raise NotEnclosed(f"{folder} cannot be written: {e.strerror}") from e
        else:
            return enclosure
    advice = ADVICE_FOR_ROOT if os.geteuid() == 0 else ADVICE
    raise NotEnclosed(f"no program of an image can be run here safely ({'; '.join(reasons)}); {advice}")


def why_foreign(wanted: int, machine: str, formats: Path = _BINARY_FORMATS) -> str:
    """Return why a machine (uname(2)) cannot run programs for another (e_machine); empty where it can.

    Others run where the kernel knows an interpreter for them that is found from within any root, which its
    flag F says (Documentation/admin-guide/binfmt-misc.rst of Linux).
    """
    machines = _MACHINES.get(wanted, (f"machine {wanted}",))
    if machine in machines:
        return ""
    emulator = f"qemu-{machines[0]}"
    try:
        lines = (formats / emulator).read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    if lines[:1] == ["enabled"] and any(line.startswith("flags:") and "F" in line[6:] for line in lines):
        return ""
    return (
        f"its programs are for {machines[0]} and this machine is {machine}; run it on such a machine, "
        f"or have {emulator} run them (apt-get install qemu-user-static binfmt-support)"
    )


def _offered(environment: Mapping[str, str], reasons: list[str]) -> Iterable[Enclosure]:
    if os.geteuid() == 0:
        lines = ((0, _SHIFT, _USERS),)
        yield Enclosure(Way.SHIFTED, lines, lines)
        yield Enclosure(Way.PLAIN)
        return
    mapped = _granted(environment)
    if isinstance(mapped, str):
        reasons.append(mapped)
    else:
        yield mapped


def _granted(environment: Mapping[str, str]) -> Enclosure | str:
    """Return the enclosure with the users that newuidmap(1) grants; why there is none, in words."""
    paths = [shutil.which(name, path=environment.get("PATH", "")) for name in _MAPPERS]
    mappers = [path for path in paths if path is not None]
    if len(mappers) < len(_MAPPERS):
        return "newuidmap and newgidmap are not installed"
    uid, gid = os.geteuid(), os.getegid()
    names = {str(uid), *_login(uid)}
    users, groups = (subordinate(_text(f"/etc/{name}"), names) for name in ("subuid", "subgid"))
    if users is None or groups is None:
        return "this user is granted no users or groups in /etc/subuid and /etc/subgid"
    return Enclosure(
        Way.MAPPED, ((0, uid, 1), (1, *users)), ((0, gid, 1), (1, *groups)), mappers=tuple(mappers)
    )


def subordinate(table: str, names: Iterable[str]) -> tuple[int, int] | None:
    """Return the largest range (first, count) that a table as in subuid(5) grants to one of `names`."""
    wanted = set(names)
    ranges: list[tuple[int, int]] = []
    for line in table.splitlines():
        name, *numbers = line.strip().split(":")
        if name in wanted and len(numbers) == 2 and all(n.isascii() and n.isdigit() for n in numbers):
            ranges.append((int(numbers[0]), min(int(numbers[1]), _USERS - 1)))
    return max(ranges, key=lambda found: (found[1], -found[0]), default=None)


def _login(uid: int) -> tuple[str, ...]:
    try:
        return (pwd.getpwuid(uid).pw_name,)
    except KeyError:
        return ()


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _try(enclosure: Enclosure, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(mkdtemp(dir=folder, prefix="try-"))
    try:
        for name in ("dev", "proc"):
            (root / name).mkdir()
        enclosure.attempt(root)
    finally:
        shutil.rmtree(root)


def _carried_out(order: enclosed.Order, *, timeout: float, stdin: bytes | None = None) -> bytes:
    # The interpreter that runs this reads no environment and no folder of the user, and imports no package.
    argv = [sys.executable, "-I", "-S", "-B", str(Path(enclosed.__file__)), json.dumps(order)]
    return run(argv, timeout=timeout, env=_ENVIRONMENT, stdin=stdin, output_limit=_OUTPUT_LIMIT)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:500] if lines else "it could not be made"

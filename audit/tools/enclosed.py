"""Runs one program in a root file system that nothing leads out of: what `enclosure` starts as a process.

It uses the standard library alone and stands alone, because it is run as a script by an interpreter that is
told to look nowhere else. Its one argument is an `Order` in JSON. The program finds the files of its root,
a ``/proc`` of its own that is read-only, and five devices; no network, no process and no file of the machine.

Rules: namespaces(7), user_namespaces(7), pid_namespaces(7), pivot_root(2), capabilities(7).
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn, TypedDict

NOT_ENCLOSED = 125
"""The exit status where the enclosure could not be made; standard error then says why."""

_CANNOT_RUN = 126
_NOT_FOUND = 127

# linux/sched.h, sys/mount.h, linux/prctl.h
_NEW_MOUNTS, _NEW_UTS, _NEW_IPC, _NEW_USERS, _NEW_PIDS, _NEW_NETWORK = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_EXEC, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = (
    0x1,
    0x2,
    0x4,
    0x8,
    0x20,
    0x1000,
    0x4000,
    0x40000,
)
_RELATIVE_TIMES = 1 << 21
_DETACH = 2
_DIE_WITH_PARENT, _DROP_CAPABILITY, _NO_NEW_PRIVILEGES = 1, 24, 38

_DEVICES = ("null", "zero", "full", "random", "urandom")
_STANDARD_STREAMS = {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}
_KEPT_CAPABILITIES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 18, 31})
"""What a package manager needs: of owners, permissions, signals, users, chroot and file capabilities."""

_CAPABILITIES = 64
_MAX_FILE = 16 << 30
_MAX_PROCESSES = 4096


class Order(TypedDict):
    """What is to be done: ``run``, ``try`` (make the enclosure, run nothing), ``chown`` or ``remove``.

    `way` is ``shifted`` (root, with the users of a namespace), ``mapped`` (anyone, with the users that
    newuidmap(1) grants) or ``plain`` (root, without a namespace of users). `users` and `groups` are lines of
    a uid_map: (first inside, first outside, count). `mappers` are the paths of newuidmap and newgidmap.
    """

    task: str
    way: str
    root: str
    argv: list[str]
    env: dict[str, str]
    users: list[tuple[int, int, int]]
    groups: list[tuple[int, int, int]]
    mappers: list[str]


class _Refused(Exception):
    """A step that the system does not grant."""


_libc = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    """Do what the first argument orders, and end with the program's status."""
    _die_with_parent()
    order: Order = json.loads(sys.argv[1])
    try:
        status = _in_users(order) if order["way"] == "mapped" else _as_root(order)
    except (_Refused, OSError) as e:
        _say(e)
        status = NOT_ENCLOSED
    os._exit(status)


def _say(error: Exception) -> None:
    with contextlib.suppress(OSError):
        os.write(2, f"{error}\n".encode(errors="replace"))


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise _Refused(f"{what}: {os.strerror(number)}")


def _leave(namespaces: int, what: str) -> None:
    _check(_libc.unshare(namespaces), f"the system grants no {what}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = (word.encode() if word else None for word in (source, target, kind))
    _check(
        _libc.mount(*words, ctypes.c_ulong(flags), data.encode() if data else None),
        f"{kind or source or 'a mount'} cannot be mounted",
    )


def _as_root(order: Order) -> int:
    if order["task"] == "remove":
        return _removed(order)
    return _in_own_processes(order, shifted=order["way"] == "shifted")


def _in_users(order: Order) -> int:
    """Fork a process into a namespace of users, have its users mapped, and let it go on."""

    def work() -> int:
        if order["task"] == "remove":
            return _removed(order)
        if order["task"] == "chown":
            return _chowned(order)
        return _in_own_processes(order, shifted=False)

    def grant(child: int) -> None:
        for program, lines in zip(order["mappers"], (order["users"], order["groups"]), strict=True):
            words = [program, str(child), *(str(number) for line in lines for number in line)]
            child_of_ours = os.posix_spawn(program, words, {"PATH": os.defpath})
            if os.waitstatus_to_exitcode(os.waitpid(child_of_ours, 0)[1]) != 0:
                raise _Refused(f"{program} refused to map users and groups")

    return _forked_into_users(work, grant)


def _forked_into_users(work: Callable[[], int], grant: Callable[[int], None]) -> int:
    """Run `work` as the root of a new namespace of users, once `grant` has mapped those of its process."""
    ready_read, ready_write = os.pipe()
    granted_read, granted_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(granted_write)
        _ended(lambda: _as_users_root(work, ready_write, granted_read))
    os.close(ready_write)
    os.close(granted_read)
    try:
        if os.read(ready_read, 1):
            grant(child)
            os.write(granted_write, b"1")
    finally:
        # Without the word that its users are mapped, the process ends.
        os.close(granted_write)
    return _status(child)


def _as_users_root(work: Callable[[], int], ready: int, granted: int) -> int:
    _leave(_NEW_USERS, "namespace of users")
    os.write(ready, b"1")
    if not os.read(granted, 1):
        return NOT_ENCLOSED
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # A change of the user clears it, so that it is said only now.
    _die_with_parent()
    return work()


def _enter(root: str) -> None:
    """Make `root` the root of everything: nothing else of the machine is seen from then on."""
    _libc.sethostname(b"copy", 4)
    _mount("", "/", "", _RECURSIVE | _PRIVATE)
    _mount(root, root, "", _BIND)
    # What a mount forbids already stays forbidden: to leave it out would be to ask for it.
    _mount("", root, "", _BIND | _REMOUNT | _NO_SETUID | _NO_DEVICES | _held_flags(root))
    os.chdir(root)
    for name in ("dev", "proc"):
        # Nothing runs in there by now, so that what is looked at stays as it is.
        if not stat.S_ISDIR(os.lstat(name).st_mode):
            raise _Refused(f"/{name} of the copy is no folder any more")
    os.umask(0)
    _mount("tmpfs", "dev", "tmpfs", _NO_SETUID | _NO_EXEC, "mode=755,size=16m")
    for name in _DEVICES:
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        _mount(f"/dev/{name}", f"dev/{name}", "", _BIND)
    os.mkdir("dev/shm", 0o1777)
    for name, below in _STANDARD_STREAMS.items():
        os.symlink(f"/proc/self/fd{below}", f"dev/{name}")
    # While the machine's own is seen: else the system would not show this one either.
    _mount("proc", "proc", "proc", _NO_SETUID | _NO_DEVICES | _NO_EXEC)
    _check(_libc.pivot_root(b".", b"."), "the copy cannot be made the root")
    _check(_libc.umount2(b".", _DETACH), "the machine's files cannot be left")
    os.chdir("/")


def _held_flags(root: str) -> int:
    found = os.statvfs(root).f_flag
    is_relative = _RELATIVE_TIMES if found & os.ST_RELATIME else 0
    return found & (os.ST_RDONLY | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME) | is_relative


def _in_own_processes(order: Order, *, shifted: bool) -> int:
    """Be the parent of the first process of the namespace; when that ends, all in there end."""
    _leave(_NEW_MOUNTS | _NEW_PIDS | _NEW_NETWORK | _NEW_IPC | _NEW_UTS, "namespaces of mounts and processes")

    def work() -> int:
        _die_with_parent()
        _enter(order["root"])
        if shifted:
            return _forked_into_users(lambda: _program(order), lambda child: _grant(child, order))
        _make_proc_read_only()
        child = os.fork()
        if child == 0:
            _ended(lambda: _program(order))
        return _status(child)

    first = os.fork()
    if first == 0:
        _ended(work)
    return _status(first)


def _grant(child: int, order: Order) -> None:
    """Map the users of a process, as root may; from then on nobody writes to /proc any more."""
    for name, lines in (("uid_map", order["users"]), ("gid_map", order["groups"])):
        text = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in lines)
        with open(f"/proc/{child}/{name}", "wb", buffering=0) as file:
            file.write(text.encode())
    _make_proc_read_only()


def _make_proc_read_only() -> None:
    # Files below /proc/sys belong to root, whose word alone would do to change the machine.
    flags = _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_EXEC
    _mount("", "/proc", "", flags)


def _program(order: Order) -> int:
    if order["task"] == "try":
        return 0
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _MAX_FILE),
        (resource.RLIMIT_NPROC, _MAX_PROCESSES),
    ):
        granted = _no_more(most, resource.getrlimit(limit)[1])
        resource.setrlimit(limit, (granted, granted))
    for capability in range(_CAPABILITIES):
        if capability not in _KEPT_CAPABILITIES:
            # What the system does not know of cannot be dropped.
            _libc.prctl(_DROP_CAPABILITY, capability, 0, 0, 0)
    _check(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "privileges cannot be given up")
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)
    os.setsid()
    try:
        os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606  (no shell: this is what was asked for)
    except OSError as e:
        _say(_Refused(f"{order['argv'][0]} cannot be started: {e.strerror}"))
        return _NOT_FOUND if isinstance(e, FileNotFoundError) else _CANNOT_RUN
    except ValueError as e:
        _say(_Refused(f"{order['argv'][0]} cannot be started: {e}"))
        return _CANNOT_RUN


def _no_more(wanted: int, most: int) -> int:
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


def _die_with_parent() -> None:
    _libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def _ended(work: Callable[[], int]) -> NoReturn:
    """End this process with what `work` comes to."""
    status = NOT_ENCLOSED
    try:
        status = work()
    except (_Refused, OSError) as e:
        _say(e)
    finally:
        # Whatever happens, a copy of this process never goes on with what its parent was doing.
        os._exit(status)


def _status(child: int) -> int:
    """Wait for a child, and for what it left behind; return its status as a shell tells it."""
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _removed(order: Order) -> int:
    shutil.rmtree(order["root"])
    return 0


def _chowned(order: Order) -> int:
    """Give files to their owners, read from standard input: ``UID GID PATH``, each ended by a zero byte."""
    root = order["root"].encode()
    for uid, gid, path in _owners(sys.stdin.buffer.read().split(b"\0")):
        # A user or group that was not granted stays root's.
        with contextlib.suppress(OSError):
            os.lchown(root + path, uid, gid)
    return 0


def _owners(lines: Iterable[bytes]) -> Iterable[tuple[int, int, bytes]]:
    for line in filter(None, lines):
        uid, gid, path = line.split(b" ", 2)
        yield int(uid), int(gid), path


if __name__ == "__main__":
    main()

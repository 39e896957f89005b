"""What runs in an enclosure sees a copy and nothing else, whatever it tries, and leaves no process behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.unpacking import unpack
from fleet_audit.audit.tools.enclosure import Enclosure, NotEnclosed, Outcome, Way, find_enclosure
from fleet_audit.audit.tools.process import ToolTimedOut
from fleet_audit.audit.tools.throwaway import throw_away_folder
from tests.support.roots import roots

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="bootstrapping a root file system needs root"),
]

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
SECONDS = 60.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a folder on a disk: a copy is too large for memory."""
    place = Path(mkdtemp(dir=roots("bookworm")["bookworm"].place.parent, prefix="copies-"))
    yield place
    for lock in place.iterdir():
        lock.unlink()
    place.rmdir()


@pytest.fixture(scope="module", params=[Way.SHIFTED, Way.PLAIN])
def enclosure(request: pytest.FixtureRequest, folder: Path) -> Enclosure:
    """Give each way that root has; a machine that lacks namespaces of users has the second alone."""
    if request.param is Way.PLAIN:
        return Enclosure(Way.PLAIN)
    try:
        found = find_enclosure(folder, os.environ)
    except NotEnclosed as e:
        pytest.skip(str(e))
    if found.way is not Way.SHIFTED:
        pytest.skip("this machine grants no namespace of users")
    return found


@pytest.fixture(scope="module")
def copy(enclosure: Enclosure, folder: Path) -> Iterator[Path]:
    """Give a copy of a small Debian 12."""
    root = roots("bookworm")["bookworm"].place
    with throw_away_folder(folder, enclosure) as place:
        with open_image(f"dir:{root}") as image:
            owners = unpack(image, place)
        enclosure.give_owners(place, ((owned.path, owned.uid, owned.gid) for owned in owners))
        yield place


def shell(enclosure: Enclosure, copy: Path, script: str, timeout: float = SECONDS) -> Outcome:
    return enclosure.run(copy, ["/bin/sh", "-c", script], env=ENVIRONMENT, timeout=timeout)


def test_programs_of_the_image_run_as_its_root(enclosure: Enclosure, copy: Path) -> None:
    outcome = shell(enclosure, copy, "id -u; echo $PATH; stat -c %U /etc/shadow /; exit 7")

    assert outcome.stdout.split() == ["0", ENVIRONMENT["PATH"], "root", "root"]
    assert outcome.status == 7


def test_nothing_of_this_machine_is_seen(enclosure: Enclosure, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    paths = f"{tmp_path}/secret {Path(__file__)} {copy}/etc/passwd /proc/1/root{tmp_path}/secret"

    outcome = shell(
        enclosure, copy, f"for p in {paths}; do test -e $p && echo seen $p; done; ls /proc | grep -c '^[0-9]'"
    )

    assert "seen" not in outcome.stdout
    # Its own processes, and those that made the enclosure: the machine has far more.
    assert int(outcome.stdout) < 8


def test_there_is_no_network(enclosure: Enclosure, copy: Path) -> None:
    outcome = shell(enclosure, copy, "cat /proc/net/dev /proc/net/route /proc/net/if_inet6")

    names = [line.partition(":")[0].strip() for line in outcome.stdout.splitlines() if ":" in line]
    assert names == ["lo"]


ATTEMPTS = {
    "a kernel's setting": "echo 1 > /proc/sys/vm/drop_caches",
    "a kernel's setting, by a namespace within": "unshare --user --map-root-user --pid --fork --mount sh -c "
    "'mount -t proc proc /mnt && echo 1 > /mnt/sys/vm/drop_caches'",
    "a request to the kernel": "echo h > /proc/sysrq-trigger",
    "a device of the machine": "mknod /tmp/disk b 254 0 && dd if=/tmp/disk of=/dev/null count=1",
    "a mount": "mount -t tmpfs none /mnt",
    "a second /proc that may be written": "mount -o remount,bind,rw /proc",
    "the first process's namespace": "nsenter --target 1 --mount true",
    "a way out of the root": "unshare --mount umount -l /",
    "the clock": "date -s @$(date +%s)",
    "the machine's name": "hostname elsewhere",
    "a setuid program": "cp /bin/cat /tmp/c && chmod 4755 /tmp/c && "
    "setpriv --reuid 1 --clear-groups /tmp/c /etc/shadow",
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_would_reach_the_machine_fails(attempt: str, enclosure: Enclosure, copy: Path) -> None:
    assert shell(enclosure, copy, ATTEMPTS[attempt]).status != 0


def test_what_a_package_manager_does_succeeds(enclosure: Enclosure, copy: Path) -> None:
    script = (
        "useradd --system tester && install -o tester -g mail -m 640 /etc/passwd /tmp/owned "
        "&& stat -c %U:%G:%a /tmp/owned && chroot / true && setpriv --reuid 1 --clear-groups true "
        "&& echo x > /dev/null && head -c 4 /dev/urandom | wc -c"
    )

    outcome = shell(enclosure, copy, script)

    assert (outcome.stdout.split(), outcome.stderr) == (["tester:mail:640", "4"], "")


def test_who_is_root_in_the_copy_is_nobody_here(enclosure: Enclosure, copy: Path) -> None:
    shell(enclosure, copy, "touch /tmp/made")

    made = (copy / "tmp/made").stat()
    assert (made.st_uid >= 1_000_000_000) is (enclosure.way is Way.SHIFTED)


def test_what_runs_too_long_ends_with_all_that_it_started(enclosure: Enclosure, copy: Path) -> None:
    script = (
        "setsid sh -c 'while :; do date +%s%N > /tmp/alive; sleep 0.05; done' >/dev/null 2>&1 & sleep 600"
    )

    with pytest.raises(ToolTimedOut):
        shell(enclosure, copy, script, timeout=2)

    last = (copy / "tmp/alive").read_text()
    time.sleep(0.5)
    assert (copy / "tmp/alive").read_text() == last


def test_what_is_left_in_the_background_ends_with_the_program(enclosure: Enclosure, copy: Path) -> None:
    begin = time.monotonic()

    shell(enclosure, copy, "setsid sleep 600 & setsid sh -c 'sleep 600' & exit 0")

    assert time.monotonic() - begin < 30


def test_a_copy_whose_devices_became_a_link_is_not_entered(enclosure: Enclosure, copy: Path) -> None:
    shell(enclosure, copy, "true")
    (copy / "dev").rename(copy / "dev-before")
    (copy / "dev").symlink_to("/etc")
    try:
        with pytest.raises(FleetAuditError, match="/dev of the copy is no folder any more"):
            shell(enclosure, copy, "true")
    finally:
        (copy / "dev").unlink()
        (copy / "dev-before").rename(copy / "dev")


def test_a_program_that_is_not_there_is_told_apart_from_one_that_fails(
    enclosure: Enclosure, copy: Path
) -> None:
    outcome = enclosure.run(copy, ["/bin/nonsense"], env={}, timeout=SECONDS)

    assert (outcome.status, "cannot be started" in outcome.stderr) == (127, True)
    assert shell(enclosure, copy, "false").status == 1
    odd = enclosure.run(copy, ["/bin/true"], env={"A=B": "x", "C": "a\0b"}, timeout=SECONDS)
    assert (odd.status, "Traceback" in odd.stderr) == (126, False)
    assert shell(enclosure, copy, "kill -SEGV $$").status == 139

"""Somebody who is not root has an enclosure, too, with the users that newuidmap grants."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from fleet_audit.audit.tools.process import run
from tests.support.debian import fetcher, index
from tests.support.example_images import example_layout

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
]

IMAGE = "base-python"
NOBODY = 65534
GRANTED = 200_000
SECONDS = 300
SCRIPT = (
    "id -u; install -o man -g mail -m 640 /etc/passwd /tmp/owned && stat -c %U:%G /tmp/owned /etc/shadow; "
    "ls /work /home/nobody 2>/dev/null; mkdir -m 0 /closed && chown man /closed"
)

# All modules are loaded before: this Python's own files may be closed to others.
COMMAND = f"""
import ctypes, os, pwd, sys
from pathlib import Path
from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.unpacking import unpack
from fleet_audit.audit.tools.enclosure import find_enclosure
from fleet_audit.audit.tools.throwaway import throw_away_folder
reference, copies, path, sys.executable = sys.argv[1:]
pwd.getpwuid({NOBODY})
with open_image(reference) as image:
    next(image.members())
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
copies = Path(copies)
enclosure = find_enclosure(copies, {{"PATH": path}})
print(enclosure.way)
with open_image(reference) as image, throw_away_folder(copies, enclosure) as place:
    owners = unpack(image, place)
    enclosure.give_owners(place, ((o.path, o.uid, o.gid) for o in owners))
    env = {{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}}
    print(enclosure.run(place, ["/bin/sh", "-c", {SCRIPT!r}], env=env, timeout=60).stdout, end="")
    print((place / "tmp/owned").stat().st_uid)
print(os.listdir(copies))
"""
# What newuidmap reads is this machine's: others see it changed in a namespace of mounts alone.
IN_PRIVATE = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that nobody can enter; the test's own temporary folder is closed to them."""
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def mappers(place: Path) -> Path:
    """Return a folder with newuidmap and newgidmap, as Debian 12 has them, set to run as root."""
    package = index().packages.get("uidmap")
    assert package is not None
    address = index().address(package)
    body = fetcher().get_file(
        address, size_limit=package.download_bytes, deadline=SECONDS, sha256=package.sha256
    )
    run(["dpkg-deb", "--extract", str(body), str(place / "uidmap")], timeout=SECONDS, env=os.environ)
    folder = place / "uidmap/usr/bin"
    for name in ("newuidmap", "newgidmap"):
        (folder / name).chmod(0o4755)
    return folder


def python_for_all() -> str:
    """Return a Python that somebody else may start; skips the test where there is none."""
    for path in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run(  # noqa: S603  (a fixed argument list)
                [path, "-I", "-S", "-c", "import ctypes"],
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    pytest.skip("no Python here can be started by others than root")


def test_who_is_not_root_is_root_in_a_copy_with_the_users_that_are_granted(place: Path) -> None:
    if (
        shutil.which("unshare") is None
        or not Path("/etc/subuid").exists()
        or not Path("/etc/subgid").exists()
    ):
        pytest.skip("namespaces and tables of granted users are needed")
    reference = f"oci:{example_layout(IMAGE)}:{IMAGE}"
    (place / "granted").write_text(f"{NOBODY}:{GRANTED}:65536\n")
    copies = place / "copies"
    copies.mkdir()
    os.chown(copies, NOBODY, NOBODY)
    words = [reference, str(copies), str(mappers(place)), python_for_all()]
    private = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        IN_PRIVATE,
        str(place / "granted"),
    ]

    done = subprocess.run(  # noqa: S603  (this Python, on this file's own text)
        [*private, sys.executable, "-c", COMMAND, *words],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert lines[:4] == ["mapped", "0", "man:mail", "root:shadow"], done.stderr
    # The copy's man, of which the machine knows nothing: the first granted user is the copy's 1.
    assert int(lines[4]) == GRANTED + 6 - 1
    assert lines[5:] == ["[]"]

"""Clean Debian systems that packages are really installed into, by their own apt-get, and thrown away after.

A system is a bootstrapped root under an overlay in memory, so that the root itself is never written. apt-get
runs inside it without network: the lists of packages, and the packages that are to come, lie in the system.
"""

import atexit
import fcntl
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import IO, NamedTuple

import pytest

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.tools.process import ToolFailed, run
from tests.support.chroots import Inside, dlopened, imported
from tests.support.debian import RELEASES, fetcher, index, write_lists
from tests.support.roots import Root, roots

PACKAGES = ("python3",)
"""What the systems have beside the essential packages: what loads a library and imports a wheel."""

_PREFIX = "fleet-audit-throwaway-"
"""Of the folders in which systems are put together."""

_ARCHIVE = "/archive"
_SECONDS = 900
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALLED_LINE = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", re.MULTILINE)
_PACKAGE_LIMIT = 1 << 30

_SETTINGS = {
    # What is thrown away needs no fsync (dpkg(1), --force-unsafe-io).
    "etc/dpkg/dpkg.cfg.d/throwaway": "force-unsafe-io\n",
    # The archive's file: addresses are read in place; the cache of lists is made once for all systems.
    "etc/apt/apt.conf.d/throwaway": 'Acquire::Languages "none";\n',
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
}
"""Files of every system; the last forbids packages to start services (invoke-rc.d(8))."""


class System(NamedTuple):
    """A system that may be written: its root on this machine, and its Python."""

    inside: Inside
    python: str

    @property
    def root(self) -> Path:
        """Return the folder that is its root."""
        return self.inside.root

    def run(self, *argv: str) -> str:
        """Return what a command in the system prints, without a network; raises ToolFailed."""
        variables = [f"PATH={_PATH}", "LC_ALL=C.UTF-8", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"]
        command = ["unshare", "--net", *self.inside.command(variables, argv)]
        return run(command, timeout=_SECONDS, env={"PATH": _PATH}).decode()

    def complaint(self, *argv: str) -> str:
        """Return what a command in the system says when it fails; empty where it succeeds."""
        try:
            self.run(*argv)
        except ToolFailed as e:
            return e.stderr or str(e)
        return ""

    def simulated(self, names: Sequence[str]) -> set[str]:
        """Return what its apt-get would install (``name=version``), told to install `names`."""
        said = self.run("apt-get", "--simulate", *_install(names))
        return {f"{name}={version}" for name, version in _INSTALLED_LINE.findall(said)}

    def install(self, names: Sequence[str]) -> None:
        """Have its apt-get install `names`; raises ToolFailed."""
        self.run("apt-get", "--assume-yes", "--quiet", *_install(names))

    def packages(self) -> set[str]:
        """Return what dpkg says is installed (``name=version``)."""
        said = self.run("dpkg-query", "--show", "--showformat", "${Status} ${Package}=${Version}\\n")
        begin = "install ok installed "
        return {line.removeprefix(begin) for line in said.splitlines() if line.startswith(begin)}

    def load(self, sonames: Sequence[str]) -> dict[str, str]:
        """Return what dlopen says of each soname in a Python of its own; empty where it loads."""
        return dlopened(self.inside, self.python, sonames)

    def import_(self, modules: Sequence[str]) -> dict[str, str]:
        """Return the error of importing each module in a Python of its own; empty where there is none."""
        return imported(self.inside, self.python, modules)


def _install(names: Sequence[str]) -> list[str]:
    return ["install", "--no-install-recommends", *names]


def clean_root(suite: str) -> Root:
    """Return the bootstrapped root below the systems of a release; it must not be written."""
    found = roots(suite, packages=PACKAGES)
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    return found[suite]


def clean_state(suite: str) -> InstalledState:
    """Return what is installed in the systems of a release."""
    state = InstalledState.read(open_folder(clean_root(suite).place))
    assert state is not None
    return state


@contextmanager
def system(suite: str, *, packages: Iterable[str] = (), wheels: Iterable[Path] = ()) -> Iterator[System]:
    """Give a system of a release, with the files of wheels where its Python finds them.

    Its apt-get knows every package of the release, and has the files of `packages`.
    """
    base = clean_root(suite)
    with _place("layer") as layer:
        _put_packages(suite, packages, layer)
        _put_wheels(wheels, layer / base.site.lstrip("/"))
        with _mounted((layer, _lists(suite), base.place)) as root:
            yield System(Inside(root), base.python)


@contextmanager
def _place(kind: str) -> Iterator[Path]:
    """Give a folder that is deleted afterwards, by a later run where this one is killed."""
    _sweep()
    place = Path(mkdtemp(prefix=f"{_PREFIX}{kind}-"))
    # A lock is held for as long as its process lives, however that ends; nobody sees it before it is held.
    fresh = place.with_name(f"{place.name}.new")
    with fresh.open("xb") as lock, ExitStack() as stack:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stack.callback(fresh.rename(_lock_of(place)).unlink)
        stack.callback(_remove, place)
        yield place


@cache
def _sweep() -> None:
    """Delete what processes have left behind that did not come to their end, mounts first."""
    leftovers = sorted(Path(gettempdir()).glob(f"{_PREFIX}*.lock"))
    # What is mounted stands upon layers, which go last.
    for path in sorted(leftovers, key=lambda path: "system-" not in path.name):
        with path.open("ab") as lock:
            if _is_free(lock):
                _remove(path.with_suffix(""))
                path.unlink(missing_ok=True)


def _lock_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _is_free(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove(place: Path) -> None:
    if place.is_mount():
        run(["umount", "--recursive", "--lazy", str(place)], timeout=_SECONDS, env=os.environ)
    # What could not be unmounted is another file system, whose files are not to be deleted.
    if place.exists() and not place.is_mount():
        shutil.rmtree(place)


def _put_packages(suite: str, packages: Iterable[str], layer: Path) -> None:
    archive = index(RELEASES[suite])
    for name in packages:
        offered = archive.packages.get(name)
        assert offered is not None, name
        file = fetcher().get_file(
            archive.address(offered), size_limit=_PACKAGE_LIMIT, deadline=300, sha256=offered.sha256
        )
        target = layer / f"{_ARCHIVE}/{offered.repository}/{offered.filename}".lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:
            shutil.copy(file, target)  # the cache is on another file system


def _put_wheels(wheels: Iterable[Path], site: Path) -> None:
    site.mkdir(parents=True)
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            wheel.extractall(site)
            # pip keeps what is executable; the zip module does not.
            for entry in wheel.infolist():
                if not entry.is_dir() and entry.external_attr >> 16 & 0o111:
                    (site / entry.filename).chmod(0o755)


@contextmanager
def _mounted(layers: Sequence[Path]) -> Iterator[Path]:
    """Give a folder in which the layers lie upon each other, the first on top; it may be written."""
    with _place("system") as place:
        _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", place)
        for name in ("root", "upper", "work"):
            (place / name).mkdir()
        below = ":".join(map(str, layers))
        options = f"lowerdir={below},upperdir={place}/upper,workdir={place}/work"
        _mount("-t", "overlay", "-o", options, "overlay", place / "root")
        _mount("-t", "proc", "proc", place / "root" / "proc")
        _mount("-t", "sysfs", "-o", "ro", "sysfs", place / "root" / "sys")
        yield place / "root"


def _mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)  # noqa: S603, S607  (a fixed program)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode(errors='replace').strip()}")


@cache
def _lists(suite: str) -> Path:
    """Return a layer with the release's lists, the cache that apt-get makes of them, and the settings."""
    kept = ExitStack()
    atexit.register(kept.close)
    layer = kept.enter_context(_place("lists"))
    layer.chmod(0o755)
    lines = write_lists(layer / "var/lib/apt/lists", f"file:{_ARCHIVE}", RELEASES[suite])
    settings = {**_SETTINGS, "etc/apt/sources.list": "".join(lines)}
    for name, text in settings.items():
        path = layer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.startswith("usr/sbin/") else 0o644)
    base = clean_root(suite)
    with _mounted((layer, base.place)) as root:
        System(Inside(root), base.python).run("apt-cache", "gencaches")
        shutil.copytree(root / "var/cache/apt", layer / "var/cache/apt")
    return layer

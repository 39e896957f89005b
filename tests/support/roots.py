"""Real root file systems with real wheels: bootstrapped once, kept in a cache, given to tests to look at.

The cache is the folder in FLEET_AUDIT_TEST_CACHE, or one of this name among the user's caches. What makes
up a root is part of its name there, so that a changed list or lock never meets an old root.
"""

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import pytest
from platformdirs import user_cache_path

from examples.fleet.builder.archive import ARCHITECTURE, Archive, sources_for
from examples.fleet.builder.wheel_downloads import cached, fetch
from examples.fleet.builder.wheel_locks import LockedWheel
from fleet_audit.audit.apt.archive.sources import SourceOffers, choose_sources
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.fetch import Fetcher
from fleet_audit.audit.tools.process import ToolError, run

CACHE_VARIABLE = "FLEET_AUDIT_TEST_CACHE"
WHEELS = Path(__file__).parents[1] / "fixtures" / "wheels"
LOCK = WHEELS / "truth.txt"
LOCKS = {ARCHITECTURE: LOCK, "arm64": WHEELS / "truth-aarch64.txt", "i386": WHEELS / "truth-i686.txt"}
"""The wheels of each architecture's root; their own machine's name is another one."""

MACHINES = {ARCHITECTURE: "x86_64", "arm64": "aarch64", "i386": "i686"}

PACKAGES = ("python3", "libx11-6", "libfontconfig1", "libgomp1", "libatomic1")
"""What the roots have beside the essential packages: some of what the wheels look for is there."""

_VERSIONS = {"bullseye": "11", "bookworm": "12", "trixie": "13"}

SUITES = tuple(_VERSIONS)
"""Debian 11, 12 and 13. The wheels are for 12's Python; 11 is older than what some of them need."""
_SECONDS = 900
_PIN = re.compile(r"([a-z0-9-]+)==(\S+) \\\s+--hash=sha256:([0-9a-f]{64})")


_failures: dict[str, str] = {}
"""Why a release could not be bootstrapped, at the last place that was tried."""


class Root(NamedTuple):
    """A root file system: where it is, its Python, and the folder in it that Python finds wheels in."""

    suite: str
    place: Path
    python: str
    site: str


def cache() -> Path:
    """Return the folder that keeps roots and wheels."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("fleet-audit-tests")


def locked_wheels(lock: Path) -> list[LockedWheel]:
    """Return the wheels of a lock, each with the one digest that it may have."""
    found = _PIN.findall(lock.read_text(encoding="utf-8"))
    return [LockedWheel(name, version, (digest,)) for name, version, digest in found]


def wheel_files(lock: Path, architecture: str = ARCHITECTURE, python: str = "3.11") -> list[Path]:
    """Return a lock's wheels for one release of CPython as files, downloaded where they are not there yet.

    The example's own cache is looked at first: some of its wheels are the same.
    """
    example = user_cache_path("fleet-audit-example") / "wheels"
    wheels = locked_wheels(lock)
    held = [cached(wheel, example) for wheel in wheels]
    absent = [wheel for wheel, path in zip(wheels, held, strict=True) if path is None]
    fetched = iter(fetch(absent, cache() / "wheels", machine=MACHINES[architecture], python=python))
    return [path if path is not None else next(fetched) for path in held]


def roots(
    *suites: str, architecture: str = ARCHITECTURE, packages: Sequence[str] = PACKAGES
) -> dict[str, Root]:
    """Return the bootstrapped roots of these releases; tests must not write into them.

    They have `packages` and the essential ones. A release that the archive does not serve is left out. Skips
    where this machine cannot make any.
    """
    if os.geteuid() != 0:
        pytest.skip("bootstrapping a root file system needs root")
    if (
        not any(_base(suite, architecture, packages).exists() for suite in suites)
        and shutil.which("debootstrap") is None
    ):
        pytest.skip("debootstrap is not installed")
    cache().mkdir(parents=True, exist_ok=True)
    # Most of bootstrapping is waiting: for the disk, and for one package manager after another.
    with ThreadPoolExecutor(len(suites)) as pool:
        made = list(pool.map(lambda suite: _bootstrapped(suite, architecture, packages), suites))
    found = {root.suite: root for root in made if root is not None}
    if not found:
        why = "; ".join(f"{suite}: {_failures.get(suite, 'not tried')}" for suite in suites)
        pytest.skip(f"no such system can be bootstrapped here: {why}")
    return found


def root_with_wheels(suite: str, architecture: str = ARCHITECTURE) -> Root:
    """Return the root of one release with the locked wheels where its Python looks for them."""
    base = roots(suite, architecture=architecture)[suite]
    return with_wheels(base, LOCKS[architecture], architecture)


def with_wheels(base: Root, lock: Path, architecture: str = ARCHITECTURE) -> Root:
    """Return a copy of a root that has a lock's wheels where its Python looks for them."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    place = base.place.with_name(f"{base.place.name}-{digest}")
    if not place.exists():
        unpacked = _unpacked(digest, lock, architecture)
        fresh = Path(mkdtemp(dir=cache(), prefix="new-"))
        _link(base.place, fresh / "root")
        _link(unpacked, fresh / "root" / base.site.lstrip("/"))
        _publish(fresh / "root", place)
        fresh.rmdir()
    return base._replace(place=place)


def with_packages(base: Root, packages: Sequence[str]) -> Root:
    """Return a copy of an amd64 root of bookworm that has these packages, and what they depend on, too.

    They are unpacked, and none of their scripts is run.
    """
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    place = base.place.with_name(f"{base.place.name}-{key}")
    if not place.exists():
        fresh = Path(mkdtemp(dir=cache(), prefix="new-"))
        _link(base.place, fresh / "root")
        for path in _archive_files(base, packages):
            run(["dpkg-deb", "--extract", str(path), str(fresh / "new")], timeout=_SECONDS, env=os.environ)
        for folder in sorted((fresh / "new").iterdir()):
            # Packages still name folders in / that the system has in /usr (UsrMerge).
            above = "usr/" if (fresh / "root" / folder.name).is_symlink() else ""
            _link(folder, fresh / "root" / f"{above}{folder.name}")
        run(["/sbin/ldconfig", "-r", str(fresh / "root")], timeout=_SECONDS, env=os.environ)
        _publish(fresh / "root", place)
        shutil.rmtree(fresh)
    return base._replace(place=place)


def _archive_files(base: Root, packages: Sequence[str]) -> list[Path]:
    installed = InstalledState.read(open_folder(base.place))
    records = () if installed is None else installed.records
    archive = Archive(sources_for(""), Fetcher(user_cache_path("fleet-audit-example") / "debian"))
    chosen, _ = archive.closure(packages, records)
    present = {record.name for record in records}
    return archive.download([package for package in chosen if package.name not in present])


LACKING = ("libfreetype", "liblzma")
"""Libraries that a system of two machines has for one of them only."""


def root_of_two(suite: str) -> Root:
    """Return the root of one release with the libraries, Python and wheels of i386 beside its own.

    What differs between the two architectures has names of its own there, as Debian's multiarch lays it out;
    the other Python is called ``python3-i386``. Of LACKING only the amd64 build is there; what LOCAL names of
    i386 is where the loaders' cache alone leads.
    """
    base, other = roots(suite)[suite], root_with_wheels(suite, "i386")
    place = other.place.with_name(f"{other.place.name}-without-{'-'.join(LACKING)}")
    if not place.exists():
        fresh = Path(mkdtemp(dir=cache(), prefix="new-"))
        _link(base.place, fresh / "root")
        other_libraries = "usr/lib/i386-linux-gnu"
        for name in _foreign_parts(other, other_libraries):
            _link(other.place / name, fresh / "root" / name)
        for stem in LACKING:
            for path in (fresh / "root" / other_libraries).glob(f"{stem}.so*"):
                path.unlink()
        _move_to_local(fresh / "root", other_libraries)
        _link((other.place / "usr/bin/python3").resolve(), fresh / "root/usr/bin/python3-i386")
        run(["/sbin/ldconfig", "-r", str(fresh / "root")], timeout=_SECONDS, env=os.environ)
        _publish(fresh / "root", place)
        fresh.rmdir()
    return base._replace(place=place, python="/usr/bin/python3-i386")


def _foreign_parts(other: Root, libraries: str) -> list[str]:
    of_python = (other.place / "usr/lib").glob("python3.*/**/*i386-linux-gnu*")
    folders = [libraries, "usr/lib/ld-linux.so.2", other.site.lstrip("/")]
    return [*folders, *sorted(str(path.relative_to(other.place)) for path in of_python)]


LOCAL = "libbz2"
"""A library that systems of another machine have in ``/usr/local/lib``."""


def _move_to_local(root: Path, folder: str) -> None:
    (root / "usr/local/lib").mkdir(parents=True, exist_ok=True)
    for path in sorted((root / folder).glob(f"{LOCAL}.so*")):
        path.rename(root / "usr/local/lib" / path.name)


def _unpacked(digest: str, lock: Path, architecture: str) -> Path:
    """Return a folder with the files of all wheels, as pip would lay them into one site folder."""
    place = cache() / f"site-{digest}"
    if not place.exists():
        fresh = Path(mkdtemp(dir=cache(), prefix="new-"))
        for path in wheel_files(lock, architecture):
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(fresh)
        fresh.chmod(0o755)
        _publish(fresh, place)
    return place


def _publish(fresh: Path, place: Path) -> None:
    """Give a finished folder its name, unless another run was quicker."""
    try:
        fresh.rename(place)
    except OSError:
        shutil.rmtree(fresh)
        if not place.exists():
            raise


def _link(source: Path, target: Path) -> None:
    """Copy a tree by hard links, which takes neither time nor room; devices are copied."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run(
        ["cp", "--archive", "--link", "--no-target-directory", str(source), str(target)],
        timeout=_SECONDS,
        env=os.environ,
    )


def _base(suite: str, architecture: str, packages: Sequence[str]) -> Path:
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    name = suite if architecture == ARCHITECTURE else f"{suite}-{architecture}"
    return cache() / f"{name}-{key}"


def _bootstrapped(suite: str, architecture: str, packages: Sequence[str]) -> Root | None:
    place = _base(suite, architecture, packages)
    if not place.exists() and not _bootstrap(suite, architecture, packages, place):
        return None
    version = next(path.name for path in sorted((place / "usr/lib").glob("python3.*")))
    return Root(suite, place, "/usr/bin/python3", f"/usr/local/lib/{version}/dist-packages")


def _bootstrap(suite: str, architecture: str, packages: Sequence[str], place: Path) -> bool:
    is_foreign = architecture not in _RUNNING
    options = ["--variant=minbase", f"--arch={architecture}", f"--include={','.join(packages)}"]
    options += ["--foreign"] if is_foreign else []
    # A download that breaks off is no reason to go without the system: each archive is asked once more.
    for address in [*_archives(suite, architecture)] * 2:
        fresh = Path(mkdtemp(dir=cache(), prefix="new-"))
        try:
            run(["debootstrap", *options, suite, str(fresh), address], timeout=_SECONDS, env=os.environ)
            if is_foreign:
                _unpack(fresh, architecture)
        except ToolError as e:
            _failures[suite] = str(e)
            shutil.rmtree(fresh)
            continue
        fresh.chmod(0o755)
        shutil.rmtree(fresh / "var/cache/apt", ignore_errors=True)
        _publish(fresh, place)
        return True
    return False


_RUNNING = frozenset({ARCHITECTURE, "i386"})
"""Architectures whose programs this machine runs, so that packages can configure themselves."""


EMULATORS = {"arm64": "qemu-aarch64-static"}
"""What runs programs of other machines; linked statically, so that it runs inside their roots, too."""


def emulator(architecture: str) -> Path:
    """Return the emulator of a machine; skips where it is not installed."""
    found = shutil.which(EMULATORS[architecture])
    if found is None:
        pytest.skip(f"{EMULATORS[architecture]} is not installed")
    return Path(found)


_EXTRACT = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory="$2"'
"""Links such as ``/lib`` stay links, as dpkg keeps them; ``dpkg-deb --extract`` makes them folders."""


def _unpack(root: Path, architecture: str) -> None:
    """Unpack the packages of another machine that debootstrap has fetched; none of their scripts is run.

    What LOCAL names is where the loader's cache alone leads.
    """
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        run(["sh", "-c", _EXTRACT, "sh", str(package), str(root)], timeout=_SECONDS, env=os.environ)
    shutil.rmtree(root / "debootstrap", ignore_errors=True)
    _move_to_local(root, f"usr/lib/{MACHINES[architecture]}-linux-gnu")
    ldconfig = [str(emulator(architecture)), str(root / "sbin/ldconfig"), "-r", str(root)]
    run(ldconfig, timeout=_SECONDS, env=os.environ)


def _archives(suite: str, architecture: str) -> list[str]:
    """Return where a release may be served: by what this machine uses, or by Debian's snapshot service."""
    distro = Distro(id="debian", version=_VERSIONS[suite], codename=suite)
    chosen = [*sources_for("", distro=distro), *choose_sources(distro, architecture, SourceOffers())]
    return list(dict.fromkeys(source.uri for source in chosen if source.suite == suite))

"""Builds small shared libraries with a C compiler, and asks this machine's loader what it does with them.

A layout is a folder of libraries, each built from a line of C, with the dynamic entries that a case is about.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures" / "elf"
HOST_SOURCE = FIXTURES / "host.c"

VERSIONED = "int provided(void) { return 1; }"
USES_VERSION = "int provided(void); int use(void) { return provided(); }"


def glibc_compiler() -> str:
    """Return the C compiler; the test is skipped where there is none, or another loader or processor."""
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        pytest.skip("no C compiler to build libraries with")
    if platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64":
        pytest.skip("the cases are written for glibc on x86-64")
    return found


class Layout:
    """Builds libraries below a folder; links are against stubs, so that a need may stay unanswered."""

    def __init__(self, root: Path, compiler: str, *, inside: str | None = None) -> None:
        """Take the folder; `inside` is what ``@`` stands for where that is not the folder's own path."""
        self.root = root
        self.inside = str(root) if inside is None else inside
        self.env: dict[str, str] = {}
        self.host_options: list[str] = []
        self._compiler = compiler
        self._stubs = root.with_name(f"{root.name}-stubs")
        self._stubs.mkdir()

    def lib(
        self,
        name: str,
        *,
        needed: Sequence[str] = (),
        soname: str | None = None,
        rpath: str | None = None,
        runpath: str | None = None,
        source: str = "",
        options: Sequence[str] = (),
    ) -> Path:
        """Build a shared library; ``@`` in directories stands for the root folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-shared", "-fPIC", *options]
        if soname is not None:
            flags.append(f"-Wl,-soname,{soname}")
        self._build(path, source, [*flags, *self._directories(rpath, runpath), *self._links(needed)])
        return path

    def versioned(self, name: str, version: str, *, soname: str) -> Path:
        """Build a library that defines `provided` in one version."""
        script = self.root / f"{version}.map"
        script.write_text(f"{version} {{ global: provided; }};")
        return self.lib(name, soname=soname, source=VERSIONED, options=[f"-Wl,--version-script={script}"])

    def host(self) -> Path:
        """Build the program that loads."""
        path = self.root / "host"
        self._build(path, HOST_SOURCE.read_text(), [o.replace("@", self.inside) for o in self.host_options])
        return path

    def stub_versioned(self, name: str, version: str) -> None:
        """Make links against `name` want `version`."""
        shutil.move(self.versioned(f"stubbed/{name}", version, soname=name), self._stubs / name)

    def put(self, name: str, body: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def link(self, name: str, target: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def _directories(self, rpath: str | None, runpath: str | None) -> list[str]:
        if rpath is not None:
            return ["-Wl,--disable-new-dtags", f"-Wl,-rpath,{rpath.replace('@', self.inside)}"]
        if runpath is not None:
            return ["-Wl,--enable-new-dtags", f"-Wl,-rpath,{runpath.replace('@', self.inside)}"]
        return []

    def _links(self, needed: Sequence[str]) -> list[str]:
        found = ["-Wl,--no-as-needed", f"-L{self._stubs}"]
        for name in needed:
            stub = name.replace("@", self.inside).replace("/", "_")
            if not (self._stubs / stub).exists():
                soname = name.replace("@", self.inside)
                self._build(self._stubs / stub, VERSIONED, ["-shared", "-fPIC", f"-Wl,-soname,{soname}"])
            found.append(f"-l:{stub}")
        return found

    def _build(self, path: Path, source: str, options: Sequence[str]) -> None:
        standard = [] if path.name == "host" else ["-nostdlib"]
        argv = [self._compiler, "-x", "c", "-", "-x", "none", "-o", str(path), *standard, *options]
        subprocess.run(argv, input=source.encode(), check=True, capture_output=True, timeout=60)  # noqa: S603  (the compiler, on this file's own text)


class Truth(NamedTuple):
    """What the loader did: its message where it failed, and the files it loaded below the root."""

    is_loaded: bool
    message: str
    files: set[str]


def ask_the_loader(layout: Layout, *entries: str) -> Truth:
    """Load libraries one after another with this machine's loader; the last one counts."""
    env = {name: value.replace("@", str(layout.root)) for name, value in layout.env.items()}
    done = subprocess.run(  # noqa: S603  (the program that this test has built)
        [str(layout.host()), *(str(layout.root / entry) for entry in entries)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env,
        cwd=layout.root,
        check=False,
    )
    files = {
        line.removeprefix("loaded: ") for line in done.stdout.splitlines() if line.startswith("loaded: ")
    }
    below = {os.path.realpath(f) for f in files if f.startswith(str(layout.root))}
    return Truth(done.returncode == 0, done.stdout + done.stderr, below)

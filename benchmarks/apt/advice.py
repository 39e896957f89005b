"""What the smallest addition saves: beside apt's own choice, and beside what people are told to install.

Run ``python -m benchmarks.apt.advice`` from a checkout: it prints the tables of docs/planning.md. What
apt-get would install upon a minimal installation with Python is simulated; sizes are those that the archive's
index gives. What people are told lies in advice.yaml, with references. The program fails where apt-get would
not install what is proposed, or where apt's own choice is smaller.
"""

import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec

from fleet_audit.audit.apt.planning.choice import Blemishes
from fleet_audit.audit.apt.planning.plan import Terms, propose
from fleet_audit.audit.knowledge.base import Knowledge, load_knowledge, packaged_knowledge
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.process import ToolFailed
from tests.support.debian import BOOKWORM, TRIXIE, Simulation, index, minimal, state_of, wanted
from tests.support.needs import needs_of
from tests.support.roots import WHEELS, locked_wheels, wheel_files

SETS = {
    BOOKWORM: (
        "opencv-python",
        "pyside6-gui",
        "pyqt6-xcb",
        "sounddevice",
        "open3d",
        "mediapipe",
        "ffmpeg",
        "tesseract",
        "weasyprint",
        "python-magic",
        "pyzbar",
        "vision",
        "documents",
        "everything",
    ),
    TRIXIE: ("opencv-python", "sounddevice", "open3d", "mediapipe", "ffmpeg", "weasyprint", "pyzbar"),
}

WHEELS_INSTEAD = {
    "opencv-python": ("opencv-python", "opencv-python-headless"),
    "ffmpeg": ("", "imageio-ffmpeg"),
    "python-magic": ("", "pylibmagic"),
}
"""For a set, the wheel that goes and the one that comes, where a wheel does without packages."""

_ADVICE = Path(__file__).with_name("advice.yaml")
_LOCK = WHEELS / "needs-3.11.txt"


class Advice(msgspec.Struct, forbid_unknown_fields=True):
    """A command that people are told to type: the packages that it names, and where it is told."""

    install: tuple[str, ...]
    reference: str
    recommends: bool = True


class Release:
    """One release upon whose minimal installation everything is simulated."""

    def __init__(self, release: Distro, folder: Path) -> None:
        """Write what apt-get needs into `folder`."""
        self._release = release
        self._installed = minimal(release, "python3")
        self._state = state_of(self._installed)
        self._index = index(release)
        self._apt_get = Simulation(folder, release)

    def proposed(self, needs: Sequence[str]) -> AptPlan:
        """Return what deps proposes, which knows what people do not want exchanged."""
        return propose(wanted(*needs), self._state, self._index, self._terms(needs))

    def smallest(self, needs: Sequence[str]) -> AptPlan:
        """Return the smallest addition, however little it saves, and whatever it takes in exchange."""
        terms = msgspec.structs.replace(self._terms(needs), blemishes=Blemishes(), least_saving=0)
        return propose(wanted(*needs), self._state, self._index, terms)

    def _terms(self, needs: Sequence[str]) -> Terms:
        knowledge, release = packaged(), self._release.codename
        preferred = {need: knowledge.preferred(need, release) for need in needs}
        return Terms(
            prefer={need: package for need, package in preferred.items() if package is not None},
            avoid={need: knowledge.avoided(need, release) for need in needs},
            blemishes=Blemishes(is_to_avoid=partial(knowledge.is_second_choice, codename=release)),
        )

    def install(self, names: Sequence[str], *, with_recommended: bool = False) -> set[str]:
        """Return what apt-get would install (``name=version``); raises ToolFailed."""
        return self._apt_get.install(names, self._installed, with_recommended=with_recommended)

    def size(self, pins: Iterable[str]) -> int:
        """Return the bytes that packages take once they are installed."""
        found = (self._index.packages.get(pin.partition("=")[0]) for pin in pins)
        return sum(package.installed_bytes for package in found if package is not None)

    def measure(self, pins: Collection[str]) -> str:
        """Return how many packages, and how many MiB."""
        return f"{len(pins)} · {mebibytes(self.size(pins))}"

    def lacking(self, needs: Sequence[str], pins: Iterable[str]) -> list[str]:
        """Return the needs that no package of `pins` answers."""
        names = {pin.partition("=")[0] for pin in pins}
        return [need for need in needs if names.isdisjoint(self._suppliers(need))]

    def _suppliers(self, need: str) -> Sequence[str]:
        kind, _, name = need.partition(":")
        return (self._index.sonames if kind == "so" else self._index.programs).get(name, ())


@cache
def packaged() -> Knowledge:
    """Return the knowledge base that comes along."""
    return load_knowledge([packaged_knowledge()])


@cache
def advice() -> dict[str, tuple[Advice, ...]]:
    """Return what people are told to type, by set."""
    return msgspec.yaml.decode(_ADVICE.read_bytes(), type=dict[str, tuple[Advice, ...]])


def main() -> int:
    """Print the tables; return 1 where a promise is not kept."""
    named = {name for names in SETS.values() for name in names}
    broken = [f"advice.yaml: {name} is no set of the tables" for name in advice() if name not in named]
    for release, names in SETS.items():
        with tempfile.TemporaryDirectory() as folder:
            there = Release(release, Path(folder) / "apt")
            print(f"Debian {release.version}: packages · MiB\n")
            print("| set | smallest | proposed | apt's default | with recommends | the usual advice |")
            print("| --- | --- | --- | --- | --- | --- |")
            for name in names:
                print(row(there, name, needs_of(release)[name], broken))
            print()
            if release == BOOKWORM:
                print_wheels(there, needs_of(release))
    for complaint in broken:
        print(complaint, file=sys.stderr)
    return 1 if broken else 0


def row(there: Release, name: str, needs: Sequence[str], broken: list[str]) -> str:
    """Return a set's row of the table; what is not as promised is added to `broken`."""
    plan = there.proposed(needs)
    smallest, proposed = pins(there.smallest(needs)), pins(plan)
    suppliers = [root for root in plan.roots if root not in plan.steering]
    default = there.install(suppliers)
    if plan.unsatisfied or (there.install(plan.roots) if plan.steering else default) != proposed:
        broken.append(f"{name}: apt-get would not install what is proposed")
    if not there.size(smallest) <= there.size(proposed) <= there.size(default):
        broken.append(f"{name}: what is proposed is larger than apt's default, or there is something smaller")
    cells = (
        there.measure(smallest),
        "the same" if proposed == smallest else there.measure(proposed),
        "the same" if default == proposed else there.measure(default),
        there.measure(there.install(suppliers, with_recommended=True)),
        "; ".join(advised(there, name, needs)) or "–",
    )
    return f"| {name} | {' | '.join(cells)} |"


def pins(plan: AptPlan) -> set[str]:
    """Return what a plan installs (``name=version``)."""
    return {f"{package.name}={package.version}" for package in plan.packages}


def advised(there: Release, name: str, needs: Sequence[str]) -> Iterator[str]:
    """Yield what each piece of advice for a set costs, and what it does not supply."""
    for each in advice().get(name, ()):
        link = f"[{' '.join(each.install)}]({each.reference})"
        try:
            told = there.install(each.install, with_recommended=each.recommends)
        except ToolFailed:
            yield f"{link}: cannot be installed"
            continue
        lacking = there.lacking(needs, told)
        short = f", and lacks {', '.join(need.partition(':')[2] for need in lacking)}" if lacking else ""
        yield f"{link}: {there.measure(told)}{short}"


def print_wheels(there: Release, needs: dict[str, tuple[str, ...]]) -> None:
    """Print what wheels that do without packages cost, beside the packages."""
    files = dict(
        zip((wheel.name for wheel in locked_wheels(_LOCK)), wheel_files(_LOCK), strict=True),
    )
    print("| set | packages · MiB | wheel that does without them | MiB to download | MiB unpacked |")
    print("| --- | --- | --- | --- | --- |")
    for name, (before, after) in WHEELS_INSTEAD.items():
        packages = pins(there.proposed(needs[name]))
        paths = [files[each] for each in (before, after) if each]
        said = " → ".join(f"{path.name.partition('-')[0].replace('_', '-')}" for path in paths)
        down = " → ".join(mebibytes(path.stat().st_size) for path in paths)
        print(
            f"| {name} | {there.measure(packages)} | {said} | {down} |"
            f" {' → '.join(mebibytes(unpacked(path)) for path in paths)} |"
        )
    print()


def unpacked(wheel: Path) -> int:
    """Return the bytes of a wheel's files once they are unpacked."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(entry.file_size for entry in archive.infolist())


def mebibytes(size: int) -> str:
    """Return a size as people read it in a table."""
    return f"{size / 2**20:.1f}"


if __name__ == "__main__":
    sys.exit(main())

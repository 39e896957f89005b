"""What can go from a swollen image: by deps, by apt's own idea of what is unneeded, and by deborphan's.

Run ``python -m benchmarks.apt.surplus`` as root from a checkout: it prints the table of docs/surplus.md.
Debian 12 with opencv-python, build tools and headers is really installed, and really purged each time; sizes
are those of dpkg's status. The program fails where cv2 does not import after what deps told was purged, or
where finding out what stays took more CPU time than is promised.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from fleet_audit.audit.apt.installed.state import InstalledRecord, InstalledState
from fleet_audit.audit.apt.surplus.surplus import Brought, Circumstances, surplus_of
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.identity import PackageName
from tests.support.swollen_systems import NAMED, surplus, told, with_cv2
from tests.support.throwaway_systems import System

OBVIOUS = ("build-essential", "cmake", "libgtk-3-dev")
PROMISE = 0.2
"""CPU seconds for what stays of an image of 400 packages."""

NEEDED = tuple(map(PackageName, ("libgl1", "libglib2.0-0", "libxcb1", "python3")))
"""What cv2 asks for directly; all else that stays follows from dependencies."""

_MEBIBYTE = 1 << 20
_ROUNDS = 5
_LIBRARIES = frozenset({"libs", "oldlibs"})
"""The sections that deborphan(1) looks at unless it is told otherwise."""


class Row(NamedTuple):
    """What a way to clean up leaves: packages, their bytes, and what importing cv2 says then."""

    way: str
    packages: int
    installed_bytes: int
    complaint: str

    def markdown(self) -> str:
        """Return the row of the table."""
        outcome = f"no: {self.complaint.strip().splitlines()[-1]}" if self.complaint else "yes"
        return f"| {self.way} | {self.packages} | {self.installed_bytes / _MEBIBYTE:.0f} | {outcome} |"


def row(way: str, it: System) -> Row:
    """Measure a system as it is."""
    packages = records(it)
    size = sum(record.package.installed_bytes for record in packages)
    return Row(way, len(packages), size, it.import_(["cv2"])["cv2"])


def records(it: System) -> tuple[InstalledRecord, ...]:
    """Return what dpkg says is installed."""
    state = InstalledState.read(open_folder(it.root))
    return () if state is None else state.records


def orphans(packages: tuple[InstalledRecord, ...]) -> list[str]:
    """Return the libraries that nothing installed depends on or recommends, as deborphan(1) has it."""
    fields = " ".join(f"{r.pre_depends},{r.depends},{r.recommends}" for r in packages)
    wanted = {word.strip("(),|").partition(":")[0] for word in fields.replace(",", " , ").split()}
    libraries = (r for r in packages if r.section in _LIBRARIES and not r.package.is_essential)
    return [r.name for r in libraries if r.name not in wanted]


def seconds(packages: tuple[InstalledRecord, ...]) -> tuple[float, float]:
    """Return the CPU time of finding out what serves nobody: of the first of several runs, and the least."""
    known = Circumstances(
        needed=dict.fromkeys(NEEDED, "cv2"),
        brought={r.name: Brought("image", is_named=r.name in NAMED) for r in packages},
    )
    spent = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        surplus_of(packages, known)
        spent.append(time.process_time() - start)
    return spent[0], min(spent)


def main() -> int:
    """Print the table; return 1 where a promise is missed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, with_cv2(NAMED) as it:
        rows.append(row("as it is", it))
        before = records(it)
        left = orphans(before)
        gone = set(surplus(told(it, Path(folder))))
        it.run("apt-get", "--assume-yes", "--quiet", "purge", *sorted(gone))
        rows.append(row("without what `deps` tells", it))
    first, least = seconds(before)
    with with_cv2(NAMED) as it:
        it.run("apt-get", "--assume-yes", "--quiet", "purge", "--auto-remove", *OBVIOUS)
        rows.append(row(f"`apt-get purge --auto-remove {' '.join(OBVIOUS)}`", it))
    print("| Debian 12 with opencv-python | packages | MiB | cv2 imports |")
    print("| --- | ---: | ---: | --- |")
    for each in rows:
        print(each.markdown())
    print(f"\nlibraries that nothing depends on (deborphan's idea): {', '.join(left) or 'none'}")
    print(f"what stays of {len(before)} packages: {first:.3f} s of CPU time at first, {least:.3f} s again;")
    print(f"promised: {PROMISE} s")
    return int(bool(rows[1].complaint) or first > PROMISE)


if __name__ == "__main__":
    sys.exit(main())

"""Our owners of this machine's files are dpkg's."""

import itertools
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from fleet_audit.audit.apt.installed.state import STATUS, InstalledState
from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.images.tree import normalise

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("dpkg-query") is None or not Path(STATUS).exists(), reason="this machine has no dpkg"
    ),
]

FILES = 120
_OWNED = re.compile(r"^(?!diversion by)([^/]+): (/.*)$", re.MULTILINE)


def dpkg_says(paths: Iterable[str]) -> dict[str, set[str]]:
    # dpkg knows a file under the name that its package used, on either side of a merged /usr.
    names = [name for path in paths for name in (path, path.removeprefix("/usr"))]
    done = subprocess.run(  # noqa: S603  (an argument list; no shell takes part)
        ["dpkg-query", "--search", *names],  # noqa: S607  (dpkg-query is wherever PATH has it)
        check=False,
        capture_output=True,
        text=True,
    )
    found: defaultdict[str, set[str]] = defaultdict(set)
    for owners, name in _OWNED.findall(done.stdout):
        path = name if name.startswith("/usr/") else f"/usr{name}"
        found[path] |= {owner.partition(":")[0] for owner in owners.split(", ")}
    return found


def test_the_owners_of_programs_and_libraries_are_dpkgs() -> None:
    state = InstalledState.read(open_folder(Path("/")))
    assert state is not None
    assert state.gaps == ()
    folders = [Path("/usr/bin"), *Path("/usr/lib").glob("*-linux-gnu")]
    paths = [str(path) for folder in folders for path in itertools.islice(sorted(folder.iterdir()), FILES)]

    theirs = dpkg_says(paths)

    ours = {path: state.owner(normalise(path)) for path in paths}
    assert {
        path: owner for path, owner in ours.items() if owner is not None and owner not in theirs[path]
    } == {}
    assert {path for path, owner in ours.items() if owner is None} == set(paths) - {
        p for p in theirs if theirs[p]
    }

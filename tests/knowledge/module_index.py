"""Makes rules/knowledge/modules.txt: which distribution holds which module, read off real wheels.

    python -m tests.knowledge.module_index --index ADDRESS [NAME…]

ADDRESS is a simple repository (PEP 503). The distributions of the present index are looked at anew, and NAMEs
besides. Of each, the newest wheel's list of members is fetched by two range requests; nothing is downloaded
whole, installed or run. Distributions without a wheel, or that cannot be fetched, are said and left out.
"""

import argparse
import datetime
import os
import re
import struct
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import urllib3
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from fleet_audit.audit.knowledge.module_index import packaged_module_index

TARGET = Path(__file__).parents[2] / "rules" / "knowledge" / "modules.txt"
DEEPEST = 4
"""How far below a namespace its portions are looked for."""

_LINK = re.compile(r'<a\s([^>]*)href="([^"]+)"([^>]*)>([^<]+)</a>')
_TAIL = 64 << 10
_MANY = 64
_NO_MODULES = re.compile(
    r"(?i)(?:tests?|testing|test_.*|docs?|examples?|scripts|benchmarks?|tools|src|source_dir|bin|lib|share|setup"
    r"|deploy_libs|extension_templates|[0-9].*)"
)
"""Folders that wheels hold by mistake, or that are no one's in particular."""


class NoWheel(Exception):
    """A distribution has no wheel that could be looked at."""


def members(http: urllib3.PoolManager, index: str, name: str, versions: str = "") -> list[str]:
    """Return the names of all members of a distribution's newest wheel of some versions; raises NoWheel."""
    page = http.request("GET", urljoin(index, f"{name}/"), headers={"Accept": "text/html"})
    if page.status != 200:
        raise NoWheel(f"the index answers {page.status}")
    wheels, allowed = [], SpecifierSet(versions)
    for before, address, after, file in _LINK.findall(page.data.decode(errors="replace")):
        try:
            _, version, build, _ = parse_wheel_filename(unescape(file).strip())
        except InvalidWheelFilename:
            continue
        if "data-yanked" not in before + after and allowed.contains(version, prereleases=True):
            is_usual = "linux" in file or file.endswith("-any.whl")
            wheels.append(((not version.is_prerelease, is_usual, version, build), unescape(address)))
    if not wheels:
        raise NoWheel("it has no wheel")
    # Newest first among wheels for Linux or any system.
    _, address = max(wheels, key=lambda found: found[0])
    return _central_directory(http, urljoin(page.url or index, address).partition("#")[0])


def _central_directory(http: urllib3.PoolManager, address: str) -> list[str]:
    tail = http.request("GET", address, headers={"Range": f"bytes=-{_TAIL}"})
    at = tail.data.rfind(b"PK\5\6")
    if tail.status not in (200, 206) or at < 0:
        raise NoWheel(f"the end of the wheel could not be fetched ({tail.status})")
    size, start = struct.unpack_from("<II", tail.data, at + 12)
    body = tail.data[max(0, at - size) : at]
    if len(body) < size:
        whole = http.request("GET", address, headers={"Range": f"bytes={start}-{start + size - 1}"})
        body = whole.data if whole.status == 206 else whole.data[start : start + size]
    return list(_names(body))


def _names(directory: bytes) -> Iterator[str]:
    at = 0
    while directory[at : at + 4] == b"PK\1\2":
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        yield directory[at + 46 : at + 46 + name].decode(errors="replace")
        at += 46 + name + extra + comment


def modules(names: Iterable[str]) -> dict[str, bool]:
    """Return the importable modules of a wheel down to DEEPEST; True stands for a package without init."""
    found: dict[str, bool] = {}
    for name in names:
        parts = name.split("/")
        if parts[0].endswith(".data") and parts[1:2] in (["purelib"], ["platlib"]):
            parts = parts[2:]
        stem, dot, ending = parts[-1].partition(".")
        is_module = dot and (ending in ("py", "so") or ending.endswith(".so"))
        if not parts[-1] or not is_module or not all(p.isidentifier() for p in (*parts[:-1], stem)):
            continue
        for depth in range(1, min(len(parts), DEEPEST + 1)):
            found.setdefault(".".join(parts[:depth]), True)
        if stem == "__init__":
            found[".".join(parts[:-1])] = False
        elif len(parts) <= DEEPEST:
            found[".".join((*parts[:-1], stem))] = False
    return found


def rows(holds: dict[str, dict[str, bool]]) -> dict[str, list[str]]:
    """Return, by module, who holds it: top-level names, and below namespaces the portions that are whole."""
    spaces = _shared_namespaces(holds)
    index: defaultdict[str, list[str]] = defaultdict(list)
    for name, found in sorted(holds.items()):
        own = {module for module, is_space in found.items() if is_space or module in spaces}
        for module in found:
            is_first = all(part in own for part in _prefixes(module.rpartition(".")[0]))
            if is_first and module not in own and not _is_noise(module):
                index[module].append(name)
    return {
        module: sorted(held, key=lambda name: (name.replace("-", "_") != module.lower(), name))
        for module, held in sorted(_collapsed(index).items())
    }


def _shared_namespaces(holds: dict[str, dict[str, bool]]) -> set[str]:
    """Return the packages that are namespaces also for those who ship an ``__init__`` that says so."""
    counts: defaultdict[str, int] = defaultdict(int)
    for found in holds.values():
        for module, is_space in found.items():
            counts[module] += is_space
    return {module for module, count in counts.items() if count > 1 and module.replace("_", "-") not in holds}


def _is_noise(module: str) -> bool:
    return _NO_MODULES.fullmatch(module.partition(".")[0]) is not None or "__mypyc" in module


def _collapsed(index: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the index with one row for a namespace all of whose portions have the same holders."""
    listed = dict(index)
    for depth in range(DEEPEST - 1, 0, -1):
        below: defaultdict[str, list[str]] = defaultdict(list)
        for module in listed:
            if module.count(".") == depth:
                below[module.rpartition(".")[0]].append(module)
        for parent, children in below.items():
            deeper = [module for module in listed if module.startswith(f"{parent}.")]
            if parent not in listed and len({tuple(listed[module]) for module in deeper}) == 1:
                listed[parent] = listed[children[0]]
                for module in deeper:
                    del listed[module]
    return listed


def _prefixes(module: str) -> list[str]:
    parts = module.split(".") if module else []
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def write(holds: dict[str, dict[str, bool]], day: datetime.date) -> str:
    """Return the text of the index."""
    listed = rows(holds)
    holders = {name for held in listed.values() for name in held}
    head = (
        f"# Modules and the distributions whose newest wheel holds them, made on {day} by\n"
        "# python -m tests.knowledge.module_index: "
        f"{len(listed)} modules of {len(holders)} distributions. Suggestions only.\n"
    )
    return head + "".join(f"{module} {' '.join(held)}\n" for module, held in listed.items())


def main() -> int:
    """Fetch, and write the index anew."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--index", required=True, help="address of a simple repository")
    options.add_argument(
        "names", nargs="*", help="distributions to look at besides those of the present index"
    )
    given = options.parse_args()
    known = packaged_module_index().distributions if TARGET.exists() else ()
    wanted = sorted({str(canonicalize_name(name)) for name in (*known, *given.names)})
    http = urllib3.PoolManager(
        maxsize=8, retries=urllib3.Retry(3, backoff_factor=1), timeout=60, ca_certs=os.environ.get("PIP_CERT")
    )
    holds: dict[str, dict[str, bool]] = {}
    left_out: list[str] = []

    def look(name: str) -> None:
        try:
            holds[name] = modules(members(http, given.index, name))
        except (NoWheel, urllib3.exceptions.HTTPError) as e:
            left_out.append(f"{name}: {e}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, wanted))
    TARGET.write_text(write(holds, datetime.datetime.now(tz=datetime.UTC).date()), encoding="utf-8")
    told = "".join(f"\n  {line}" for line in sorted(left_out))
    sys.stderr.write(f"{len(holds)} distributions, {len(left_out)} left out:{told}\n")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())

"""Builds, joins, writes and validates an inventory of 5,000 components, and says how long each step takes.

Run as ``python -m benchmarks.sbom.documents``. Half of the components are Debian packages, half are wheels;
each hangs on five others, a hundred of the wheels bundle ten libraries, and a scanner found everything once
more. Ends with 1 where the whole takes five seconds or more of CPU, or a document is not valid.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fleet_audit.audit.model.identity import DiffID, ImagePath, Purl
from fleet_audit.audit.model.inventory import Component, Inventory, Link, Sighting, ToolUse
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from fleet_audit.audit.sbom.scanned import scanned
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from fleet_audit.audit.tools.syft import SyftDocument, parse

COMPONENTS = 5_000
LIMIT_SECONDS = 5.0
_BUNDLING, _BUNDLED, _NEIGHBOURS = 100, 10, 5
_LAYER = DiffID("sha256:" + "1" * 64)
_WHEN = "2026-11-14T00:00:00Z"

T = TypeVar("T")


def main() -> int:
    """Print the steps with their CPU seconds; return 1 where the promise is not kept."""
    answer = json.dumps(_answer()).encode()
    steps: dict[str, float] = {}
    document = _timed(steps, "read the scanner's answer", lambda: parse(answer))
    inventory = _timed(steps, "build and join", lambda: _inventory(document))
    first = _timed(steps, "write CycloneDX", lambda: cyclonedx(inventory, created=_WHEN, version="1"))
    _timed(steps, "validate CycloneDX", lambda: check_cyclonedx(first))
    second = _timed(steps, "write SPDX", lambda: spdx(inventory, created=_WHEN, version="1"))
    _timed(steps, "validate SPDX", lambda: check_spdx(second))
    print(f"{len(inventory.components)} components, {len(inventory.links)} links")
    for name, seconds in steps.items():
        print(f"{name:28} {seconds:6.2f} s")
    whole = sum(steps.values())
    is_kept = whole < LIMIT_SECONDS
    print(f"{'together':28} {whole:6.2f} s, {'below' if is_kept else 'NOT BELOW'} {LIMIT_SECONDS:.0f} s")
    return 0 if is_kept else 1


def _timed(steps: dict[str, float], name: str, step: Callable[[], T]) -> T:
    begin = time.process_time()
    made = step()
    steps[name] = time.process_time() - begin
    return made


def _inventory(document: SyftDocument) -> Inventory:
    theirs = scanned(document, lambda _path: _LAYER)
    ours = list(_own_components())
    components = united([*ours, *theirs.components])
    links = united_links([*theirs.links, *_own_links(ours)], (each.ref for each in components))
    return Inventory(
        subject=Component(ref="image:large", name="large", kind="container"),
        components=components,
        links=links,
        package_set=package_set_of(components),
        tools=(ToolUse("syft", document.descriptor.version),),
    )


def _packages() -> Iterator[tuple[str, str, Purl]]:
    for number in range(COMPONENTS // 2):
        name = f"libsomething{number}"
        yield "deb", name, Purl(f"pkg:deb/debian/{name}@1:{number}.2-3%2Bdeb12u1?arch=amd64")
        yield "python", f"wheel-{number}", Purl(f"pkg:pypi/wheel-{number}@{number}.0")


def _own_components() -> Iterator[Component]:
    for kind, name, purl in _packages():
        path = "/var/lib/dpkg/status" if kind == "deb" else f"/site/{name}.dist-info/METADATA"
        version = purl.partition("@")[2].partition("?")[0].replace("%2B", "+")
        seen = Sighting(ImagePath(path), "metadata", _LAYER)
        yield Component(
            ref=purl,
            name=name,
            version=version,
            purl=purl,
            origin="base",
            layer=_LAYER,
            sightings=(seen,),
            found_by=("fleet-audit",),
        )
    for number in range(_BUNDLING):
        for library in range(_BUNDLED):
            path = ImagePath(f"/site/wheel_{number}.libs/lib{library}-0123abcd.so.1")
            wheel = f"pkg:pypi/wheel-{number}@{number}.0"
            seen = Sighting(path, "elf", _LAYER)
            yield Component(
                ref=f"lib{library}#{path}", name=f"lib{library}", bundled_in=wheel, sightings=(seen,)
            )


def _own_links(components: list[Component]) -> Iterator[Link]:
    for index, component in enumerate(components):
        if component.bundled_in:
            yield Link(component.bundled_in, component.ref, "bundles")
        for step in range(1, _NEIGHBOURS + 1):
            other = components[(index * 7 + step * 131) % len(components)]
            yield Link(component.ref, other.ref, "needs", (f"/usr/lib/{index}.so needs lib{step}.so.1",))


def _answer() -> dict[str, Any]:
    artifacts = [_artifact(index, *each) for index, each in enumerate(_packages())]
    related = [
        {"parent": str((index + step) % len(artifacts)), "child": str(index), "type": "dependency-of"}
        for index in range(len(artifacts))
        for step in range(1, _NEIGHBOURS + 1)
    ]
    return {
        "schema": {"version": "16.0.18"},
        "descriptor": {"name": "syft", "version": "1.18.1"},
        "source": {"id": "x", "name": "large", "version": "", "type": "image", "metadata": {}},
        "artifacts": artifacts,
        "artifactRelationships": related,
    }


def _artifact(index: int, kind: str, name: str, purl: Purl) -> dict[str, Any]:
    return {
        "id": str(index),
        "name": name,
        "version": "1",
        "type": kind,
        "foundBy": "cataloger",
        "locations": [{"path": f"/usr/share/doc/{name}/copyright", "annotations": {"evidence": "primary"}}],
        "licenses": [{"value": "MIT", "spdxExpression": "MIT"}, {"value": f"Own licence {index % 50}"}],
        "cpes": [{"cpe": f"cpe:2.3:a:{name}:{name}:1:*:*:*:*:*:*:*"}],
        "purl": f"{purl}{'&' if '?' in purl else '?'}distro=debian-12&upstream=source",
    }


if __name__ == "__main__":
    sys.exit(main())

"""What holds for every reader of components of our own, and what a real scanner misses."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.inventories.readers import CATALOGERS, OWN, Cataloger, Found, Seen
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.scanners.scanning import packages_found
from fleet_audit.audit.sbom.canonical import canonical_purl
from tests.support.archives import stanza
from tests.support.images import Content
from tests.support.scanners import real_syft
from tests.support.worlds import installed, library, small_image

NAMES = [cataloger.name for cataloger in CATALOGERS]
DECLARED = '{"bomFormat": "CycloneDX", "components": [{"name": "libpng", "version": "1.6.50"}]}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", created="2026-11-20T00:00:00Z")


def python() -> dict[str, Content]:
    """Return this Python's program where its code is in a library, which is what syft misses."""
    program = Path(os.path.realpath(sys.executable))
    is_small = program.stat().st_size < 1 << 20
    return {"usr/local/bin/python3.11": program.read_bytes()} if is_small else {}


@pytest.fixture
def scene(tmp_path: Path, settings: Settings) -> Iterator[Scene]:
    """Give an image that holds something for every reader: two packages, a wheel with libraries, a Python."""
    files: dict[str, Content] = {
        **python(),
        "var/lib/dpkg/status": "\n".join(
            stanza(name, "1.0-1", Status="install ok installed") for name in ("libc6", "zlib1g")
        ),
    }
    wheel = installed(
        "pillow",
        {
            "PIL/__init__.py": "",
            "pillow-1.0.dist-info/sboms/own.cdx.json": DECLARED,
            **library("pillow.libs/libwebp-51b0b3f7.so.7.2.0"),
        },
    )
    place = small_image(files, wheel).write(tmp_path / "image", "oci")
    with open_scene(place, settings) as opened:
        yield opened


def found_by(cataloger: Cataloger, scene: Scene, settings: Settings) -> Found:
    return cataloger.find(Seen(Subject(name="x", image="x"), scene, Shared(settings)))


@pytest.mark.parametrize("cataloger", CATALOGERS, ids=NAMES)
def test_a_reader_finds_what_is_there_and_says_where(
    cataloger: Cataloger, scene: Scene, settings: Settings
) -> None:
    components = found_by(cataloger, scene, settings).components

    assert components
    for component in components:
        assert component.found_by == (OWN,)
        assert component.layer is not None
        for sighting in component.sightings:
            assert scene.image.tree.realpath(sighting.path) is not None


@pytest.mark.parametrize("cataloger", CATALOGERS, ids=NAMES)
def test_a_reader_answers_the_same_twice_with_refs_of_their_own(
    cataloger: Cataloger, scene: Scene, settings: Settings
) -> None:
    found = found_by(cataloger, scene, settings)
    refs = [component.ref for component in found.components]

    assert found == found_by(cataloger, scene, settings)
    assert len(refs) == len(set(refs))


@pytest.mark.parametrize("cataloger", CATALOGERS, ids=NAMES)
def test_a_canonical_url_is_written_as_such(cataloger: Cataloger, scene: Scene, settings: Settings) -> None:
    purls = [each.purl for each in found_by(cataloger, scene, settings).components if each.purl is not None]

    assert [canonical_purl(purl) for purl in purls] == purls


def _places(components: tuple[Component, ...]) -> set[str]:
    return {sighting.path for component in components for sighting in component.sightings}


def test_syft_finds_what_it_is_said_to_find_and_misses_what_it_is_said_to_miss(
    scene: Scene, settings: Settings
) -> None:
    document = packages_found(scene.image, real_syft(), settings).document
    told = {location.path for artifact in document.artifacts for location in artifact.locations}

    for cataloger in CATALOGERS:
        ours = _places(found_by(cataloger, scene, settings).components)
        if cataloger.is_missed:
            assert not ours & told, f"syft finds {cataloger.name} now: is our own reader still wanted?"
        elif cataloger.name != "operating-system":
            assert ours & told, cataloger.name

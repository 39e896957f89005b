"""Laws of merged SBOMs, for any text that an image may hold."""

from collections.abc import Callable
from contextlib import suppress
from itertools import permutations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, ImagePath, Purl
from fleet_audit.audit.model.inventory import Component, ImportedBy, Inventory, Link, Sighting, ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from fleet_audit.audit.sbom.merging import Part, merged, part_of, told_by_inventory
from fleet_audit.audit.sbom.patching import ForeignUnreadable
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.inventories import PILLOW, ZLIB
from tests.support.laws import examples

WHEN = "2026-11-14T00:00:00Z"
FEW = examples(40)
TEXT = st.text(max_size=6)
WORD = st.sampled_from(["", "a", "b", "a#b", "a@1", "%23", "sha256:ab"])
REFS = ("a", "b", "c#/usr/lib/x", ZLIB, PILLOW)
LICENCES = st.sampled_from(
    ["MIT", "MIT OR Zlib", "MIT AND (Zlib AND X11)", "GPL-2", "a\nb", "(MIT) AND", " "]
)
COMPONENTS = st.builds(
    Component,
    ref=st.sampled_from(REFS),
    name=st.one_of(WORD, TEXT),
    version=WORD,
    purl=st.sampled_from([None, ZLIB, PILLOW, Purl("pkg:cargo/ahash@1")]),
    kind=st.sampled_from(["library", "application", "operating-system", "container"]),
    source_name=WORD,
    source_version=st.sampled_from(["", "1:2-3", "2"]),
    licenses=st.lists(LICENCES, max_size=3).map(tuple),
    supplier=TEXT,
    origin=WORD,
    layer=st.sampled_from([None, DiffID("sha256:11"), DiffID("sha256:22")]),
    sightings=st.lists(
        st.builds(
            Sighting,
            st.sampled_from(["/a", "/a; b", "/b#c"]).map(ImagePath),
            st.sampled_from(["elf", "metadata"]),
            st.sampled_from([None, DiffID("sha256:11"), DiffID("sha256:22")]),
        ),
        max_size=2,
    ).map(tuple),
    bundled_in=st.sampled_from(["", "a", "nothing", PILLOW]),
    found_by=st.lists(st.sampled_from(["syft", "fleet-audit"]), max_size=2).map(tuple),
    hashes=st.sampled_from([{}, {"sha256": "ab" * 32}, {"sha256": "cd" * 32, "md5": "ab" * 16}]),
    properties=st.lists(
        st.tuples(st.sampled_from(["name", "origin", "merged", "kind", "x: y"]), st.one_of(WORD, TEXT)),
        max_size=2,
    ).map(tuple),
)
LINKS = st.builds(
    Link,
    st.sampled_from(REFS),
    st.sampled_from(REFS),
    st.sampled_from(["depends", "needs", "imports", "bundles", "contains"]),
    st.lists(TEXT, max_size=2).map(tuple),
)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    components = united(draw(st.lists(COMPONENTS, max_size=4)))
    refs = [component.ref for component in components]
    lines = draw(st.lists(st.builds(SourceLocation, TEXT, st.integers(0, 9)), max_size=1))
    gaps = draw(st.lists(st.builds(Gap, WORD, st.sampled_from(GapKind), WORD, WORD), max_size=1))
    return Inventory(
        subject=Component(ref="image", name=draw(WORD), kind="container", version=draw(WORD)),
        components=components,
        links=united_links(draw(st.lists(LINKS, max_size=6)), refs),
        imported=tuple(ImportedBy(draw(WORD), ref, line) for ref, line in zip(refs, lines, strict=False)),
        package_set=package_set_of(components),
        tools=(ToolUse("syft", draw(WORD)),),
        gaps=tuple(gaps),
    )


def as_cyclonedx(inventory: Inventory) -> bytes:
    body = cyclonedx(inventory, created=WHEN, version="1.0")
    check_cyclonedx(body)
    return body


def as_spdx(inventory: Inventory) -> bytes:
    body = spdx(inventory, created=WHEN, version="1.0")
    check_spdx(body)
    return body


WRITERS = pytest.mark.parametrize("write", [as_cyclonedx, as_spdx])
Writer = Callable[[Inventory], bytes]


def merge(write: Writer, *bodies: bytes) -> bytes:
    return write(merged([part_of(told_by("x.json", body)) for body in bodies], "fleet"))


@WRITERS
@FEW
@given(st.lists(inventories(), min_size=3, max_size=3))
def test_in_whatever_groups_documents_are_merged_the_bytes_are_the_same(
    write: Writer, found: list[Inventory]
) -> None:
    first, second, third = map(write, found)

    whole = merge(write, first, second, third)
    assert merge(write, merge(write, first, second), third) == whole
    assert merge(write, first, merge(write, second, third)) == whole


@WRITERS
@FEW
@given(st.lists(inventories(), min_size=2, max_size=3))
def test_the_order_of_documents_does_not_matter(write: Writer, found: list[Inventory]) -> None:
    bodies = [write(each) for each in found]

    assert len({merge(write, *each) for each in permutations(bodies)}) == 1


@WRITERS
@FEW
@given(inventories(), inventories())
def test_merging_what_is_merged_changes_nothing(write: Writer, first: Inventory, second: Inventory) -> None:
    bodies = write(first), write(second)
    once = merge(write, *bodies)

    assert merge(write, once) == once == merge(write, once, *bodies, once)


@FEW
@given(inventories(), inventories())
def test_no_evidence_of_either_image_is_lost(first: Inventory, second: Inventory) -> None:
    parts = [part_of(told_by_inventory(each)) for each in (first, second)]
    whole = merged(parts, "fleet")

    for found, part in zip((first, second), parts, strict=True):
        assert evidence(found.components) <= evidence(whole.components)
        assert evidence(part.components) <= evidence(whole.components)
        assert set(part.links) <= set(whole.links)
        assert len(whole.imported) >= len({each.service for each in found.imported})
        told = {pair for each in whole.components for pair in each.properties}
        assert {(each.how, line) for each in found.links for line in each.evidence} <= told
        assert {tool.name for tool in found.tools} <= {tool.name for tool in whole.tools}
        assert not any(gap.blocking for gap in found.gaps) or whole.gaps


def evidence(components: tuple[Component, ...]) -> set[tuple[str, object]]:
    """Return each single thing that is said of any component, wherever it stands."""
    labels = {"bundled-in", "purl", "found-by"}
    found: set[tuple[str, object]] = set()
    for each in components:
        found |= {pair for pair in each.properties if pair[0] not in labels and pair[1]}
        scalars = {"name": each.name, "version": each.version, "kind": each.kind, "origin": each.origin}
        scalars |= {"source-package": each.source_name, "supplier": each.supplier, "layer": each.layer or ""}
        found |= {pair for pair in scalars.items() if pair[1]}
        found |= {("sighting", sighting) for sighting in each.sightings}
        found |= {("licence", text) for text in each.licenses}
        found |= {("hash", f"{name}:{value}") for name, value in each.hashes.items()}
        found |= {("found by", name) for name in each.found_by}
    return found


@FEW
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.integers(), TEXT),
            lambda of: st.one_of(st.lists(of), st.dictionaries(TEXT, of)),
        ).map(lambda value: msgspec.json.encode({"bomFormat": "CycloneDX", "components": value})),
        st.recursive(
            st.one_of(st.none(), st.integers(), TEXT),
            lambda of: st.one_of(st.lists(of), st.dictionaries(TEXT, of)),
        ).map(lambda value: msgspec.json.encode({"spdxVersion": "SPDX-2.3", "packages": value})),
    )
)
@example(b'{"bomFormat": "CycloneDX", "metadata": {"tools": [1]}}')
@example(b'{"spdxVersion": "SPDX-2.3", "packages": [{"SPDXID": "x", "annotations": 3}]}')
def test_any_document_is_read_or_refused(body: bytes) -> None:
    with suppress(ForeignUnreadable):
        assert isinstance(part_of(told_by("x.json", body)), Part)

"""Laws of merged SBOMs, for any text that an image may hold."""

from collections.abc import Callable
from contextlib import suppress
from itertools import permutations

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.merging import Part, merged, part_of, told_by_inventory
from fleet_audit.audit.sbom.patching import ForeignUnreadable
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.any_inventories import FEW_WORDS, inventories
from tests.support.laws import examples

WHEN = "2026-11-14T00:00:00Z"
FEW = examples(40)
TEXT = st.text(max_size=6)
INVENTORIES = inventories(FEW_WORDS, TEXT, most=4)


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
@given(st.lists(INVENTORIES, min_size=3, max_size=3))
def test_in_whatever_groups_documents_are_merged_the_bytes_are_the_same(
    write: Writer, found: list[Inventory]
) -> None:
    first, second, third = map(write, found)

    whole = merge(write, first, second, third)
    assert merge(write, merge(write, first, second), third) == whole
    assert merge(write, first, merge(write, second, third)) == whole


@WRITERS
@FEW
@given(st.lists(INVENTORIES, min_size=2, max_size=3))
def test_the_order_of_documents_does_not_matter(write: Writer, found: list[Inventory]) -> None:
    bodies = [write(each) for each in found]

    assert len({merge(write, *each) for each in permutations(bodies)}) == 1


@WRITERS
@FEW
@given(INVENTORIES, INVENTORIES)
def test_merging_what_is_merged_changes_nothing(write: Writer, first: Inventory, second: Inventory) -> None:
    bodies = write(first), write(second)
    once = merge(write, *bodies)

    assert merge(write, once) == once == merge(write, once, *bodies, once)


@FEW
@given(INVENTORIES, INVENTORIES)
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

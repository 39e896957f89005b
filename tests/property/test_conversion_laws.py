"""Laws of SBOMs that are converted, for any text that an image may hold."""

from collections import Counter
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.pipeline.inventories.converted import FROM, converted
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.patching import ForeignUnreadable
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.any_inventories import FEW_WORDS, inventories
from tests.support.laws import examples

WHEN = "2026-11-14T00:00:00Z"
FEW = examples(60)
TEXT = st.text(max_size=6)
INVENTORIES = inventories(FEW_WORDS, TEXT, most=4)
NOTHING_OR_MORE = st.recursive(
    st.none() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def as_cyclonedx(inventory: Inventory) -> bytes:
    body = cyclonedx(inventory, created=WHEN, version="1.0")
    check_cyclonedx(body)
    return body


def as_spdx(inventory: Inventory) -> bytes:
    body = spdx(inventory, created=WHEN, version="1.0")
    check_spdx(body)
    return body


def told(component: Component) -> tuple[Any, ...]:
    """Return what both forms have a field for."""
    return (
        *(component.name, component.version, component.purl, component.kind, component.supplier),
        *(component.licenses, component.cpes, tuple(sorted(component.hashes.items()))),
    )


def links(inventory: Inventory) -> Counter[tuple[Any, ...]]:
    by_ref = {each.ref: told(each) for each in inventory.components}
    pairs = {(link.source, link.target) for link in inventory.links}
    return Counter((by_ref[source], by_ref[target]) for source, target in pairs)


@FEW
@given(INVENTORIES)
def test_what_both_forms_tell_survives_the_way_to_the_other_form_and_back(given_: Inventory) -> None:
    first = converted("x.json", as_cyclonedx(given_)).inventory
    there = converted("x.json", as_spdx(first)).inventory
    back = converted("x.json", as_cyclonedx(there)).inventory

    for other in (there, back):
        assert Counter(map(told, other.components)) == Counter(map(told, first.components))
        assert links(other) == links(first)
        assert other.package_set == first.package_set
        assert [gap.kind for gap in other.gaps] == [gap.kind for gap in first.gaps]


@FEW
@given(INVENTORIES)
def test_the_same_file_is_converted_to_the_same_bytes_and_another_to_others(found: Inventory) -> None:
    body = as_cyclonedx(found)

    once, again = (as_spdx(converted("a/x.json", body).inventory) for _ in range(2))

    assert once == again
    assert as_spdx(converted("x.json", body + b"\n").inventory) != once
    assert FROM in once.decode()


@FEW
@given(
    st.sampled_from(["components", "dependencies", "metadata", "packages", "relationships"]), NOTHING_OR_MORE
)
def test_no_document_ends_in_anything_but_an_inventory_or_a_sentence(key: str, value: Any) -> None:
    for head in ({"bomFormat": "CycloneDX", "specVersion": "1.6"}, {"spdxVersion": "SPDX-2.3"}):
        with suppress(ForeignUnreadable):
            report = converted("x", msgspec.json.encode({**head, key: value}))
            as_cyclonedx(report.inventory)
            as_spdx(report.inventory)

"""Laws of inventories and their documents, for any text that an image may hold."""

from contextlib import suppress
from itertools import permutations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.inventory import Component, Inventory, Link
from fleet_audit.audit.sbom.bundled import bundled_name
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.sbom.cyclonedx import cyclonedx, dependencies
from fleet_audit.audit.sbom.declared import SbomUnreadable, declared
from fleet_audit.audit.sbom.joining import united, united_links
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from tests.support.any_inventories import REFS, components, inventories, links
from tests.support.inventories import PILLOW

WHEN = "2026-11-14T00:00:00Z"
TEXT = st.text(max_size=30)
COMPONENTS, LINKS = components(TEXT, TEXT), links(TEXT)
INVENTORIES = inventories(TEXT, TEXT, most=5)


@given(INVENTORIES)
def test_documents_are_valid_whatever_an_image_holds(inventory: Inventory) -> None:
    check_cyclonedx(cyclonedx(inventory, created=WHEN, version="1.0"))
    check_spdx(spdx(inventory, created=WHEN, version="1.0"))


@given(INVENTORIES)
def test_equal_inventories_give_equal_bytes(inventory: Inventory) -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(inventory), type=Inventory)

    for write in (cyclonedx, spdx):
        assert write(inventory, created=WHEN, version="1") == write(again, created=WHEN, version="1")


@given(INVENTORIES)
def test_from_the_image_everything_is_reached(inventory: Inventory) -> None:
    below = {row["ref"]: row.get("dependsOn", []) for row in dependencies(inventory)}
    reached, pending = set(), ["image"]
    while pending:
        ref = pending.pop()
        if ref not in reached:
            reached.add(ref)
            pending += below[ref]

    assert reached == {"image", *(component.ref for component in inventory.components)}


@given(st.lists(COMPONENTS, max_size=6))
def test_uniting_again_changes_nothing_and_drops_nothing(components: list[Component]) -> None:
    once = united(components)

    assert united(once) == once == united([*once, *components])
    assert {each.ref for each in once} == {each.ref for each in components}
    assert {s for each in once for s in each.sightings} == {s for each in components for s in each.sightings}
    assert {text for each in once for text in each.licenses} == {
        text for each in components for text in each.licenses
    }
    assert {p for each in once for p in each.properties} == {
        p for each in components for p in each.properties
    }


@given(st.lists(COMPONENTS, min_size=3, max_size=3))
def test_in_whatever_groups_components_are_united_the_answer_is_the_same(components: list[Component]) -> None:
    first, second, third = components

    assert united([*united([first, second]), third]) == united([first, *united([second, third])])


@given(st.lists(LINKS, max_size=4))
def test_the_order_of_links_does_not_matter(links: list[Link]) -> None:
    assert len({united_links(each, REFS) for each in permutations(links)}) == 1


@given(st.one_of(TEXT, TEXT.map(lambda text: f"pkg:deb/debian/{text}"), TEXT.map(lambda text: f"pkg:{text}")))
def test_what_is_canonical_stays_as_it_is(text: str) -> None:
    once = canonical_purl(text)

    assert once is None or canonical_purl(once) == once


@given(st.text(max_size=300))
def test_any_file_name_has_a_name(name: str) -> None:
    assert bundled_name(name).soname or not name


@given(st.one_of(st.binary(max_size=200), TEXT.map(lambda text: msgspec.json.encode({"bomFormat": text}))))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(SbomUnreadable):
        assert isinstance(declared(body, PILLOW), tuple)

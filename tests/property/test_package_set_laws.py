"""Laws of the digest of a set of packages, by which exceptions know what is in an image."""

from random import Random

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component, Inventory
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.joining import package_set_of

NAMES = st.sampled_from(["zlib1g", "curl", "libgl1", "python3", "tini"])
VERSIONS = st.integers(1, 9).map(str)


@st.composite
def packages(draw: st.DrawFn) -> tuple[Component, ...]:
    """Draw installed packages, each name once."""
    found = draw(st.dictionaries(NAMES, VERSIONS, min_size=1))
    return tuple(package(name, version) for name, version in found.items())


def package(name: str, version: str) -> Component:
    purl = Purl(f"pkg:deb/debian/{name}@{version}?arch=amd64")
    return Component(ref=purl, name=name, version=version, purl=purl)


@given(packages(), st.randoms())
def test_it_survives_another_order_and_repetitions(found: tuple[Component, ...], chance: Random) -> None:
    again = [*found, *found]
    chance.shuffle(again)

    assert package_set_of(again) == package_set_of(found)


@given(packages(), st.data(), VERSIONS)
def test_it_changes_when_one_package_moves(
    found: tuple[Component, ...], data: st.DataObject, version: str
) -> None:
    moving = data.draw(st.sampled_from(found))
    assume(version != moving.version)
    moved = tuple(package(each.name, version) if each is moving else each for each in found)

    assert package_set_of(moved) != package_set_of(found)


@given(packages(), st.data())
def test_it_changes_when_one_package_comes_or_goes(found: tuple[Component, ...], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(found))

    assert package_set_of(each for each in found if each is not gone) != package_set_of(found)


@given(packages(), st.sampled_from(["2026-01-01T00:00:00Z", "2026-11-20T09:30:00Z"]), st.integers(0, 2**64))
def test_it_survives_timestamps_and_serial_numbers_of_documents(
    found: tuple[Component, ...], created: str, serial: int
) -> None:
    inventory = Inventory(
        Component("image:x", "x", kind="container"), found, package_set=package_set_of(found)
    )
    document = msgspec.json.decode(cyclonedx(inventory, created=created, version=str(serial)))
    document["serialNumber"] = f"urn:uuid:00000000-0000-4000-8000-{serial % 16**12:012x}"

    told = told_by("x.json", msgspec.json.encode(document))

    assert package_set_of(told.components) == inventory.package_set

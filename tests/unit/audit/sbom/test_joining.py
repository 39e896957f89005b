"""Several who found one thing found one thing, and nothing that only one of them says is lost."""

from fleet_audit.audit.model.identity import ImagePath, Purl
from fleet_audit.audit.model.inventory import Component, Link, Sighting
from fleet_audit.audit.sbom.joining import installed_purls, package_set_of, united, united_links
from tests.support.inventories import LIBC, PILLOW, WEBP, ZLIB, components


def test_what_is_said_first_counts_and_the_rest_is_added() -> None:
    ours = Component(ref=ZLIB, name="zlib1g", version="1", origin="base", found_by=("fleet-audit",))
    theirs = Component(
        ref=ZLIB,
        name="zlib1g:amd64",
        version="2",
        supplier="Debian",
        licenses=("Zlib",),
        sightings=(Sighting(ImagePath("/a"), "metadata"),),
        found_by=("syft",),
    )

    (found,) = united([ours, theirs])

    assert (found.name, found.version, found.origin) == ("zlib1g", "1", "base")
    assert (found.supplier, found.licenses, found.found_by) == ("Debian", ("Zlib",), ("fleet-audit", "syft"))
    assert [sighting.path for sighting in found.sightings] == ["/a"]


def test_components_are_in_the_order_of_their_refs() -> None:
    assert [each.ref for each in united(reversed(components()))] == sorted(each.ref for each in components())


def test_uniting_twice_is_uniting_once() -> None:
    once = united([*components(), *components()])

    assert united(once) == once == united(components())


def test_links_to_what_is_not_listed_or_to_itself_are_none() -> None:
    links = [Link(ZLIB, "nowhere", "depends"), Link(ZLIB, ZLIB, "depends"), Link(ZLIB, LIBC, "depends")]

    assert united_links(links, [ZLIB, LIBC]) == (Link(ZLIB, LIBC, "depends"),)


def test_evidence_for_one_link_is_gathered_and_bounded() -> None:
    links = [Link(ZLIB, LIBC, "needs", (f"{number:03} needs libc.so.6",)) for number in range(100)]

    (link,) = united_links(links, [ZLIB, LIBC])

    assert link.evidence[0] == "000 needs libc.so.6"
    assert len(link.evidence) == 20


def test_the_set_of_packages_is_what_package_managers_installed() -> None:
    guessed = Component(ref="pkg:generic/python@3.11", name="python", purl=Purl("pkg:generic/python@3.11"))
    noted = Component(ref="note", name="systemd", purl=Purl("pkg:deb/systemd@252.39-1"))
    bundled = Component(ref=WEBP, name="libwebp", purl=Purl("pkg:cargo/webp@1"), bundled_in=PILLOW)

    assert set(installed_purls([*components(), guessed, noted, bundled])) == {LIBC, ZLIB, PILLOW}
    assert package_set_of([*components(), guessed]) == package_set_of(components())


def test_an_image_without_packages_has_no_digest_of_them() -> None:
    assert package_set_of([]) is None

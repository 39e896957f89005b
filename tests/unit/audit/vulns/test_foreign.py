"""Packages are taken from SBOMs of others, with the source packages that their makers note in their ways."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.vulns.foreign import SbomUnreadable, packages_listed

OF_SYFT = {
    "name": "zlib1g",
    "version": "1:1.2.13.dfsg-1",
    "purl": "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib",
}
OF_TRIVY = {
    "name": "zlib1g",
    "version": "1:1.2.13.dfsg-1",
    "purl": "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12.5&epoch=1",
    "properties": [
        {"name": "aquasecurity:trivy:SrcName", "value": "zlib"},
        {"name": "aquasecurity:trivy:SrcVersion", "value": "1.2.13.dfsg"},
        {"name": "aquasecurity:trivy:SrcRelease", "value": "1"},
        {"name": "aquasecurity:trivy:SrcEpoch", "value": "1"},
    ],
}


def bom(*components: dict[str, Any], **more: Any) -> bytes:
    listed = [{"type": "library", "bom-ref": str(n), **each} for n, each in enumerate(components)]
    return msgspec.json.encode({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": listed, **more})


def listed(body: bytes) -> dict[str, Component]:
    return {each.name: each for each in packages_listed("x.json", body, canonical_purl).components}


@pytest.mark.parametrize("component", [OF_SYFT, OF_TRIVY])
def test_the_same_package_is_the_same_whoever_wrote_it_down(component: dict[str, Any]) -> None:
    zlib = listed(bom(component))["zlib1g"]

    assert zlib.purl == "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"
    assert (zlib.version, zlib.source_name) == ("1:1.2.13.dfsg-1", "zlib")


def test_the_version_of_a_source_is_kept_where_it_is_another() -> None:
    properties = [
        {"name": "syft:metadata:source", "value": "shadow"},
        {"name": "syft:metadata:sourceVersion", "value": "1:4.13"},
    ]
    built_anew = {"name": "login", "version": "1:4.13+b1", "purl": "pkg:deb/debian/login@1%3A4.13%2Bb1"}
    in_url = {"name": "passwd", "purl": "pkg:deb/debian/passwd@1%3A4.13%2Bb1?upstream=shadow%401:4.13"}

    found = listed(bom({**built_anew, "properties": properties}, in_url))

    assert (found["login"].source_name, found["login"].source_version) == ("shadow", "1:4.13")
    assert (found["passwd"].source_name, found["passwd"].source_version) == ("shadow", "1:4.13")


def test_the_system_is_the_one_that_is_listed_else_that_of_the_urls() -> None:
    system = {"type": "operating-system", "name": "debian", "version": "11"}

    of_list, of_urls = listed(bom(OF_SYFT, system)), listed(bom(OF_SYFT))

    assert (of_list["debian"].version, of_urls["debian"].version) == ("11", "12")


def test_components_within_others_are_listed_and_those_without_a_url_are_not() -> None:
    nested = {"name": "app", "components": [{"name": "jinja2", "version": "3", "purl": "pkg:pypi/Jinja2@3"}]}

    assert [each.purl for each in listed(bom(nested)).values()] == ["pkg:pypi/jinja2@3"]


def test_a_package_in_several_places_is_asked_about_once() -> None:
    found = packages_listed("x", bom(OF_SYFT, OF_TRIVY), canonical_purl).components

    assert [each.name for each in found] == ["debian", "zlib1g"]


def test_components_that_lie_too_deep_in_others_are_an_error() -> None:
    deep: dict[str, Any] = {"name": "x"}
    for _ in range(12):
        deep = {"name": "x", "components": [deep]}

    with pytest.raises(SbomUnreadable, match="too deep"):
        packages_listed("x", bom(deep), canonical_purl)


def test_what_it_is_of_is_told_by_its_name() -> None:
    named = bom(metadata={"component": {"name": "family-web", "type": "container"}})

    assert packages_listed("x.json", named, canonical_purl).subject == "family-web"
    assert packages_listed("x.json", bom(), canonical_purl).subject == "x.json"


@given(st.recursive(st.none() | st.text(max_size=5), lambda c: st.lists(c) | st.dictionaries(st.text(), c)))
def test_no_document_ends_in_anything_but_packages_or_a_sentence(document: Any) -> None:
    body = msgspec.json.encode({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": document})

    with suppress(SbomUnreadable):
        packages_listed("x", body, canonical_purl)


@given(st.text(max_size=80))
def test_no_url_ends_in_anything_but_a_package_or_none(purl: str) -> None:
    packages_listed("x", bom({"name": "a", "version": "1", "purl": purl}), canonical_purl)

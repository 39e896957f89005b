"""Packages are taken from documents of others, with the source packages that each notes in its own way."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.sbom.merging import settled
from fleet_audit.audit.sbom.patching import ForeignUnreadable
from fleet_audit.audit.vulns.foreign import SeveralSystems, packages_listed

ZLIB = "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"
URL_OF_SYFT = "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"
URL_OF_TRIVY = "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12.5&epoch=1"
OF_SYFT = {"name": "zlib1g", "version": "1:1.2.13.dfsg-1", "purl": URL_OF_SYFT}
OF_TRIVY = {
    "name": "zlib1g",
    "version": "1.2.13.dfsg-1",
    "purl": URL_OF_TRIVY,
    "properties": [
        {"name": "aquasecurity:trivy:SrcName", "value": "zlib"},
        {"name": "aquasecurity:trivy:SrcVersion", "value": "1.2.13.dfsg"},
        {"name": "aquasecurity:trivy:SrcRelease", "value": "1"},
        {"name": "aquasecurity:trivy:SrcEpoch", "value": "1"},
    ],
}
DEBIAN_11 = {"type": "operating-system", "name": "debian", "version": "11"}
DEBIAN_12 = {**DEBIAN_11, "version": "12"}


def bom(*components: dict[str, Any], **more: Any) -> bytes:
    listed = [{"type": "library", "bom-ref": str(n), **each} for n, each in enumerate(components)]
    return msgspec.json.encode({"bomFormat": "CycloneDX", "specVersion": "1.5", "components": listed, **more})


def spdx(url: str, **package: Any) -> bytes:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}
    listed = {"SPDXID": "SPDXRef-1", "name": "zlib1g", "externalRefs": [reference], **package}
    system = {
        "SPDXID": "SPDXRef-2",
        "name": "debian",
        "versionInfo": "12.5",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    }
    head = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "x"}
    return msgspec.json.encode({**head, "packages": [listed, system]})


def packages(body: bytes) -> tuple[Component, ...]:
    return packages_listed("x.json", (settled([each]) for each in told_by("x.json", body).components))


def listed(body: bytes) -> dict[str, Component]:
    return {each.name: each for each in packages(body)}


@pytest.mark.parametrize(
    "body",
    [
        bom(OF_SYFT),
        bom(OF_TRIVY),
        spdx(URL_OF_SYFT, versionInfo="1:1.2.13.dfsg-1", sourceInfo="acquired package info from DPKG DB: /x"),
        spdx(URL_OF_TRIVY, sourceInfo="built package from: zlib 1:1.2.13.dfsg-1"),
    ],
)
def test_the_same_package_is_the_same_whoever_wrote_it_down(body: bytes) -> None:
    zlib = listed(body)["zlib1g"]

    assert zlib.purl == ZLIB
    assert (zlib.version, zlib.source_name) == ("1:1.2.13.dfsg-1", "zlib")


def test_what_a_package_was_acquired_from_is_no_source_package() -> None:
    told = "acquired package info from DPKG DB: built package from: nothing"

    assert listed(spdx(URL_OF_TRIVY, sourceInfo=told))["zlib1g"].source_name == ""


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
    of_list, of_urls = listed(bom(OF_SYFT, DEBIAN_11)), listed(bom(OF_SYFT))

    assert (of_list["debian"].version, of_urls["debian"].version) == ("11", "12")


def test_packages_of_two_systems_are_not_looked_up_in_one_of_them() -> None:
    with pytest.raises(SeveralSystems, match=r"x\.json: lists debian 11, debian 12; give the documents"):
        packages(bom(OF_SYFT, DEBIAN_11, DEBIAN_12))


def test_a_point_release_is_the_release() -> None:
    point_release = {**DEBIAN_12, "version": "12.5"}

    assert listed(bom(OF_SYFT, DEBIAN_12, point_release))["debian"].version == "12.5"


def test_components_within_others_are_listed_and_those_without_a_url_are_not() -> None:
    nested = {"name": "app", "components": [{"name": "jinja2", "version": "3", "purl": "pkg:pypi/Jinja2@3"}]}

    assert [each.purl for each in listed(bom(nested)).values()] == ["pkg:pypi/jinja2@3"]


def test_a_package_in_several_places_is_asked_about_once() -> None:
    assert [each.name for each in packages(bom(OF_SYFT, OF_TRIVY))] == ["debian", "zlib1g"]


@given(st.recursive(st.none() | st.text(max_size=5), lambda c: st.lists(c) | st.dictionaries(st.text(), c)))
def test_no_document_ends_in_anything_but_packages_or_a_sentence(document: Any) -> None:
    body = msgspec.json.encode({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": document})

    with suppress(ForeignUnreadable):
        packages(body)


@given(st.text(max_size=80))
def test_no_url_ends_in_anything_but_a_package_or_none(purl: str) -> None:
    packages(bom({"name": "a", "version": "1", "purl": purl}))

"""One package has one URL, whoever wrote it down."""

import pytest

from fleet_audit.audit.sbom.canonical import canonical_purl, purl_type, system_of


def test_what_two_scanners_write_of_one_package_is_the_same() -> None:
    syft = "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12&upstream=zlib"
    trivy = "pkg:deb/debian/zlib1g@1.2.13.dfsg-1?arch=amd64&distro=debian-12.15&epoch=1"

    assert canonical_purl(syft) == canonical_purl(trivy) == "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("pkg:pypi/Zope.Interface@5.4", "pkg:pypi/zope-interface@5.4"),
        ("pkg:pypi/opencv_python@4.14?file_name=x.whl", "pkg:pypi/opencv-python@4.14"),
        ("pkg:pypi/pillow@13.0.0#c-ext/PIL._webp", "pkg:pypi/pillow@13.0.0"),
        ("pkg:npm/%40babel/core@7.0.0", "pkg:npm/%40babel/core@7.0.0"),
        ("pkg:deb/debian/a@1.0?arch=amd64&epoch=0", "pkg:deb/debian/a@1.0?arch=amd64"),
    ],
)
def test_names_and_qualifiers_are_normalised(written: str, canonical: str) -> None:
    assert canonical_purl(written) == canonical


def test_architectures_tell_packages_apart() -> None:
    written = ("pkg:deb/debian/a@1?arch=amd64", "pkg:deb/debian/a@1?arch=i386")

    assert len({canonical_purl(each) for each in written}) == 2


def test_what_is_canonical_stays_as_it_is() -> None:
    once = canonical_purl("pkg:deb/debian/a%2B@2.0%2Bb1?arch=amd64&epoch=3")

    assert once is not None
    assert canonical_purl(once) == once


@pytest.mark.parametrize("text", ["", "zlib", "pkg:", "pkg:deb", "http://archive.example/zlib"])
def test_what_is_no_package_url_is_none(text: str) -> None:
    assert canonical_purl(text) is None


def test_the_type_of_a_url_is_its_first_part() -> None:
    assert purl_type("pkg:deb/debian/zlib1g@1") == "deb"


@pytest.mark.parametrize(
    ("purl", "system"),
    [
        ("pkg:deb/debian/zlib1g@1:1.2.13?arch=amd64", "debian"),
        ("pkg:rpm/centos/libXau@1.0.8-2.1.el7", "centos"),
        ("pkg:deb/systemd@252.39-1~deb12u2", ""),
        ("pkg:npm/%40babel/core@7.0.0", ""),
    ],
)
def test_only_a_package_of_a_system_has_one(purl: str, system: str) -> None:
    assert system_of(purl) == system

"""The package-set digest moves when a package moves, and at no other time."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.model.apt import InstalledPackage
from fleet_audit.audit.model.identity import DistributionName, Distro, PackageName, Purl
from fleet_audit.audit.sbom.package_set import debian_purl, package_set_digest, python_purl

ZLIB = InstalledPackage(PackageName("zlib1g"), "1:1.2.13.dfsg-1", "amd64", source="zlib")


def test_a_debian_package_keeps_its_epoch_and_loses_what_scanners_add() -> None:
    assert debian_purl(ZLIB, Distro(id="debian")) == "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64"


def test_a_python_distribution_has_its_normalised_name() -> None:
    assert python_purl(DistributionName("opencv-python"), "4.11.0.86") == "pkg:pypi/opencv-python@4.11.0.86"


@given(st.lists(st.text(min_size=1)))
def test_order_and_repetition_do_not_change_the_digest(names: list[str]) -> None:
    purls = [Purl(name) for name in names]

    assert package_set_digest(purls) == package_set_digest([*reversed(purls), *purls])


def test_one_moved_package_changes_the_digest() -> None:
    before = debian_purl(ZLIB, Distro(id="debian"))
    after = Purl(before.replace("dfsg-1", "dfsg-2"))

    assert package_set_digest([before]) != package_set_digest([after])

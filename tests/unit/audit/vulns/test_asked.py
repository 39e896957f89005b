"""What trivy is asked about."""

import msgspec
import pytest

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.vulns.asked import askable, split_version, trivy_document

SYSTEM = Component(ref="os:debian@12", name="debian", version="12", kind="operating-system")


def component(name: str, kind: str, *, source: str = "", source_version: str = "") -> Component:
    purl = Purl(f"pkg:{kind}/{name}@1%3A1.2-3")
    return Component(
        ref=purl,
        name=name,
        version="1:1.2-3",
        purl=purl,
        source_name=source,
        source_version=source_version,
    )


def properties(document: bytes, name: str) -> dict[str, str]:
    told = {each["name"]: each for each in msgspec.json.decode(document)["components"]}
    return {each["name"].rpartition(":")[2]: each["value"] for each in told[name]["properties"]}


def test_a_debian_package_is_told_with_its_source() -> None:
    zlib = component("zlib1g", "deb/debian", source="zlib")

    told = properties(trivy_document("image", [SYSTEM, zlib]), "zlib1g")

    assert told == {
        "PkgType": "debian",
        "SrcName": "zlib",
        "SrcVersion": "1.2",
        "SrcRelease": "3",
        "SrcEpoch": "1",
    }


def test_a_source_with_a_version_of_its_own_is_told_with_that() -> None:
    package = component("libfoo1", "deb/debian", source="foo", source_version="7.0")

    told = properties(trivy_document("image", [SYSTEM, package]), "libfoo1")

    assert (told["SrcName"], told["SrcVersion"]) == ("foo", "7.0")
    assert "SrcRelease" not in told


def test_a_package_that_is_its_own_source_names_itself() -> None:
    told = properties(trivy_document("image", [SYSTEM, component("bash", "deb/debian")]), "bash")

    assert told["SrcName"] == "bash"


def test_a_wheel_has_no_source_package() -> None:
    told = properties(trivy_document("image", [component("pillow", "pypi")]), "pillow")

    assert told == {"PkgType": "python-pkg"}


def test_what_no_package_manager_knows_is_not_asked_about() -> None:
    found = askable([component("python", "generic"), component("pillow", "pypi"), SYSTEM])

    assert [each.name for each in found] == ["pillow"]


def test_the_same_components_in_another_order_make_the_same_document() -> None:
    one, other = component("a", "pypi"), component("b", "pypi")

    assert trivy_document("image", [one, other]) == trivy_document("image", [other, one])


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("1:1.2.13.dfsg-1", ("1", "1.2.13.dfsg", "1")),
        ("0:1.2-3", ("", "1.2", "3")),
        ("2.36-9+deb12u3", ("", "2.36", "9+deb12u3")),
        ("1.0-rc1-2", ("", "1.0-rc1", "2")),
        ("20230401", ("", "20230401", "")),
    ],
)
def test_a_debian_version_has_an_epoch_an_upstream_version_and_a_revision(
    version: str, parts: tuple[str, str, str]
) -> None:
    assert split_version(version) == parts

"""What trivy says, as advisories of our own."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.model.advisories import Advisory, Catalogue
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.tools.trivy import parse
from fleet_audit.audit.vulns.catalogue import catalogue, joined, not_judged

RECORDED = Path(__file__).parents[3] / "fixtures" / "scanners" / "trivy-0.68.2-vulnerable-image.json"


def of(
    *vulnerabilities: dict[str, object],
    packages: list[dict[str, object]],
    kind: str = "os-pkgs",
    preferred: tuple[str, ...] = (),
) -> Catalogue:
    body = {
        "SchemaVersion": 2,
        "ArtifactName": "image",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12"}},
        "Results": [
            {
                "Target": "x",
                "Class": kind,
                "Type": "debian",
                "Packages": packages,
                "Vulnerabilities": list(vulnerabilities),
            }
        ],
    }
    return catalogue(parse(msgspec.json.encode(body)), canonical_purl, preferred)


def package(
    name: str, version: str = "1.0", *, source: str = "", kind: str = "deb/debian"
) -> dict[str, object]:
    identifier = {"PURL": f"pkg:{kind}/{name}@{version}", "UID": f"uid-{name}"}
    return {"Name": name, "Version": version, "SrcName": source, "Identifier": identifier}


def hit(name: str, id_: str = "CVE-2030-1", version: str = "1.0", **more: object) -> dict[str, object]:
    return {
        "VulnerabilityID": id_,
        "PkgName": name,
        "InstalledVersion": version,
        "PkgIdentifier": {"UID": f"uid-{name}"},
        **more,
    }


def only(found: Catalogue) -> Advisory:
    (advisory,) = found.advisories
    return advisory


def test_binary_packages_of_one_source_are_one_advisory() -> None:
    found = catalogue(parse(RECORDED.read_bytes()), canonical_purl)

    webp = [each for each in found.advisories if each.package == "libwebp"]
    assert [each.id for each in webp] == ["CVE-2023-4863"]
    assert webp[0].affected == (
        "pkg:deb/debian/libwebp7@1.2.4-0.2?arch=amd64",
        "pkg:deb/debian/libwebpmux3@1.2.4-0.2?arch=amd64",
    )
    assert webp[0].fixed_in == ("1.2.4-0.2+deb12u1",)
    assert webp[0].aliases == ("DSA-5497-1",)


def test_the_same_advisory_on_a_wheel_is_another_one() -> None:
    found = catalogue(parse(RECORDED.read_bytes()), canonical_purl)

    keys = [each.key for each in found.advisories if each.id == "CVE-2023-4863"]
    assert keys == [
        ("deb", "libwebp", "CVE-2023-4863"),
        ("pypi", "opencv-python-headless", "CVE-2023-4863"),
    ]


def test_everything_that_was_looked_at_is_told_whether_or_not_something_is_wrong_with_it() -> None:
    found = catalogue(parse(RECORDED.read_bytes()), canonical_purl)

    assert "pkg:pypi/jinja2@3.1.6" in found.examined
    assert (found.system, found.is_end_of_life) == ("debian 12.15", False)


def test_the_distribution_s_word_goes_before_nvd_s_and_that_before_github_s() -> None:
    every = hit("perl", VendorSeverity={"ghsa": 4, "nvd": 3, "debian": 1}, Severity="CRITICAL")
    general = hit("perl", VendorSeverity={"ghsa": 4, "nvd": 3}, Severity="CRITICAL")

    assert only(of(every, packages=[package("perl")])).severity == "low"
    told = only(of(general, packages=[package("perl")]))
    assert (told.severity, told.severity_source) == ("high", "nvd")
    assert [each.source for each in told.ratings] == ["ghsa", "nvd"]


def test_a_preferred_source_goes_before_all_others_where_it_has_rated_it() -> None:
    rated = hit("perl", VendorSeverity={"ghsa": 4, "nvd": 3, "debian": 1})
    others = hit("perl", VendorSeverity={"nvd": 3, "debian": 1})
    perl = [package("perl")]

    assert only(of(rated, packages=perl, preferred=("redhat", "ghsa"))).severity_source == "ghsa"
    assert only(of(others, packages=perl, preferred=("redhat", "ghsa"))).severity_source == "debian"


def test_a_distribution_has_no_word_on_what_it_does_not_ship() -> None:
    rated = hit("pillow", VendorSeverity={"debian": 1, "ghsa": 4})
    wheel = package("pillow", kind="pypi")

    assert only(of(rated, packages=[wheel], kind="lang-pkgs")).severity == "critical"


def test_a_source_that_has_not_rated_it_is_passed_over() -> None:
    unrated = hit("zlib1g", VendorSeverity={"debian": 0, "nvd": 2})

    assert only(of(unrated, packages=[package("zlib1g")])).severity_source == "nvd"


@pytest.mark.parametrize("stated", ["1.2, 1.3", ["1.2", "1.3"]])
def test_versions_that_mend_it_may_be_a_text_or_a_list(stated: object) -> None:
    found = of(hit("a", FixedVersion=stated), packages=[package("a")])

    assert only(found).fixed_in == ("1.2", "1.3")


def test_without_a_fix_there_is_none() -> None:
    assert only(of(hit("a"), packages=[package("a")])).fixed_in == ()


def test_one_that_github_names_bears_its_cve() -> None:
    found = of(hit("a", "GHSA-1111-2222-3333", VendorIDs=["CVE-2030-9"]), packages=[package("a")])

    assert (only(found).id, only(found).aliases) == ("CVE-2030-9", ("GHSA-1111-2222-3333",))


def test_an_advisory_on_a_package_that_is_not_listed_is_told_all_the_same() -> None:
    found = only(of(hit("ghost"), packages=[]))

    assert (found.package, found.affected) == ("ghost", ("pkg:generic/ghost@1.0",))


def test_two_answers_on_parts_of_an_image_are_one() -> None:
    one = of(hit("a", VendorSeverity={"nvd": 1}), packages=[package("a", source="s")])
    other = of(hit("b", VendorSeverity={"nvd": 1}), packages=[package("b", source="s")])

    both = joined(one, other)

    assert only(both).affected == ("pkg:deb/debian/a@1.0", "pkg:deb/debian/b@1.0")
    assert both.examined == ("pkg:deb/debian/a@1.0", "pkg:deb/debian/b@1.0")
    assert joined(one, one) == one


def test_the_worst_come_first() -> None:
    mild, grave = hit("a", "CVE-1", VendorSeverity={"nvd": 1}), hit("b", "CVE-2", VendorSeverity={"nvd": 4})

    found = of(mild, grave, packages=[package("a"), package("b")])

    assert [each.id for each in found.advisories] == ["CVE-2", "CVE-1"]


def test_a_severity_that_is_no_number_of_trivy_s_is_unknown() -> None:
    found = only(of(hit("a", VendorSeverity={"nvd": 9}), packages=[package("a")]))

    assert found.ratings[0].severity == "unknown"


def test_what_is_listed_of_another_system_was_not_looked_at() -> None:
    own, foreign = package("zlib1g"), package("libgfortran", kind="rpm/centos")
    body = {
        "SchemaVersion": 2,
        "ArtifactName": "image",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12"}},
        "Results": [{"Target": "x", "Class": "os-pkgs", "Type": "debian", "Packages": [own, foreign]}],
    }

    report = parse(msgspec.json.encode(body))

    assert catalogue(report, canonical_purl).examined == ("pkg:deb/debian/zlib1g@1.0",)
    assert not_judged(report, canonical_purl) == ("pkg:rpm/centos/libgfortran@1.0",)


def test_a_distribution_that_urls_name_otherwise_is_the_image_s_own() -> None:
    named_otherwise = package("zlib", kind="rpm/opensuse")

    assert of(packages=[named_otherwise]).examined == ("pkg:rpm/opensuse/zlib@1.0",)

"""A finding says what it is about in words by which an exception can name it."""

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.installs import Install
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.facts import BinaryFacts, NeedFacts
from fleet_audit.audit.policy.matter import matter_of

TIFF = Purl("pkg:deb/debian/libtiff6@4.5.0-6")


def test_an_advisory_is_named_by_its_id_its_aliases_and_each_affected_package() -> None:
    facts = AdvisoryFacts(id="CVE-1", aliases=("GHSA-1",), package="tiff", affected=(TIFF,))
    assert matter_of(facts) == (("package", "tiff"), ("purl", TIFF), ("vuln", "CVE-1"), ("vuln", "GHSA-1"))


def test_a_need_is_named_as_people_type_it_and_not_by_a_file_of_the_image() -> None:
    facts = NeedFacts(subject="so:libGL.so.1", path="/usr/lib/libGL.so.1", services=("ocr", "cam"))
    assert matter_of(facts) == (("need", "so:libGL.so.1"), ("service", "cam"), ("service", "ocr"))


def test_what_is_installed_is_named_by_its_package_and_its_file() -> None:
    facts = Install(name="numpy", path="Dockerfile")
    assert matter_of(facts) == (("package", "numpy"), ("path", "Dockerfile"))


def test_other_facts_are_named_by_their_path_alone() -> None:
    assert matter_of(BinaryFacts(path="/usr/bin/x", kind="isa")) == (("path", "/usr/bin/x"),)

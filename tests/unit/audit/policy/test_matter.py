"""A finding says what it is about in words by which an exception can name it."""

import msgspec
import pytest

from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.installs import Install
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.facts import FACTS, BinaryFacts, NeedFacts, SubjectKind
from fleet_audit.audit.policy.matter import keys_of, matter_of

TIFF = Purl("pkg:deb/debian/libtiff6@4.5.0-6")
TOOLS = Purl("pkg:deb/debian/libtiff-tools@4.5.0-6")


def test_an_advisory_is_named_by_its_id_its_aliases_and_each_affected_package() -> None:
    facts = AdvisoryFacts(id="CVE-1", aliases=("GHSA-1",), package="tiff", affected=(TIFF, TOOLS))
    assert matter_of(facts) == (
        ("package", "tiff"),
        ("purl", TOOLS),
        ("purl", TIFF),
        ("vuln", "CVE-1"),
        ("vuln", "GHSA-1"),
    )


def test_a_need_is_named_as_people_type_it_and_not_by_a_file_of_the_image() -> None:
    facts = NeedFacts(subject="so:libGL.so.1", path="/usr/lib/libGL.so.1", services=("ocr", "cam"))
    assert matter_of(facts) == (("need", "so:libGL.so.1"), ("service", "cam"), ("service", "ocr"))


def test_what_is_installed_is_named_by_its_package_and_its_file() -> None:
    facts = Install(name="numpy", path="Dockerfile")
    assert matter_of(facts) == (("package", "numpy"), ("path", "Dockerfile"))


def test_other_facts_are_named_by_their_path_alone() -> None:
    assert matter_of(BinaryFacts(path="/usr/bin/x", kind="isa")) == (("path", "/usr/bin/x"),)


@pytest.mark.parametrize("kind", FACTS)
def test_of_every_kind_of_facts_it_is_known_by_what_they_can_be_named(kind: SubjectKind) -> None:
    words = {"str": "x", "tuple": ("x",)}
    told = FACTS[kind]
    fields = {field.name: type(field.default).__name__ for field in msgspec.structs.fields(told)}
    whole = msgspec.convert({name: words[held] for name, held in fields.items() if held in words}, told)

    assert {key for key, _ in matter_of(whole)} == keys_of(told)

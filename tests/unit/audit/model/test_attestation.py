"""What a passed gate attests has the fields that in-toto and SLSA ask for, and is said of a pass alone."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet_audit.audit.model.attestation import NotAttestable, image_uri, statement_of
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.identity import Digest, ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from tests.support.gated import audit, blocking, blocking_gap, use_of
from tests.support.waivers import waiver

DIGEST = Digest("sha256:" + "9b1e" * 16)
HEX = "ab12" * 16

EXAMPLE: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "out/example-1.2.3.tar.gz", "digest": {"sha256": "5678"}}],
    "predicateType": "https://slsa.dev/verification_summary/v1",
    "predicate": {
        "verifier": {"id": "https://example.com/publication_verifier"},
        "timeVerified": "1985-04-12T23:20:50.52Z",
        "resourceUri": "https://example.com/example-1.2.3.tar.gz",
        "policy": {"uri": "https://example.com/example_tarball.policy", "digest": {"sha256": "1234"}},
        "inputAttestations": [
            {
                "uri": "https://example.com/provenances/example-1.2.3.tar.gz.intoto.jsonl",
                "digest": {"sha256": "abcd"},
            }
        ],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        "dependencyLevels": {"SLSA_BUILD_LEVEL_3": 5},
        "slsaVersion": "1.0",
    },
}
"""The example of the specification (SLSA 1.0, VSA), with its digests shortened as they are there."""


def statement(one: AuditReport, **words: str) -> dict[str, Any]:
    usual = {"stored": "audits/vision/9b1e.audit.json", "stored_sha256": HEX, "at": "2026-11-20T09:00:00Z"}
    return statement_of(one, **{**usual, **words})


def check_summary(document: dict[str, Any]) -> None:
    """Hold a statement against what the two specifications say of each field: there is no schema of them."""
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert document["subject"]
    for subject in document["subject"]:
        assert subject["digest"], "a subject is known by its digest"
    predicate = document["predicate"]
    for uri in (predicate["verifier"]["id"], predicate["resourceUri"], predicate["policy"]["uri"]):
        assert urlsplit(uri).scheme, uri
    assert datetime.fromisoformat(predicate["timeVerified"]).tzinfo is not None
    assert all(each["digest"] for each in predicate.get("inputAttestations", []))
    assert predicate["verificationResult"] in ("PASSED", "FAILED")
    levels = predicate["verifiedLevels"]
    assert isinstance(levels, list)
    tracks = [level.rpartition("_LEVEL_")[0] for level in levels if level.startswith("SLSA_")]
    assert len(tracks) == len(set(tracks)), "one level of a track implies those below"
    major, minor = predicate.get("slsaVersion", "1.0").split(".")
    assert (major + minor).isdigit()
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    optional = {"inputAttestations", "dependencyLevels", "slsaVersion"}
    extensions = predicate.keys() - required - optional
    assert required <= predicate.keys()
    assert all(urlsplit(name).scheme for name in extensions), "further fields are named by a URI"


def test_the_check_takes_the_example_of_the_specification() -> None:
    check_summary(EXAMPLE)


@pytest.mark.parametrize("field", ["verifier", "policy", "verifiedLevels", "resourceUri", "timeVerified"])
def test_the_check_misses_what_is_required(field: str) -> None:
    broken = {**EXAMPLE, "predicate": {k: v for k, v in EXAMPLE["predicate"].items() if k != field}}

    with pytest.raises((KeyError, AssertionError)):
        check_summary(broken)


def test_a_statement_is_as_the_specifications_say() -> None:
    check_summary(statement(audit("vision", waivers=use_of(waiver("W-1")))))


def test_a_statement_names_the_image_the_policy_and_what_it_rests_on() -> None:
    one = audit("vision")
    told = statement(one, verifier="https://release.example/gate")

    assert told["subject"] == [{"name": "oci:build/images:vision", "digest": {"sha256": "9b1e" * 16}}]
    predicate = told["predicate"]
    assert predicate["verifier"]["id"] == "https://release.example/gate"
    assert predicate["policy"] == {
        "uri": "fleet-audit:policy/default",
        "digest": {"sha256": one.policy.digest},
    }
    assert predicate["inputAttestations"] == [
        {"uri": "audits/vision/9b1e.audit.json", "digest": {"sha256": HEX}}
    ]
    assert predicate["verificationResult"] == "PASSED"


def test_no_level_of_slsa_itself_is_claimed() -> None:
    assert not any(
        level.startswith("SLSA_") for level in statement(audit("x"))["predicate"]["verifiedLevels"]
    )


def test_a_statement_tells_the_waivers_that_a_pass_rests_on() -> None:
    told = statement(audit("vision", waivers=use_of(waiver("W-2"), waiver("W-1"))))

    assert told["predicate"]["pkg:pypi/fleet-audit#waivers"] == ["W-1", "W-2"]
    assert "pkg:pypi/fleet-audit#waivers" not in statement(audit("vision"))["predicate"]


@pytest.mark.parametrize(
    "one",
    [
        audit("vision", blocking()),
        audit("vision", gaps=(blocking_gap(),)),
        audit("vision", image=None),
        audit("vision", image=ImageIdentity(ImageRef("dir", "/root"))),
    ],
)
def test_what_did_not_pass_or_has_no_digest_is_not_attested(one: AuditReport) -> None:
    with pytest.raises(NotAttestable):
        statement(one)


@pytest.mark.parametrize(
    ("transport", "name", "uri"),
    [
        ("oci", "build/images:x", f"pkg:oci/vision@sha256%3A{DIGEST[7:]}"),
        (
            "registry",
            "registry.example/acme/Vision:1.0",
            f"pkg:oci/vision@sha256%3A{DIGEST[7:]}?repository_url=registry.example/acme/Vision",
        ),
        (
            "registry",
            "registry.example:5000/vision@sha256:00",
            f"pkg:oci/vision@sha256%3A{DIGEST[7:]}?repository_url=registry.example%3A5000/vision",
        ),
        ("docker", "vision", f"pkg:oci/vision@sha256%3A{DIGEST[7:]}"),
    ],
)
def test_an_image_has_the_package_url_of_its_kind(transport: str, name: str, uri: str) -> None:
    assert image_uri(ImageRef(transport, name, DIGEST), "vision") == uri

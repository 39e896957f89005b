"""What an image reference says, and what is none."""

import pytest

from fleet_audit.audit.dockerfiles.language.reference import ImageReference, ReferenceInvalid, parse_reference

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("debian", ImageReference("docker.io", "library/debian")),
        ("debian:12", ImageReference("docker.io", "library/debian", "12")),
        ("acme/vision", ImageReference("docker.io", "acme/vision")),
        ("registry.example/vision:1", ImageReference("registry.example", "vision", "1")),
        ("localhost/vision", ImageReference("localhost", "vision")),
        ("registry:5000/a/b", ImageReference("registry:5000", "a/b")),
        (
            "registry.example:5000/a/b__c:x@" + DIGEST,
            ImageReference("registry.example:5000", "a/b__c", "x", DIGEST),
        ),
        ("[fd00::1]:5000/a", ImageReference("[fd00::1]:5000", "a")),
    ],
)
def test_a_reference_has_all_its_parts(text: str, reference: ImageReference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "Debian",
            "acme/Vision",
            "debian:",
            "debian:-x",
            "debian:" + "x" * 129,
            "debian@",
            "debian@sha256:0a",
        ),
        *(
            "a//b",
            "-a",
            "a-",
            "a___b",
            "a b",
            "registry.example/",
            "registry..example/a",
            "https://a/b",
            "0a" * 32,
        ),
        "a/" * 200 + "a",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        parse_reference(text)


def test_capitals_are_told() -> None:
    with pytest.raises(ReferenceInvalid, match="small letters"):
        parse_reference("acme/Vision:1")

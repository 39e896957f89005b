"""What is known of references in which variables have no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Parts, parse_partly
from tests.support.laws import examples

DIGEST = "sha256:" + "a" * 64


def partly(text: str) -> Parts:
    return parse_partly(text.replace("?", OPEN))


def test_a_reference_without_variables_is_known_whole() -> None:
    assert partly("debian:12") == Parts("docker.io", "library/debian", "12", "", "debian")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("?", Parts(unknown=("registry", "repository", "tag", "digest"))),
        ("?:1", Parts(tag="1", unknown=("registry", "repository"))),
        ("?/web:1", Parts(tag="1", image="web", unknown=("registry", "repository"))),
        ("?/web", Parts(image="web", unknown=("registry", "repository"))),
        ("a.example/?/web:1", Parts("a.example", "", "1", "", "web", ("repository",))),
        ("acme/?:1", Parts("docker.io", "", "1", unknown=("repository",))),
        ("a.example/web:?", Parts("a.example", "web", "", "", "web", ("tag", "digest"))),
        ("a.example/web:1-?", Parts("a.example", "web", "", "", "web", ("tag", "digest"))),
        ("a.example/web:1@?", Parts("a.example", "web", "1", "", "web", ("digest",))),
        ("a.example/web:?@" + DIGEST, Parts("a.example", "web", "", DIGEST, "web", ("tag",))),
        ("a.example/web?", Parts("a.example", unknown=("repository", "tag", "digest"))),
    ],
)
def test_what_stands_beside_an_open_part_is_known(text: str, parts: Parts) -> None:
    assert partly(text) == parts


@pytest.mark.parametrize("text", ["?/Web:1", "a b/?", "a.example/?:1@sha256:12"])
def test_what_no_value_makes_a_reference_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        partly(text)


@examples(500)
@given(
    name=st.sampled_from(["web", "acme/web", "a.example/web", "a.example:5000/acme/web", "localhost/x"]),
    tag=st.sampled_from(["", ":1", ":v1.2-x"]),
    digest=st.sampled_from(["", "@" + DIGEST]),
    cut=st.tuples(st.integers(0, 120), st.integers(0, 40)),
)
def test_what_is_said_to_be_known_is_so_whatever_stands_in_the_open_part(
    name: str, tag: str, digest: str, cut: tuple[int, int]
) -> None:
    text = name + tag + digest
    whole = parse_reference(text)
    start, length = cut

    parts = parse_partly(text[:start] + OPEN + text[start + length :])

    for part in {"registry", "repository", "tag", "digest"} - {*parts.unknown}:
        assert getattr(parts, part) == getattr(whole, part)
    assert parts.image in ("", whole.repository.rpartition("/")[2])

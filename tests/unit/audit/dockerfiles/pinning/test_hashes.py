import hashlib

import pytest

from fleet_audit.audit.dockerfiles.pinning.hashes import StatedHash, impossible, shared_hashes
from fleet_audit.audit.model.location import SourceLocation


def digest(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


def stated(requirement: str, of: str, line: int) -> StatedHash:
    return StatedHash(requirement, "sha256", digest(of), SourceLocation("r.txt", line))


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_real_hash_is_possible_in_any_case_of_letters(algorithm: str) -> None:
    for text in ("a", "b", "some file"):
        assert impossible(algorithm, digest(text, algorithm)) == ""
        assert impossible(algorithm, digest(text, algorithm).upper()) == ""


@pytest.mark.parametrize(
    ("algorithm", "value", "problem"),
    [
        ("md5", digest("a", "md5"), "algorithm"),
        ("sha1", digest("a", "sha1"), "algorithm"),
        ("sha256", digest("a")[:-1], "length"),
        ("sha256", digest("a") + "0", "length"),
        ("sha512", digest("a"), "length"),
        ("sha256", "", "length"),
        ("sha256", "<hash>", "digits"),
        ("sha256", "x" * 64, "digits"),
        ("sha256", "0" * 64, "repetition"),
        ("sha256", "deadbeef" * 8, "repetition"),
        ("sha256", "0123456789abcdef" * 4, "repetition"),
        ("sha256", digest(""), "empty"),
        ("sha512", digest("", "sha512"), "empty"),
        ("sha384", digest("", "sha384"), "empty"),
    ],
)
def test_an_invented_hash_is_not(algorithm: str, value: str, problem: str) -> None:
    assert impossible(algorithm, value) == problem


def test_a_hash_of_two_requirements_is_shared() -> None:
    (shared,) = shared_hashes([stated("b==2", "x", 5), stated("a==1", "x", 2), stated("c==3", "y", 7)])

    assert (shared.stated.requirement, shared.others, shared.first.line) == ("b==2", ("a==1",), 2)


def test_a_requirement_may_be_stated_twice() -> None:
    assert not list(shared_hashes([stated("a==1", "x", 2), stated("a==1", "x", 9)]))


def test_versions_of_one_name_have_hashes_of_their_own() -> None:
    assert [each.others for each in shared_hashes([stated("a==1", "x", 2), stated("a==2", "x", 9)])] == [
        ("a==1",)
    ]

"""Packages that a stage's release has no more under the name that its Dockerfile installs."""

import pytest

from fleet_audit.audit.dockerfiles.pinning.gathering import gathered_practices
from fleet_audit.audit.dockerfiles.pinning.instructions import OwnImages
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import Alias, KnowledgeFile
from fleet_audit.audit.model.installs import Install
from tests.support.trees import tree

GONE = Alias("gl", "libgl1-mesa-glx", "libgl1", ("bookworm",), ("trixie",), "transitional", ("-",))
RENAMED = Alias(
    "glib", "libglib2.0-0", "libglib2.0-0t64", ("bookworm",), ("trixie",), "t64", ("-",), ("trixie",)
)
KNOWLEDGE = Knowledge([KnowledgeFile(aliases=(GONE, RENAMED))])


def install(base: str, package: str = "libgl1-mesa-glx", *, before: str = "") -> Install:
    text = f"{before}FROM {base}\nRUN apt-get install -y {package}\n"
    found = gathered_practices(Repository(tree({"Dockerfile": text})), (), (), KNOWLEDGE, OwnImages())
    (practice,) = (each.practice for each in found if isinstance(each.practice, Install))
    return practice


@pytest.mark.parametrize(
    ("base", "before"),
    [
        ("debian:trixie-slim", ""),
        ("python:3.11-slim-trixie", ""),
        ("base", "FROM debian:trixie AS base\n"),
        ("debian:${RELEASE}", "ARG RELEASE=trixie\n"),
    ],
    ids=["a suite", "a tag with a suite in it", "a stage before", "an argument"],
)
def test_a_package_that_the_release_has_no_more_is_told_with_the_one_that_is_meant(
    base: str, before: str
) -> None:
    found = install(base, before=before)

    assert (found.is_absent, found.meant, found.row) == (True, "libgl1", "gl")
    assert found.actual == "no package of trixie (transitional)"
    assert found.instead == "install libgl1"


@pytest.mark.parametrize(
    ("base", "package"),
    [
        ("debian:bookworm-slim", "libgl1-mesa-glx"),
        ("debian:13", "libgl1-mesa-glx"),
        ("images.example/acme/base:20261114-3f9c2ab", "libgl1-mesa-glx"),
        ("debian:trixie", "libgl1"),
        ("debian:trixie", "libglib2.0-0"),
        ("debian:${RELEASE}", "libgl1-mesa-glx"),
    ],
    ids=["it is there", "a number", "no release in the tag", "the new name", "provided", "unknown"],
)
def test_a_name_that_may_be_installed_is_left_alone(base: str, package: str) -> None:
    assert install(base, package).meant == ""

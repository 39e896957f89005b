"""Whether families are built on their parents, and services on their families."""

import pytest

from fleet_audit.audit.dockerfiles.references.agreed import Agreed
from fleet_audit.audit.dockerfiles.references.family_chain import broken_chains
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Family, Fleet, Manifest, Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Drift
from tests.support.references import PREFIX, TAG, house, reference
from tests.support.trees import tree

WEB = "docker/family-web/Dockerfile"
BASE = "docker/base-python/Dockerfile"
VOICE = "services/voice/Dockerfile"
SERVICES = (Service("Voice", "family-http", dockerfiles=(VOICE,), target="runtime"),)


def found(files: dict[str, str], *builds: Build, fleet: Fleet | None = None) -> list[Drift]:
    fleet = fleet or house(services=SERVICES)
    agreed = Agreed(fleet, [reference(f"{PREFIX}/base-python:{TAG}")])
    chains = broken_chains(
        Repository(tree(files)), fleet, builds, agreed, lambda build, _name: build.location
    )
    return list(chains)


@pytest.mark.parametrize(
    "text",
    [
        f"FROM {PREFIX}/base-python:{TAG}\n",
        f"FROM {PREFIX}/base-python:{TAG} AS one\nFROM one AS two\nFROM debian:12\nFROM two\n",
        f"ARG BASE={PREFIX}/base-python:{TAG}\nFROM $BASE\n",
        "ARG REGISTRY\nFROM $REGISTRY/base-python\n",
        "ARG BASE\nFROM $BASE\n",
        "FROM Malformed:/\n",
    ],
)
def test_a_family_that_is_built_on_its_parent_or_on_what_is_not_known_is_no_drift(text: str) -> None:
    assert found({WEB: text}) == []


def test_a_family_on_another_image_is_held_against_its_parent() -> None:
    (drift,) = found({WEB: f"FROM debian:12 AS tools\nFROM {PREFIX}/family-old:{TAG} AS last\n"})

    assert (str(drift.reference.location), drift.deviation) == (f"{WEB}:2", "family-chain")
    assert drift.expected == f"{PREFIX}/base-python:{TAG}"
    assert drift.detail == "family family-web is to be built on base-python"


@pytest.mark.parametrize(
    ("base", "is_other"),
    [
        ("debian:bookworm-slim", False),
        ("debian:bookworm-slim@sha256:" + "a" * 64, False),
        ("docker.io/library/debian:bookworm-slim", False),
        ("debian:trixie-slim", True),
        ("ubuntu:24.04", True),
        ("mirror.example/debian:bookworm-slim", True),
    ],
)
def test_the_first_family_starts_from_the_image_of_others_that_the_manifest_names(
    base: str, is_other: bool
) -> None:
    drifts = found({BASE: f"FROM {base}\n"})

    assert [each.expected for each in drifts] == ["debian:bookworm-slim"] * is_other


def test_a_service_is_built_on_its_family_under_any_of_its_names() -> None:
    runtime = f"FROM {PREFIX}/family-web:{TAG} AS runtime\nFROM debian:12 AS other\n"

    assert found({VOICE: runtime}) == []
    assert found({VOICE: runtime.replace("family-web", "family-http")}) == []
    assert [
        each.reference.written for each in found({VOICE: runtime.replace("family-web", "base-python")})
    ] == [f"{PREFIX}/base-python:{TAG}"]


@pytest.mark.parametrize("path", [WEB, BASE, VOICE])
def test_what_starts_from_nothing_is_built_on_no_other_image(path: str) -> None:
    (drift,) = found({path: "FROM debian:12 AS build\nFROM scratch AS runtime\nCOPY --from=build /a /a\n"})

    assert (drift.reference.location.line, drift.reference.written) == (2, "scratch")


def test_what_a_build_gives_counts_and_a_default_that_no_build_uses_does_not() -> None:
    place = SourceLocation("fleet.yaml", 30)
    files = {VOICE: "ARG BASE=debian:12\nFROM $BASE AS runtime\n"}
    given = [f"{PREFIX}/family-web:{TAG}", f"{PREFIX}/base-python:{TAG}"]
    good, bad = (
        Build(
            origin=BuildOrigin.MANIFEST,
            location=place,
            dockerfile=VOICE,
            services=("Voice",),
            args=(("BASE", base),),
        )
        for base in given
    )

    assert [each.reference.location.path for each in found(files)] == [VOICE]
    assert found(files, good) == []
    assert [each.reference.location for each in found(files, bad)] == [place]


def test_an_image_of_the_repository_may_stand_between_a_service_and_its_family() -> None:
    between = f"{PREFIX}/voice-common"
    files = {
        VOICE: f"FROM {between}:{TAG} AS runtime\n",
        "common/Dockerfile": f"FROM {PREFIX}/family-web:{TAG}\n",
    }
    common = Build(
        origin=BuildOrigin.COMPOSE,
        location=SourceLocation("compose.yaml", 3),
        dockerfile="common/Dockerfile",
        tags=(f"{between}:{TAG}",),
    )

    assert found(files, common) == []
    assert len(found(files)) == 1
    assert len(found({**files, "common/Dockerfile": f"FROM {between}\n"}, common)) == 1


def test_a_family_is_built_on_its_parent_itself() -> None:
    between = Build(
        origin=BuildOrigin.COMPOSE,
        location=SourceLocation("compose.yaml", 3),
        dockerfile="common/Dockerfile",
        tags=(f"{PREFIX}/between",),
    )
    files = {WEB: f"FROM {PREFIX}/between\n", "common/Dockerfile": f"FROM {PREFIX}/base-python:{TAG}\n"}

    assert [str(each.reference.location) for each in found(files, between)] == [f"{WEB}:1"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("python:3.11-slim", []),
        ("docker.io/library/python:3.11-slim@sha256:" + "a" * 64, []),
        (f"{PREFIX}/python-3-11:{TAG}", []),
        ("python:3.12-slim", ["python:3.11-slim"]),
        ("debian:12", ["python:3.11-slim"]),
    ],
)
def test_a_family_without_dockerfiles_stands_for_the_image_of_others(base: str, expected: list[str]) -> None:
    families = {
        "python-3-11": Family(upstream="python:3.11-slim"),
        "base": Family(parent="python-3-11", dockerfiles=(BASE,)),
    }
    services = (Service("Voice", "python-3-11", dockerfiles=(VOICE,)),)
    fleet = Fleet(Manifest(1, "house", families, services), ".", "fleet.yaml")

    for path in (BASE, VOICE):
        drifts = found({path: f"FROM {base}\n"}, fleet=fleet)
        assert [each.expected for each in drifts] == expected

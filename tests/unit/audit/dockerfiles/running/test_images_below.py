"""What is known of the images that others are built on."""

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases, making_of, makings
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Family, Fleet, Manifest, Registry
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration, Setting
from tests.support.trees import tree

FLEET = Fleet(
    Manifest(
        version=1,
        fleet="f",
        families={"web": Family(aliases=("pages",)), "base": Family()},
        services=(),
        registry=Registry(prefix="registry.example/acme"),
    ),
    root=".",
    file="fleet.yaml",
)


def build(path: str, *families: str, target: str = "", tags: tuple[str, ...] = ()) -> Build:
    place = SourceLocation("fleet.yaml", 1)
    return Build(
        origin=BuildOrigin.MANIFEST,
        location=place,
        dockerfile=path,
        families=families,
        target=target,
        tags=tags,
    )


def bases(files: dict[str, str], *builds: Build, **known: RunConfiguration) -> Bases:
    return Bases(
        Repository(tree(files)), makings(builds, FLEET), lambda name: known.get(name.partition(":")[0])
    )


def test_a_family_is_found_by_its_name_or_alias_below_the_registry_whatever_the_tag() -> None:
    found = bases({"web/Dockerfile": "FROM scratch\nUSER 7"}, build("web/Dockerfile", "web"))

    for name in ("web:1", "pages:2@sha256:" + "0" * 64):
        image = found.below(f"registry.example/acme/{name}")
        assert image is not None
        assert image.user == Setting("7", SourceLocation("web/Dockerfile", 2))
    assert found.below("registry.example/other/web:1") is None


def test_the_whole_chain_is_followed_to_an_image_of_others() -> None:
    files = {
        "base/Dockerfile": 'FROM debian:12\nENTRYPOINT ["tini"]',
        "web/Dockerfile": "FROM registry.example/acme/base:1\nUSER 7",
    }
    builds = (build("base/Dockerfile", "base"), build("web/Dockerfile", "web"))
    debian = RunConfiguration(user=Setting("0"), lowest="docker.io/library/debian:12")

    image = bases(files, *builds, debian=debian).of(making_of(builds[1]))

    assert image is not None
    assert image.starting == ("tini",)
    assert image.lowest == "docker.io/library/debian:12"
    assert image.is_whole


def test_images_that_are_built_on_each_other_are_not_known() -> None:
    files = {
        "base/Dockerfile": "FROM registry.example/acme/web:1",
        "web/Dockerfile": "FROM registry.example/acme/base:1",
    }
    builds = (build("base/Dockerfile", "base"), build("web/Dockerfile", "web"))

    image = bases(files, *builds).of(making_of(builds[0]))

    assert image is not None
    assert image.unknown_base == "registry.example/acme/base:1"


def test_a_name_that_two_dockerfiles_make_is_not_known() -> None:
    files = {"a/Dockerfile": "FROM scratch", "b/Dockerfile": "FROM scratch"}
    tags = ("registry.example/acme/x:1",)

    found = bases(files, build("a/Dockerfile", tags=tags), build("b/Dockerfile", tags=tags))

    assert found.below("registry.example/acme/x:1") is None


def test_a_dockerfile_that_is_not_there_is_no_gap_of_this_question() -> None:
    found = bases({}, build("web/Dockerfile", "web"))

    assert found.below("registry.example/acme/web:1") is None


def test_a_long_chain_of_images_ends_without_an_error() -> None:
    files = {f"{n}/Dockerfile": f"FROM registry.example/x/n{n + 1}:1" for n in range(300)}
    builds = [build(f"{n}/Dockerfile", tags=(f"registry.example/x/n{n}:1",)) for n in range(300)]

    image = bases(files, *builds).of(making_of(builds[0]))

    assert image is not None
    assert not image.is_whole

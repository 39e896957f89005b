"""Names that more than one Dockerfile publishes."""

from fleet_audit.audit.dockerfiles.references.agreed import Agreed
from fleet_audit.audit.dockerfiles.references.publications import contested_names
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Publication, Reference, ReferenceKind
from tests.support.references import PREFIX, house, reference


def build(dockerfile: str, *tags: str, line: int = 1, platforms: tuple[str, ...] = ()) -> Build:
    return Build(
        origin=BuildOrigin.WORKFLOW,
        location=SourceLocation("ci.yml", line),
        dockerfile=dockerfile,
        tags=tags,
        platforms=platforms,
    )


def found(
    *builds: Build, fleet: Fleet | None = None, references: tuple[Reference, ...] = ()
) -> list[Publication]:
    return list(contested_names(fleet, builds, references, Agreed(fleet, references)))


def test_two_dockerfiles_with_one_name_are_told_with_both_places() -> None:
    (name,) = found(build("a/Dockerfile", "acme/web:1", line=3), build("b/Dockerfile", "acme/web:1", line=9))

    assert (name.image, name.dockerfiles) == ("docker.io/acme/web:1", ("a/Dockerfile", "b/Dockerfile"))
    assert [str(place) for place in name.locations] == ["ci.yml:3", "ci.yml:9"]


def test_variants_by_tag_or_platform_and_names_for_one_machine_are_left_alone() -> None:
    assert found(build("a/Dockerfile", "acme/web:cpu"), build("b/Dockerfile", "acme/web:gpu")) == []
    assert found(build("a/Dockerfile", "web"), build("b/Dockerfile", "web")) == []
    assert found(build("a/Dockerfile", "acme/web"), build("a/Dockerfile", "acme/web", line=2)) == []
    one = build("a/Dockerfile", "acme/web", platforms=("linux/amd64",))
    assert found(one, build("b/Dockerfile", "acme/web", platforms=("linux/arm64",))) == []
    assert len(found(one, build("b/Dockerfile", "acme/web"))) == 1


def test_a_tag_that_is_not_known_is_one_where_it_is_written_alike() -> None:
    places = [SourceLocation("ci.yml", line) for line in (3, 9)]
    names = tuple(
        reference("acme/web:?", path=place.path, line=place.line, kind=ReferenceKind.TAG, publishes=True)
        for place in places
    )

    contested = found(build("a/Dockerfile", line=3), build("b/Dockerfile", line=9), references=names)

    assert [each.image for each in contested] == ["docker.io/acme/web:…"]


def test_the_image_of_a_family_is_one_whatever_its_tag() -> None:
    other = build("other/Dockerfile", f"{PREFIX}/family-http:1")
    own = build("docker/family-web/Dockerfile", f"{PREFIX}/family-web:2")

    assert found(own, fleet=house()) == []
    (name,) = found(own, other, fleet=house())
    assert (name.image, name.dockerfiles) == (
        f"{PREFIX}/family-web",
        ("docker/family-web/Dockerfile", "other/Dockerfile"),
    )

"""The images that compose files name."""

from fleet_audit.audit.dockerfiles.references.in_compose import references_in_compose
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.references import Reference
from tests.support.trees import tree


def found(files: dict[str, str]) -> list[Reference]:
    return sorted(references_in_compose(Repository(tree(files))), key=lambda each: each.location)


def test_a_service_names_its_image_at_its_line() -> None:
    (reference,) = found({"compose.yaml": "services:\n  cache:\n    image: redis:7\n    # image: redis:6\n"})

    assert (str(reference.location), reference.resolved, reference.name) == (
        "compose.yaml:3",
        "docker.io/library/redis:7",
        "cache",
    )
    assert not reference.publishes


def test_variables_have_their_defaults_or_what_the_file_beside_gives() -> None:
    text = "services: {a: {image: '${REG:-acme.example}/a:$TAG'}, b: {image: 'b:${ABSENT}'}}\n"
    references = found({"deploy/compose.yaml": text, "deploy/.env": "TAG=7\n", ".env": "TAG=8\n"})

    assert sorted((each.repository_name, each.tag, each.unknown) for each in references) == [
        ("acme.example/a", "7", ()),
        ("docker.io/library/b", "", ("tag", "digest")),
    ]


def test_a_service_that_is_built_publishes_its_image_also_where_another_file_names_it() -> None:
    references = found(
        {
            "compose.yaml": "services: {web: {build: ., image: 'acme/web:1'}, db: {image: 'postgres:17'}}\n",
            "compose.prod.yaml": "services: {web: {image: 'acme.example/web:2'}}\n",
            "other/compose.yaml": "services: {web: {image: 'acme/web:1'}}\n",
        }
    )

    assert sorted((each.written, each.location.path, each.publishes) for each in references) == [
        ("acme.example/web:2", "compose.prod.yaml", True),
        ("acme/web:1", "compose.yaml", True),
        ("acme/web:1", "other/compose.yaml", False),
        ("postgres:17", "compose.yaml", False),
    ]


def test_tags_of_a_build_and_image_volumes_are_references() -> None:
    text = (
        "services:\n  web:\n    build: {context: ., tags: ['acme/web:1', 'acme/web:2']}\n"
        "    volumes:\n      - {type: image, source: 'acme/models:3', target: /m}\n      - data:/data\n"
    )

    assert [(each.written, each.publishes) for each in found({"compose.yaml": text})] == [
        ("acme/web:1", True),
        ("acme/web:2", True),
        ("acme/models:3", False),
    ]


def test_files_of_other_shapes_name_nothing() -> None:
    assert found({"compose.yaml": "services: [a]\n", "compose.x.yaml": "services: {a: {image: [b]}}\n"}) == []
    assert found({"compose.yaml": "image: top:1\nvolumes: {image: {name: x}}\n"}) == []

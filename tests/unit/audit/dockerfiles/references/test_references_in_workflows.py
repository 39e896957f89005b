"""The images that workflows name."""

from fleet_audit.audit.dockerfiles.references.in_workflows import (
    references_in_actions,
    references_in_workflows,
)
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.references import Reference
from tests.support.trees import tree

PATH = ".github/workflows/ci.yml"


def found(job: str, head: str = "") -> list[Reference]:
    text = f"on: push\n{head}jobs:\n  build:\n    runs-on: ubuntu-24.04\n{job}"
    repository = Repository(tree({PATH: text}))
    return list(references_in_workflows(workflows(repository), repository))


def written(references: list[Reference]) -> list[tuple[str, str, bool]]:
    return [(each.kind.value, each.written, each.publishes) for each in references]


def test_jobs_services_and_steps_run_images() -> None:
    references = found(
        "    container: {image: 'python:3.11'}\n"
        "    services: {db: {image: 'postgres:17'}}\n"
        "    steps:\n      - uses: docker://alpine:3.20\n      - uses: actions/checkout@v4\n"
    )

    assert [(each.location.line, each.written) for each in references] == [
        (5, "python:3.11"),
        (6, "postgres:17"),
        (8, "alpine:3.20"),
    ]


def test_each_combination_of_a_matrix_names_its_image() -> None:
    references = found(
        "    strategy: {matrix: {python: ['3.11', '3.12']}}\n    container: python:${{ matrix.python }}\n"
    )

    assert sorted(each.tag for each in references) == ["3.11", "3.12"]
    assert {each.written for each in references} == {"python:${{ matrix.python }}"}


def test_tags_of_a_build_are_names_that_it_publishes_at_their_own_lines() -> None:
    references = found(
        "    steps:\n      - uses: docker/build-push-action@v6\n        with:\n          tags: |\n"
        "            ${{ env.REGISTRY }}/acme/web:${{ github.sha }}\n            acme/web:1,acme/web:2\n"
        "            ${{ steps.meta.outputs.tags }}\n",
        head="env: {REGISTRY: images.example}\n",
    )

    assert [
        (each.location.line, each.repository_name, each.tag, each.unknown, each.publishes)
        for each in references
    ] == [
        (10, "images.example/acme/web", "", ("tag", "digest"), True),
        (11, "docker.io/acme/web", "1", (), True),
        (11, "docker.io/acme/web", "2", (), True),
        (12, "", "", ("registry", "repository", "tag", "digest"), True),
    ]


def test_names_whose_tags_an_action_makes_up_are_published() -> None:
    references = found(
        "    steps:\n      - uses: docker/metadata-action@v5\n        with:\n          images: |\n"
        "            images.example/acme/web\n            name=images.example/acme/api\n"
    )

    assert [(each.repository_name, each.unknown) for each in references] == [
        ("images.example/acme/web", ("tag", "digest")),
        ("images.example/acme/api", ("tag", "digest")),
    ]


def test_tags_that_an_action_makes_up_are_no_unknown_names_beside_it() -> None:
    made = "      - {id: meta, uses: docker/metadata-action@v5, with: {images: acme/web}}\n"
    build = "      - {uses: docker/build-push-action@v6, with: {tags: '${{ steps.meta.outputs.tags }}'}}\n"

    assert [each.repository for each in found(f"    steps:\n{made}{build}")] == ["acme/web"]
    assert [each.repository for each in found(f"    steps:\n{build}")] == [""]


def test_the_cache_that_a_build_keeps_in_a_registry_is_named_and_no_other() -> None:
    references = found(
        "    steps:\n      - uses: docker/build-push-action@v6\n        with:\n          cache-to: |\n"
        "            type=registry,ref=acme/cache:main,mode=max\n            type=gha,mode=max\n"
        "          cache-from: type=registry,ref=acme/web:1\n"
    )

    assert [
        (each.location.line, *row) for each, row in zip(references, written(references), strict=True)
    ] == [(9, "cache", "acme/cache:main", False)]


def test_commands_in_steps_name_images_and_other_words_do_not() -> None:
    references = found(
        "    steps:\n      - run: |\n          docker pull acme/web:1 && echo docker pull acme/no:1\n"
        "          # docker pull acme/no:2\n          sudo docker run --rm -e X=acme/no:3 acme/tool:4 sh\n"
        '      - run: docker push "acme/web:$GITHUB_SHA"\n      - run: print("docker pull acme/no:5")\n'
        "        shell: python\n"
    )

    assert [
        (each.location.line, *row) for each, row in zip(references, written(references), strict=True)
    ] == [
        (7, "command", "acme/web:1", False),
        (9, "command", "acme/tool:4", False),
        (10, "tag", "acme/web:…", True),
    ]


def test_text_that_is_no_reference_says_so() -> None:
    (reference,) = found("    container: Acme Web\n")

    assert reference.problem


def test_an_action_of_the_repository_names_the_image_that_it_runs() -> None:
    files = {
        "one/action.yml": "runs:\n  using: docker\n  image: docker://acme/tool:1\n",
        "two/action.yml": "runs: {using: docker, image: Dockerfile}\n",
    }

    (reference,) = references_in_actions(Repository(tree(files)))

    assert (str(reference.location), reference.written) == ("one/action.yml:3", "acme/tool:1")

"""Which builds compose files ask for."""

import time

import pytest

from fleet_audit.audit.dockerfiles.contexts.compose import compose_builds
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build
from tests.support.trees import tree


def built(**files: str) -> list[Build]:
    """Return the builds of a repository; in the names of the files, ``__`` is a slash."""
    return of({name.replace("__", "/").replace("_yaml", ".yaml"): text for name, text in files.items()})


def of(files: dict[str, str]) -> list[Build]:
    return list(compose_builds(Repository(tree(files))))


def test_the_short_form_names_the_context_alone() -> None:
    (build,) = built(compose_yaml="services:\n  web:\n    build: ./services/web\n")

    assert (build.name, build.context, build.dockerfile) == ("web", "services/web", "services/web/Dockerfile")
    assert str(build.location) == "compose.yaml:3"


def test_the_long_form_names_the_dockerfile_from_its_context() -> None:
    text = """
services:
  web:
    image: acme/web:1
    build:
      context: .
      dockerfile: docker/web.Dockerfile
      target: runtime
      args: {A: 1, B: , C: "${D}", E: "${F:-g}"}
      additional_contexts: {lib: ./lib, up: docker-image://alpine, far: https://code.example/x.git}
      platforms: [linux/arm64]
      tags: [acme/web:2]
"""
    (build,) = built(deploy__compose_yaml=text)

    assert (build.context, build.dockerfile, build.target) == (
        "deploy",
        "deploy/docker/web.Dockerfile",
        "runtime",
    )
    assert build.args == (("A", "1"), ("B", None), ("C", None), ("E", "g"))
    assert build.contexts == (
        ("far", "https://code.example/x.git"),
        ("lib", "deploy/lib"),
        ("up", "docker-image://alpine"),
    )
    assert (build.platforms, build.tags) == (("linux/arm64",), ("acme/web:1", "acme/web:2"))
    assert str(build.location) == "deploy/compose.yaml:7"


def test_arguments_may_be_a_list() -> None:
    (build,) = built(compose_yaml='services: {web: {build: {context: ., args: ["A=b=c", D]}}}')

    assert build.args == (("A", "b=c"), ("D", None))


def test_an_override_is_merged_by_key() -> None:
    base = "services: {web: {build: {context: web, args: {A: 1, B: 2}}, image: a}}"
    override = "services: {web: {build: {dockerfile: D, args: {B: 3}}}, db: {image: postgres:16}}"
    (build,) = of({"compose.yaml": base, "compose.override.yaml": override})

    assert (build.context, build.dockerfile) == ("web", "web/D")
    assert build.args == (("A", "1"), ("B", "3"))
    assert build.location.path == "compose.override.yaml"


def test_reset_takes_a_build_away_and_override_replaces_it() -> None:
    base = "services: {web: {build: {context: web, target: t}}}"

    assert of({"compose.yaml": base, "compose.override.yaml": "services: {web: {build: !reset null}}"}) == []
    (build,) = of(
        {"compose.yaml": base, "compose.override.yaml": "services: {web: {build: !override {context: x}}}"}
    )
    assert (build.context, build.target) == ("x", "")


def test_a_file_with_another_name_is_read_over_the_base() -> None:
    base = "services: {web: {build: {context: web}}, api: {build: api}}"
    prod = "services: {web: {build: {target: prod}}, api: {image: x}, job: {build: job}}"
    found = of({"docker-compose.yml": base, "docker-compose.prod.yml": prod})

    assert [(each.name, each.context, each.target, each.location.path) for each in found] == [
        ("web", "web", "", "docker-compose.yml"),
        ("api", "api", "", "docker-compose.yml"),
        ("web", "web", "prod", "docker-compose.prod.yml"),
        ("job", "job", "", "docker-compose.prod.yml"),
    ]


def test_a_service_may_extend_one_of_another_file_with_its_paths() -> None:
    found = of(
        {
            "compose.yaml": "services: {web: {extends: {file: common/base.yaml, service: app}, image: w}}",
            "common/base.yaml": "services: {app: {build: {context: ../src, args: {A: 1}}}}",
        }
    )

    assert [(each.name, each.context, each.args, each.tags) for each in found] == [
        ("web", "src", (("A", "1"),), ("w",))
    ]


def test_services_that_extend_each_other_end() -> None:
    repository = Repository(
        tree({"compose.yaml": "services: {a: {extends: b, build: x}, b: {extends: {service: a}}}"})
    )

    assert {each.name for each in compose_builds(repository)} == {"a", "b"}
    assert [gap.why for gap in repository.gaps] == [
        "the service a extends itself",
        "the service b extends itself",
    ]


def test_an_included_file_is_read_from_its_own_folder() -> None:
    found = of(
        {
            "compose.yaml": "include: [{path: team/stack.yaml}, team/stack.yaml, gone.yaml]",
            "team/stack.yaml": "include: [../compose.yaml]\nservices: {a: {build: .}}",
        }
    )

    assert [(each.name, each.context) for each in found] == [("a", "team")]


def test_anchors_and_merge_keys_are_followed() -> None:
    text = """
x-build: &build {context: ., args: {A: 1}}
services:
  a: {build: {<<: *build, target: a}}
  b: {build: *build}
"""
    assert [(each.name, each.context, each.target, each.args) for each in built(compose_yaml=text)] == [
        ("a", ".", "a", (("A", "1"),)),
        ("b", ".", "", (("A", "1"),)),
    ]


def test_variables_have_the_values_of_the_env_file_beside() -> None:
    text = (
        "services: {a: {build: '${ROOT}/a'}, b: {build: '${ELSE:-b}'}, c: {build: $UNSET}, d: {build: $$x}}"
    )
    found = of({"compose.yaml": text, ".env": "ROOT=src # here\n"})

    assert [(each.name, each.context, each.unknown) for each in found] == [
        ("a", "src/a", ()),
        ("b", "b", ()),
        ("c", "", ("context",)),
        ("d", "$x", ()),
    ]


@pytest.mark.parametrize("context", ["https://code.example/a.git", "git@code.example:a/b", "../out", "/abs"])
def test_a_context_elsewhere_is_not_known(context: str) -> None:
    (build,) = built(compose_yaml=f"services: {{a: {{build: {context!r}}}}}")

    assert (build.context, build.dockerfile) == ("", "")
    assert build.reason


def test_a_dockerfile_may_stand_in_the_place_itself() -> None:
    (build,) = built(compose_yaml="services: {a: {build: {dockerfile_inline: 'FROM x'}}}")

    assert (build.inline, build.dockerfile, build.context) == ("FROM x", "", ".")


def test_what_is_no_compose_file_asks_for_nothing() -> None:
    assert built(compose_yaml="- a\n") == []
    assert built(compose_yaml="services: {a: {build: [1]}, b: 1, c: {build: }}") == []


def test_a_file_in_a_folder_may_be_read_from_the_root() -> None:
    text = "services: {web: {build: {context: ., dockerfile: web/Dockerfile}}, own: {build: own}}"
    files = {"deploy/compose.yaml": text, "deploy/own/Dockerfile": ""}

    assert [each.context for each in of({**files, "web/Dockerfile": ""})] == [".", "deploy/own"]
    assert [each.context for each in of(files)] == ["deploy", "deploy/own"]
    assert [each.context for each in of({**files, "web/Dockerfile": "", "deploy/web/Dockerfile": ""})] == [
        "deploy",
        "deploy/own",
    ]


def test_a_file_with_another_name_may_be_meant_alone() -> None:
    base = "services: {web: {build: {context: ., dockerfile: docker/web/Dockerfile}}}"
    files = {"compose.yaml": base, "compose.test.yaml": "services: {web: {build: web}}"}

    assert [each.dockerfile for each in of({**files, "web/Dockerfile": ""})] == [
        "docker/web/Dockerfile",
        "web/Dockerfile",
    ]
    assert [each.dockerfile for each in of(files)] == ["docker/web/Dockerfile", "web/docker/web/Dockerfile"]


def test_a_key_that_is_given_twice_is_a_gap_and_its_last_value_holds() -> None:
    text = "services:\n  web:\n    build: one\n    build: two\n"
    repository = Repository(tree({"compose.yaml": text}))

    assert [each.context for each in compose_builds(repository)] == ["two"]
    assert [(str(gap.location), gap.blocking) for gap in repository.gaps] == [("compose.yaml:4", True)]


def test_a_long_ring_of_services_that_extend_one_another_ends() -> None:
    count = 3000
    services = "".join(
        f"  s{at}:\n    extends: {{service: s{(at + 1) % count}}}\n    build: a{at}\n" for at in range(count)
    )
    begin = time.process_time()
    found = built(compose_yaml=f"services:\n{services}")

    assert len(found) == count
    assert time.process_time() - begin < 10


def test_what_only_a_reading_from_the_root_would_miss_is_not_told() -> None:
    files = {
        "common.yaml": "services: {x: {build: {target: t}}}\n",
        "a/compose.yaml": "services: {x: {build: ., extends: {file: ../common.yaml, service: x}}}\n",
        "a/Dockerfile": "FROM a AS t\n",
    }
    repository = Repository(tree(files))
    (build,) = compose_builds(repository)

    assert (build.context, build.target) == ("a", "t")
    assert repository.gaps == ()

"""Whether what builds name is there, and whether they agree."""

from collections.abc import Mapping

from fleet_audit.audit.dockerfiles.contexts.absent import absent_parts
from fleet_audit.audit.dockerfiles.contexts.agreement import disagreements, settled
from fleet_audit.audit.dockerfiles.contexts.gathering import MAX_FOLLOWED, builds
from fleet_audit.audit.dockerfiles.copying.ignore_faults import ignore_faults
from fleet_audit.audit.dockerfiles.copying.sources import copied_sources
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import BuildOrigin
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.fleet import Defaults, Family, Fleet, Manifest, Service
from tests.support.trees import FOLDER, Link, tree

Files = Mapping[str, bytes | str | Link | None]
WEB = "services: {web: {build: {context: ., dockerfile: web/Dockerfile}}}"

MANIFEST = """version: 1
families:
  base:
    dockerfiles: [base/Dockerfile]
services:
  - dockerfiles:
      - web/Dockerfile
      - web/gone
"""


def absent(files: Files) -> list[tuple[str, str, str, str]]:
    repository = Repository(tree(files))
    found = absent_parts(repository, builds(repository, None))
    return [(str(each.location), each.kind, each.path, each.near) for each in found]


def faults(files: Files) -> list[tuple[str, str]]:
    repository = Repository(tree(files))
    return [
        (str(each.location), each.problem) for each in ignore_faults(repository, builds(repository, None))
    ]


def test_a_dockerfile_that_is_named_and_not_there_is_told_at_its_line() -> None:
    files = {"compose.yaml": f"# web\n{WEB}", "docker/web/Dockerfile": ""}

    assert absent(files) == [("compose.yaml:2", "dockerfile", "web/Dockerfile", "docker/web/Dockerfile")]
    assert absent({**files, "web/Dockerfile": ""}) == []
    assert absent({**files, "web/Dockerfile": Link("../docker/web/Dockerfile")}) == []


def test_of_a_context_that_is_not_there_only_the_context_is_told() -> None:
    assert absent({"compose.yaml": "services: {web: {build: gone}}"}) == [
        ("compose.yaml:1", "context", "gone", "")
    ]


def test_a_context_that_is_named_besides_must_be_there_too() -> None:
    named = "{lib: libs, far: ../out, up: docker-image://alpine, gone: gone, own: service:web}"
    text = f"services: {{web: {{build: {{context: ., additional_contexts: {named}}}}}}}"

    assert absent({"compose.yaml": text, "Dockerfile": "", "libs/x": ""}) == [
        ("compose.yaml:1", "context", "gone", "")
    ]


def test_a_dockerfile_in_small_letters_is_taken_too() -> None:
    assert absent({"compose.yaml": "services: {web: {build: web}}", "web/dockerfile": ""}) == []


def test_what_is_not_known_is_not_missed() -> None:
    text = "services: {a: {build: $X}, b: {build: {dockerfile: $Y}}, c: {build: {dockerfile_inline: FROM x}}}"

    assert absent({"compose.yaml": text}) == []


def test_a_submodule_may_not_be_checked_out() -> None:
    files = {
        "compose.yaml": "services: {a: {build: vendor/a}}",
        "vendor/a": FOLDER,
        ".gitmodules": "[x]\n\tpath = vendor/a\n",
    }
    repository = Repository(tree(files))

    assert absent_parts(repository, builds(repository, None)) == ()
    assert [(gap.kind, str(gap.location)) for gap in repository.gaps] == [
        (GapKind.NOT_EXAMINED, "compose.yaml:1")
    ]


def test_contexts_that_differ_are_one_finding_with_what_one_of_them_lacks() -> None:
    files = {
        "compose.yaml": WEB,
        "docker-bake.hcl": 'target "web" {\n  context = "web"\n}\n',
        "web/Dockerfile": "FROM a\nCOPY common app.py /\nCOPY gone /\n",
        "common/a": "",
        "web/app.py": "",
        "app.py": "",
    }
    repository = Repository(tree(files))
    found = builds(repository, None)
    copied = copied_sources(repository, found)
    (told,) = disagreements(found, copied)

    assert [(use.context, str(use.location)) for use in told.uses] == [
        (".", "compose.yaml:1"),
        ("web", "docker-bake.hcl:2"),
    ]
    assert told.missing == (("web", "common", copied[0].location),)
    left = [(each.source, each.context) for each in settled(copied, [told]) if each.exists is False]
    assert left == [("gone", "."), ("gone", "web")]


def test_one_context_at_several_places_is_no_disagreement() -> None:
    files = {
        "compose.yaml": WEB,
        "docker-bake.hcl": 'target "a" { dockerfile = "web/Dockerfile" }',
        "web/Dockerfile": "",
    }
    repository = Repository(tree(files))

    assert disagreements(builds(repository, None), ()) == ()


def test_a_dockerignore_that_no_build_reads_is_told() -> None:
    files = {
        "compose.yaml": WEB,
        "web/Dockerfile": "FROM a\n",
        "web/.dockerignore": "x",
        ".dockerignore": "x",
    }

    assert faults(files) == [("web/.dockerignore", "unread")]
    assert faults({**files, "compose.yaml": "services: {web: {build: web}}"}) == [(".dockerignore", "unread")]
    assert faults({**files, "compose.yaml": f"{WEB[:-1]}, x: {{build: $X}}}}"}) == []


def test_a_dockerignore_beside_a_dockerfile_that_nothing_builds_may_be_read() -> None:
    assert faults({"web/Dockerfile": "FROM a\n", "web/.dockerignore": "x", ".dockerignore": "x"}) == []


def test_a_dockerignore_may_be_named_for_a_dockerfile() -> None:
    files = {"compose.yaml": WEB, "web/Dockerfile": "FROM a\n", "web/Dockerfile.dockerignore": "x"}

    assert faults(files) == []
    assert faults({**files, ".dockerignore": "x"}) == [(".dockerignore", "shadowed")]
    assert faults({**files, "web/Dockerfile.dev.dockerignore": "x"}) == [
        ("web/Dockerfile.dev.dockerignore", "unread")
    ]


def test_a_line_that_docker_refuses_is_told_where_the_file_is_read() -> None:
    files = {"compose.yaml": WEB, "web/Dockerfile": "FROM a\n", ".dockerignore": "a\n!\nb["}

    assert faults(files) == [(".dockerignore:2", "refused"), (".dockerignore:3", "refused")]
    assert faults({**files, ".dockerignore": "a\n!b\n[b]\n"}) == []


def test_the_manifest_names_builds_of_families_and_services() -> None:
    web = Service(
        "Web", "base", dockerfiles=("web/Dockerfile", "web/gone"), target="t", build_args={"A": "1"}
    )
    manifest = Manifest(1, "f", {"base": Family(dockerfiles=("base/Dockerfile",), context="base")}, (web,))
    repository = Repository(tree({"fleet.yaml": MANIFEST, "web/Dockerfile": "", "base/Dockerfile": ""}))
    found = builds(repository, Fleet(manifest, "/", "fleet.yaml"))

    assert [(str(each.location), each.dockerfile, each.context, each.name) for each in found] == [
        ("fleet.yaml:4", "base/Dockerfile", "base", "base"),
        ("fleet.yaml:7", "web/Dockerfile", ".", "Web"),
        ("fleet.yaml:8", "web/gone", ".", "Web"),
    ]
    assert (found[1].target, found[1].args, found[1].services) == ("t", (("A", "1"),), ("Web",))
    assert [(each.path, each.near) for each in absent_parts(repository, found)] == [
        ("web/gone", "web/Dockerfile")
    ]


def test_a_dockerfile_that_nothing_builds_has_the_default_context() -> None:
    manifest = Manifest(1, "f", {}, (), defaults=Defaults(build_context="src"))
    repository = Repository(tree({"web/Dockerfile": ""}))
    (build,) = builds(repository, Fleet(manifest, "/", "fleet.yaml"))

    assert (build.origin, build.context, build.unknown) == (BuildOrigin.DEFAULT, "src", ("args",))


def test_a_dockerfile_that_is_built_in_thousands_of_ways_is_followed_in_some() -> None:
    ways = "".join(
        f"  s{at}: {{build: {{context: ., dockerfile: long/Dockerfile, args: {{A: x{at}}}}}}}\n"
        for at in range(500)
    )
    files = {
        "compose.yaml": f"services:\n{ways}  z: {{build: z}}\n",
        "long/Dockerfile": "FROM a\n" + "RUN true\n" * 999,
        "z/Dockerfile": "FROM a\n",
    }
    repository = Repository(tree(files))
    found = [build.dockerfile for build in builds(repository, None)]

    assert found.count("long/Dockerfile") == 1 + MAX_FOLLOWED // 1000
    assert found.count("z/Dockerfile") == 1
    assert [gap.kind for gap in repository.gaps] == [GapKind.LIMIT_REACHED]

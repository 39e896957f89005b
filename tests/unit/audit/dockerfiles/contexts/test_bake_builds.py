"""Which builds bake files ask for."""

import time

import pytest

from fleet_audit.audit.dockerfiles.contexts.bake import bake_builds, given_builds
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build
from tests.support.trees import tree


def built(text: str, **others: str) -> list[Build]:
    files = {"docker-bake.hcl": text, **others}
    return list(bake_builds(Repository(tree(files))))


def test_a_target_names_context_and_dockerfile_with_variables() -> None:
    text = """
variable "REGISTRY" { default = "registry.example" }
variable "TAG" {
  default = "1"  # of the release
}
group "default" { targets = ["web"] }
target "web" {
  context    = "./services"
  dockerfile = "web/Dockerfile"
  target     = "runtime"
  args = {
    A = "x-${TAG}"
    "B" = TAG == "1" ? "one" : "other"
    C = upper(TAG)
    D = 3
    E = null
  }
  contexts  = { lib = "libs", up = "docker-image://alpine", base = "target:base" }
  platforms = ["linux/amd64", "linux/arm64", ]
  tags      = ["${REGISTRY}/web:${TAG}", notequal("", TAG) ? "x" : ""]
}
"""
    (build,) = built(text)

    assert (build.context, build.dockerfile, build.target) == (
        "services",
        "services/web/Dockerfile",
        "runtime",
    )
    assert build.args == (("A", "x-1"), ("B", "one"), ("C", None), ("D", "3"))
    assert build.contexts == (("base", "target:base"), ("lib", "libs"), ("up", "docker-image://alpine"))
    assert (build.platforms, build.tags) == (("linux/amd64", "linux/arm64"), ("registry.example/web:1",))
    assert str(build.location) == "docker-bake.hcl:9"


def test_targets_inherit_and_those_that_are_inherited_are_not_built() -> None:
    text = """
target "_common" {
  args = {A = "1", B = "1"}
  context = "src"
}
target "more" {
  inherits = ["_common"]
  args = {B = "2"}
}
target "app" {
  inherits = ["more", "docker-metadata-action"]
  args = {C = "3"}
  dockerfile = "D"
}
target "docker-metadata-action" {}
"""
    (build,) = built(text)

    assert (build.name, build.context, build.dockerfile) == ("app", "src", "src/D")
    assert build.args == (("A", "1"), ("B", "2"), ("C", "3"))


def test_a_matrix_makes_a_build_of_each_combination() -> None:
    text = """
target "app" {
  name = "app-${t}-${item.v}"
  matrix = {
    t = ["a", "b"]
    item = [{v = "1", d = "one"}, {v = "2", d = "two"}]
  }
  dockerfile = "${item.d}.Dockerfile"
  target = t
}
"""
    assert [(build.name, build.dockerfile, build.target) for build in built(text)] == [
        ("app-a-1", "one.Dockerfile", "a"),
        ("app-a-2", "two.Dockerfile", "a"),
        ("app-b-1", "one.Dockerfile", "b"),
        ("app-b-2", "two.Dockerfile", "b"),
    ]


def test_json_says_the_same() -> None:
    text = """{
  "variable": {"TAG": {"default": "1"}},
  "group": {"default": {"targets": ["web"]}},
  "target": {
    "web": {
      "dockerfile": "web.Dockerfile",
      "args": {"A": "${TAG}", "B": 2}
    }
  }
}"""
    (build,) = bake_builds(Repository(tree({"docker-bake.json": text})))

    assert (build.dockerfile, build.args) == ("web.Dockerfile", (("A", "1"), ("B", "2")))
    assert str(build.location) == "docker-bake.json:6"


def test_files_of_a_folder_are_merged_and_others_read_over_them() -> None:
    found = built(
        'target "a" { context = "one" }\ntarget "b" { context = "b" }\n',
        **{
            "docker-bake.override.hcl": 'target "a" { target = "t" }\n',
            "docker-bake.prod.hcl": 'target "p" { inherits = ["a"] }\n',
        },
    )

    assert [(build.name, build.context, build.target) for build in found] == [
        ("a", "one", "t"),
        ("b", "b", ""),
        ("p", "one", "t"),
    ]


def test_paths_lead_from_where_the_file_stands_or_from_the_root() -> None:
    files = {"ci/docker-bake.hcl": 'target "a" { dockerfile = "web/Dockerfile" }\n'}

    (beside,) = bake_builds(Repository(tree({**files, "ci/web/Dockerfile": ""})))
    (at_root,) = bake_builds(Repository(tree({**files, "web/Dockerfile": ""})))
    (nowhere,) = bake_builds(Repository(tree(files)))

    assert (beside.context, beside.dockerfile) == ("ci", "ci/web/Dockerfile")
    assert (at_root.context, at_root.dockerfile) == (".", "web/Dockerfile")
    assert (nowhere.context, nowhere.dockerfile) == ("ci", "ci/web/Dockerfile")


@pytest.mark.parametrize(
    ("attributes", "unknown"),
    [
        ("context = UNSET", ("context",)),
        ('context = UNSET\n dockerfile = "x"', ("context", "dockerfile")),
        ('context = "https://code.example/x.git"', ()),
        ('dockerfile = "${lower(X)}"', ("dockerfile",)),
        ("target = UNSET", ("target",)),
        ("args = merge(a, b)", ("args",)),
        ('args = {for k in ["a"] : k => "}"}', ("args",)),
        ('dockerfile-inline = "FROM x"', ()),
        ("tags = [for t in tags : upper(t)]", ()),
        ("tags = concat(x[0].y...)", ()),
        ("output = <<EOF\ntype=docker\nEOF\n", ()),
        ("labels = { a = 1 + 2 * (3 - 4), b = !true && false }", ()),
        ("/* a */ no-cache = true # b", ()),
    ],
)
def test_what_is_not_followed_is_not_known(attributes: str, unknown: tuple[str, ...]) -> None:
    (build, last) = built(f'target "a" {{\n  {attributes}\n}}\ntarget "last" {{ target = "z" }}\n')

    assert build.unknown == unknown
    assert last.target == "z"


def test_chosen_targets_and_groups_are_built() -> None:
    text = 'group "g" { targets = ["a", "h"] }\ngroup "h" { targets = ["b", "g"] }\n' + "".join(
        f'target "{name}" {{ target = "{name}" }}\n' for name in "abc"
    )
    repository = Repository(tree({"x.hcl": text}))

    assert [build.name for build in given_builds(repository, ["x.hcl"], targets=["g", "gone"])] == ["a", "b"]


def test_targets_that_inherit_each_other_end() -> None:
    text = 'target "a" { inherits = ["b"] }\ntarget "b" { inherits = ["a", "b"] }\n'
    text += 'group "default" { targets = ["a"] }\n'

    assert [build.name for build in built(text)] == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        'target "a" {',
        'target "a" { b = }',
        "= x",
        'a "',
        '"',
        "x = [" * 500,
        "a {" * 500,
        "a = <<EOF\n",
        "\0",
        "a = (1",
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str) -> None:
    repository = Repository(tree({"docker-bake.hcl": f"\n\n{text}"}))

    list(bake_builds(repository))

    (gap, *_) = repository.gaps
    assert gap.location is not None
    assert gap.location.line in ({0} if text == "\0" else {3, 4})


def test_a_hostile_file_is_read_in_time() -> None:
    before = time.process_time()
    built('target "a" {\n' + "x = 1\n" * 100_000 + "}")
    built('target "a" { x = "' + "${" * 5000)
    built("/*" + "*" * 500_000)
    built("=\n" + "a" * 500_000)
    built("a = <<" + "-" * 500_000 + "\n" + " " * 300_000)
    assert time.process_time() - before < 10


def test_targets_that_inherit_each_other_in_many_ways_are_worked_out_once() -> None:
    text = 'target "t0" { context = "x" }\n' + "".join(
        f'target "t{n}" {{ inherits = ["t{n - 1}", "t{n - 1}"] }}\n' for n in range(1, 1500)
    )

    (build,) = built(text + 'group "default" { targets = ["t30"] }\n')[:1]
    assert (build.name, build.context) == ("t30", "x")


def test_a_value_that_grows_with_each_variable_is_not_followed() -> None:
    lines = [f'variable "A{at}" {{ default = "${{A{at - 1}}}${{A{at - 1}}}" }}' for at in range(1, 60)]
    text = "\n".join(['variable "A0" { default = "xxxxxxxx" }', *lines])
    (build,) = built(f'{text}\ntarget "web" {{ args = {{ A = A3, B = A59 }} }}\n')

    assert build.args == (("A", "x" * 64), ("B", None))


def test_what_is_inherited_twice_is_given_once() -> None:
    lines = [
        f'target "t{at}" {{\n inherits = ["t{at - 1}", "t{at - 1}"]\n args = {{ b{at} = "1" }}\n}}'
        for at in range(1, 40)
    ]
    text = "\n".join(['target "t0" { args = { a = "1" } }', *lines, 'group "default" { targets = ["t39"] }'])
    (build,) = built(text)

    assert len(build.args) == 40

"""Which files a .dockerignore leaves out of a build context."""

import time

import pytest

from fleet_audit.audit.dockerfiles.copying.ignoring import ignore_rules

DOCUMENTED = [
    ("# comment\n*/temp*\n", {"somedir/temporary.txt", "somedir/temp/x"}, {"temp", "a/b/temp", "# comment"}),
    ("*/*/temp*\n", {"a/b/temporary.txt"}, {"a/temporary.txt", "a/b/c/temporary.txt"}),
    ("temp?\n", {"tempa", "tempb", "tempa/x"}, {"temp", "tempab", "d/tempa"}),
    ("**/*.go\n", {"a.go", "a/b.go", "a/b/c.go"}, {"a.got", "go"}),
    ("/foo/bar\n", {"foo/bar", "foo/bar/x"}, {"x/foo/bar", "foo"}),
    ("foo/bar\n", {"foo/bar"}, {"x/foo/bar"}),
    ("*.md\n!README.md\n", {"OTHER.md"}, {"README.md", "docs/OTHER.md"}),
    (
        "*.md\n!README*.md\nREADME-secret.md\n",
        {"a.md", "README-secret.md"},
        {"README.md", "README-x.md"},
    ),
    ("*.md\nREADME-secret.md\n!README*.md\n", {"a.md"}, {"README.md", "README-secret.md"}),
    ("*\n!src\n!pyproject.toml\n", {"a", "docs/x"}, {"src/a.py", "pyproject.toml"}),
]
"""Docker's documentation, "Build context": the text, what it leaves out, what it does not."""


@pytest.mark.parametrize(("text", "left", "kept"), DOCUMENTED)
def test_the_examples_of_dockers_documentation(text: str, left: set[str], kept: set[str]) -> None:
    rules = ignore_rules(text)

    assert {path for path in left | kept if rules.leaves_out(path)} == left


@pytest.mark.parametrize(
    ("pattern", "path", "is_out"),
    [
        ("/common/", "common/bus.py", True),
        ("./common", "common/bus.py", True),
        ("common/*.py", "common/deep/bus.py", False),
        ("**/deep", "common/deep/bus.py", True),
        ("**/deep", "deep", True),
        ("**/deep", "shallowdeep", False),
        ("**deep", "a/shallowdeep", True),
        ("common/**", "common/a/b", True),
        ("common/**", "common", False),
        ("common/**/bus.py", "common/bus.py", True),
        ("common/**/bus.py", "common/a/b/bus.py", True),
        ("a**b", "a/x/b", True),
        ("a**b", "axb", False),
        ("*.py", "common/bus.py", False),
        ("**", "common/bus.py", True),
        ("", "common/bus.py", False),
        (".", "common/bus.py", False),
        ("/", "common/bus.py", False),
        ("../common", "common/bus.py", False),
        ("/../common", "common/bus.py", True),
        ("a/../common", "common/bus.py", True),
        ("Common", "common/bus.py", False),
        ("  common \t", "common/bus.py", True),
        ("common\r", "common/bus.py", True),
        ("\ufeffcommon", "common/bus.py", True),
        ("#common", "#common", False),
        (" #common", "#common", True),
        ("\\#common", "#common", True),
        ("\\!common", "!common", True),
        ("common/[a-c]us.py", "common/bus.py", True),
        ("common/[^a-c]us.py", "common/bus.py", False),
        ("comm[o]n", "common", True),
        ("a.b", "aXb", False),
        ("a+(b)", "a+(b)", True),
        ("*/../common", "common/bus.py", True),
    ],
)
def test_a_pattern_means_what_docker_takes_it_for(pattern: str, path: str, *, is_out: bool) -> None:
    assert ignore_rules(pattern).leaves_out(path) is is_out


def test_the_last_pattern_that_matches_decides_and_is_named() -> None:
    rules = ignore_rules("# all\n*\n!common\ncommon/secret\n")

    assert [rules.deciding(path) for path in ("common/bus.py", "common")] == [None, None]
    decided = [rules.deciding(path) for path in ("services/app.py", "common/secret/key")]
    assert [(each.line, each.text) for each in decided if each] == [(2, "*"), (4, "common/secret")]


def test_what_stands_below_a_folder_may_be_taken_back_in() -> None:
    rules = ignore_rules("data\n!data/small/*.csv\nlogs\n")

    assert rules.leaves_out("data")
    assert rules.leaves_out("data/large.csv")
    assert not rules.leaves_out("data/small/a.csv")
    assert rules.may_take_in("data")
    assert not ignore_rules("logs\n!data/x\n").may_take_in("logs")


@pytest.mark.parametrize(
    "line", ["!", "! ", "[", "a[", "[]a]", "[a-]", "a\\", "x" * 2000], ids=lambda line: line[:6]
)
def test_a_pattern_that_docker_refuses_is_told_with_its_line(line: str) -> None:
    rules = ignore_rules(f"a\n{line}\nb\n")

    assert list(rules.refusals) == [2]
    assert rules.leaves_out("b")


def test_what_is_refused_has_near_misses() -> None:
    assert ignore_rules("[a]\n[]-x]\n!a\n\\[\n").refusals.keys() == {2}


def test_a_hostile_pattern_is_no_trap() -> None:
    text = "\n".join(["/".join(["**"] * 90) + "/x", "a*" * 450, "*a" * 450 + "b", "?" * 999, "[" * 900])
    rules = ignore_rules(text)

    before = time.process_time()
    assert not rules.leaves_out("/".join(["a" * 200] * 40))
    assert time.process_time() - before < 5

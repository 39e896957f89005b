"""How a Dockerfile is written does not change what is said of what it copies."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.dockerfiles.contexts.bake import bake_builds
from fleet_audit.audit.dockerfiles.contexts.compose import compose_builds
from fleet_audit.audit.dockerfiles.contexts.hcl import read_blocks
from fleet_audit.audit.dockerfiles.contexts.interpolation import environment, interpolated
from fleet_audit.audit.dockerfiles.copying.sources import copied_sources
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.location import SourceLocation
from tests.support.trees import tree

FILES = {"a/x.py": "", "a/b/y.txt": "", "c.md": "", "data/z": ""}
SOURCES = st.sampled_from(
    [".", "a", "a/x.py", "a/*.py", "gone", "gone/*", "c.md", "data/z", "../a", "$A/x.py", "${B}/y"]
)
IGNORED = st.sampled_from(["", "data", "*.md\n!c.md", "*", "**/*.py"])
GAPS = st.sampled_from([" ", "  ", " \\\n  ", " \\\n# a comment\n  ", "\t"])
LINES = st.lists(st.lists(SOURCES, min_size=1, max_size=3), min_size=1, max_size=4)


def said(dockerfile: str, ignored: str) -> list[tuple[str, bool | None, str | None]]:
    repository = Repository(tree({**FILES, "Dockerfile": dockerfile, ".dockerignore": ignored}))
    build = Build(
        origin=BuildOrigin.COMPOSE,
        location=SourceLocation("c.yaml", 1),
        dockerfile="Dockerfile",
        args=(("A", "a"),),
    )
    found = copied_sources(repository, [build])
    return [(each.source, each.exists, each.problem) for each in found]


def text(lines: Sequence[Sequence[str]], keyword: str, gap: str, between: str) -> str:
    copies = (f"{keyword}{gap}{gap.join([*sources, '/x/'])}\n{between}" for sources in lines)
    return "FROM scratch\nARG A\n" + "".join(copies)


@given(LINES, IGNORED, GAPS, st.sampled_from(["", "\n", "# COPY nothing /\n", "   \n#\n"]))
def test_blanks_comments_and_case_change_nothing(
    lines: list[list[str]], ignored: str, gap: str, between: str
) -> None:
    assert said(text(lines, "copy", gap, between), f"# first\n\n{ignored}") == said(
        text(lines, "COPY", " ", ""), ignored
    )


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_text_is_read_without_an_error(body: str, ignored: str) -> None:
    said(f"FROM scratch AS s\nFROM a\nCOPY {body}\nRUN --mount={body} x\nCOPY --from=s {body}", ignored)
    for name in ("compose.yaml", "docker-bake.hcl", "docker-bake.json"):
        repository = Repository(tree({name: body}))
        list(compose_builds(repository))
        list(bake_builds(repository))


@given(st.text(alphabet='ab= "{}[]()$,:?.!<\n\\#/*', max_size=80))
def test_any_bake_file_is_read_without_an_error(body: str) -> None:
    read_blocks(f'target "a" {{\n{body}\n}}\n{body}')


@given(st.text(alphabet="A$B{}:-?+=\n'\" #", max_size=40))
def test_any_variable_is_read_without_an_error(body: str) -> None:
    interpolated(body, environment(body))


@given(st.text(alphabet="abc/_-.", max_size=20))
def test_a_text_without_variables_stays_as_it_is(body: str) -> None:
    assert interpolated(body, {}) == body
    assert interpolated(body.replace("a", "$$"), {}) == body.replace("a", "$")

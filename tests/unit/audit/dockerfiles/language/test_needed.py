"""Which stages a build carries out."""

import pytest

from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.needed import needed_stages, origin_stage
from fleet_audit.audit.dockerfiles.language.parsing import parse

TEXT = """FROM x AS base
FROM base AS tools
FROM x AS tests
COPY --from=tools /a /a
FROM x AS kept
FROM base AS runtime
COPY --from=Kept /k /k
RUN --mount=type=bind,from=tools,target=/t ls
FROM runtime
COPY --from=0 /b /b
COPY --from=registry.example/acme/uv:1 /uv /
COPY --from=99 /c /c
"""


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("", ["base", "tools", "kept", "runtime", ""]),
        ("tests", ["base", "tools", "tests"]),
        ("BASE", ["base"]),
        ("gone", ["base", "tools", "tests", "kept", "runtime", ""]),
    ],
)
def test_what_the_target_needs_is_carried_out(target: str, names: list[str]) -> None:
    dockerfile = parse(TEXT)

    assert [stage.name for stage in needed_stages(dockerfile, scopes(dockerfile), target)] == names


def test_stages_that_need_each_other_end() -> None:
    dockerfile = parse("FROM x AS a\nCOPY --from=b / /\nFROM x AS b\nCOPY --from=a / /\n")

    assert [stage.name for stage in needed_stages(dockerfile, scopes(dockerfile))] == ["a", "b"]


@pytest.mark.parametrize(("origin", "index"), [("Base", 0), ("5", 5), ("6", None), ("-1", None), ("", None)])
def test_a_stage_has_a_name_and_a_number(origin: str, index: int | None) -> None:
    found = origin_stage(parse(TEXT), origin)

    assert (None if found is None else found.index) == index

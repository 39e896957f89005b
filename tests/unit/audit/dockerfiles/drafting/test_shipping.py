"""Which files of the repository an image has, and where."""

import pytest

from fleet_audit.audit.dockerfiles.drafting.shipping import default_context, shipped
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.configuration import Use
from tests.support.trees import tree

FILES = {
    "src/app/main.py": "",
    "lib/a.py": "",
    "start.sh": "",
    "tools/x/Dockerfile": "",
    "tools/x/run.py": "",
}


def _shipped(text: str, context: str = ".") -> list[tuple[str, str]]:
    found = shipped(Use(parse(text), "Dockerfile"), context, Repository(tree(FILES)))
    return [(each.source, each.target) for each in found]


def test_what_is_copied_last_comes_first() -> None:
    text = "FROM a\nWORKDIR /srv\nCOPY src app\nCOPY start.sh lib/a.py ./\nADD start.sh /go\n"
    assert _shipped(text) == [
        ("start.sh", "/go"),
        ("lib/a.py", "/srv/a.py"),
        ("start.sh", "/srv/start.sh"),
        ("src", "/srv/app"),
    ]
    assert _shipped("FROM a\nCOPY run.py gone.py $X /y/\nCOPY run.py ../.. /z/\n", "tools/x") == [
        ("tools/x", "/z"),
        ("tools/x/run.py", "/z/run.py"),
    ]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("COPY --from=build /src /app", [("src", "/app"), ("lib", "/app/lib")]),
        ("COPY --from=0 /src/app/main.py /app/", [("src/app/main.py", "/app/main.py")]),
        ("COPY --from=build /src/lib /app/more", [("lib", "/app/more")]),
        ("COPY --from=build /other /app", []),
        ("COPY --from=later /src /app", []),
        ("COPY --from=registry.example/x:1 /src /app", []),
    ],
)
def test_what_an_earlier_stage_has_goes_on_from_there(copy: str, expected: list[tuple[str, str]]) -> None:
    text = f"FROM a AS build\nCOPY lib /src/lib\nCOPY src /src\nFROM b\n{copy}\n"
    assert _shipped(text) == expected


def test_a_stage_has_what_the_one_below_it_has() -> None:
    assert _shipped("FROM a AS one\nCOPY lib /l\nFROM one AS two\nFROM two\nENV A=b\n") == [("lib", "/l")]


@pytest.mark.parametrize(
    ("copy", "context"),
    [
        ("COPY run.py /", "tools/x"),
        ("COPY . /", "tools/x"),
        ("COPY . /\nCOPY start.sh /", "."),
        ("COPY src /s\nCOPY run.py /", "."),
        ("COPY tools/x/run.py /", "."),
        ("COPY ../../start.sh gone https://files.example/run.py /", "."),
        ("COPY ../run.py /", "tools/x"),
        ("COPY --from=a run.py /", "."),
    ],
)
def test_a_dockerfile_that_copies_what_stands_beside_it_is_built_from_its_folder(
    copy: str, context: str
) -> None:
    use = Use(parse(f"FROM a\n{copy}\n"), "tools/x/Dockerfile")
    assert default_context(use, "tools/x/Dockerfile", Repository(tree(FILES))) == context


def test_a_dockerfile_that_copies_all_is_built_from_the_root_where_the_code_is_there() -> None:
    use = Use(parse("FROM a\nCOPY . /\n"), "tools/x/Dockerfile")
    with_code = {**FILES, "setup.py": ""}
    assert default_context(use, "tools/x/Dockerfile", Repository(tree(with_code))) == "."
    assert default_context(use, "lib/sub/Dockerfile", Repository(tree(FILES))) == "."


def test_the_paths_of_what_is_shipped_stay_in_the_repository() -> None:
    assert _shipped("FROM a AS b\nCOPY . /r\nFROM c\nCOPY --from=b /r/../../x/../r/../../start.sh /y\n") == []

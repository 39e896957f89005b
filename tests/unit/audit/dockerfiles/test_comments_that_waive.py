"""Comments that waive rules, and of which lines they speak."""

import pytest

from fleet_audit.audit.dockerfiles.pragmas import pragmas
from fleet_audit.audit.dockerfiles.repository import Repository
from tests.support.trees import tree

MARK = "# fleet-audit: ignore[FA-PIN-001] why"


@pytest.mark.parametrize(
    ("path", "text", "lines"),
    [
        ("Dockerfile", f"FROM a\n{MARK}\nRUN a \\\n  b\n", (3, 4)),
        ("Dockerfile", f"FROM a\nRUN a \\\n  {MARK}\n  b \\\n  c\n", (4, 4)),
        ("Dockerfile", f"{MARK}\n\n# other\nFROM a\n", (4, 4)),
        ("compose.yaml", f"a:\n  image: b  {MARK}\n", (2, 2)),
        ("compose.yaml", f"a:\n  {MARK}\n  image: b\n  c: d\n", (3, 3)),
        ("build.sh", f"{MARK}\ndocker build .\n", (2, 2)),
    ],
)
def test_a_pragma_speaks_of_what_it_stands_at(path: str, text: str, lines: tuple[int, int]) -> None:
    (found,) = pragmas(Repository(tree({path: text})))
    assert (found.first, found.last) == lines
    assert (found.rules, found.reason, found.problem) == (("FA-PIN-001",), "why", "")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", f"FROM a\nRUN echo {MARK}\n"),
        ("compose.yaml", "a: b#fleet-audit: ignore[X] y\n"),
        ("notes.txt", MARK),
    ],
)
def test_what_is_no_comment_is_no_pragma(path: str, text: str) -> None:
    assert pragmas(Repository(tree({path: text}))) == ()


def test_one_with_nothing_below_says_so() -> None:
    (found,) = pragmas(Repository(tree({"compose.yaml": f"a: b\n{MARK}\n"})))
    assert found.problem == "nothing stands below it that it could speak of"

"""Laws of reading what builds install."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from fleet_audit.audit.dockerfiles.pinning.gathering import gathered_practices
from fleet_audit.audit.dockerfiles.pinning.instructions import OwnImages
from fleet_audit.audit.dockerfiles.pinning.packages import wanted
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.installs import Practised
from tests.support.trees import tree

LINES = (
    *("FROM a", "FROM a AS b", "FROM b", "RUN pip install a>=1 b==2 || true", "RUN pip install -r /r.txt"),
    *(
        "RUN apt-get install -y a=1 \\",
        "    b",
        "    && rm c",
        "RUN curl http://archive.example/x | sh",
        "RUN <<EOF",
    ),
    *(
        "EOF",
        "COPY . /",
        "COPY --from=b / /",
        "WORKDIR x",
        "ENV PIP_EXTRA_INDEX_URL=$X",
        "ARG X=1",
        'SHELL ["sh"]',
    ),
    *(
        "ADD http://archive.example/x /",
        "ONBUILD RUN pip install a",
        'RUN ["sh", "-c", "pip install a"]',
        "\\",
    ),
)
TEXTS = st.lists(st.sampled_from(LINES) | st.text(max_size=12), max_size=12).map("\n".join)
REQUIREMENTS = st.lists(
    st.sampled_from(
        (
            *(
                "a",
                "a==1",
                "b>=1 --hash=sha256:ab",
                "-r r.txt",
                "-r s.txt",
                "-c c.txt",
                "--extra-index-url x",
                "-e .",
            ),
            *(
                "git+https://git.example/a@main",
                "c==1 \\",
                "    --hash=sha256:" + "ab" * 32,
                "# d",
                "a;b",
                "--hash=",
            ),
        )
    )
    | st.text(max_size=12),
    max_size=8,
).map("\n".join)
NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
CLAUSES = st.tuples(
    st.sampled_from(("==", "===", ">=", "<=", "~=", "!=", "<", ">")),
    st.sampled_from(("1", "1.0", "2.3.4", "1.0rc1", "1!2.0")),
).map("".join)


def practised(**files: str) -> tuple[Practised, ...]:
    return gathered_practices(Repository(tree(files)), (), (), Knowledge(), OwnImages())


@given(TEXTS, REQUIREMENTS)
def test_any_text_is_read_and_every_line_that_is_named_exists(dockerfile: str, requirements: str) -> None:
    files = {
        "Dockerfile": dockerfile,
        "r.txt": requirements,
        "requirements.txt": requirements,
        "x.sh": dockerfile,
    }

    for each in practised(**files):
        for place in (each.location, *each.related):
            # Of requirements files, all ends of lines that Python knows count, as they do for pip.
            count = max(len(files[place.path].split("\n")), len(files[place.path].splitlines()))
            assert 1 <= place.line <= count + 1
        assert each.name


@given(TEXTS)
def test_comments_and_blank_lines_between_instructions_change_nothing(dockerfile: str) -> None:
    first = practised(Dockerfile=f"FROM a\nRUN pip install a || true\n{dockerfile}")
    second = practised(
        Dockerfile=f"# x\n\nFROM a\n# pip install b\n\nRUN pip install a || true\n\n# y\n{dockerfile}"
    )

    def told(found: tuple[Practised, ...]) -> list[tuple[str, str]]:
        return sorted((each.name, repr(each.practice)) for each in found)

    assert told(first) == told(second)


@given(
    NAMES, st.lists(CLAUSES, max_size=3), st.sampled_from(("", "[x]", "[x,y]")), st.sampled_from(("", " "))
)
def test_requirements_are_read_as_packaging_reads_them(
    name: str, clauses: list[str], extras: str, blank: str
) -> None:
    text = f"{name}{extras}{blank}{','.join(clauses)}"
    try:
        expected = Requirement(text)
    except InvalidRequirement:
        return

    found = wanted("pip", text)

    assert found is not None
    assert found.name == expected.name
    assert found.is_pinned == any(each.operator in ("==", "===") for each in expected.specifier)


@pytest.mark.parametrize(
    "manager", ["apt", "apk", "dnf", "zypper", "pip", "npm", "gem", "go", "cargo", "conda"]
)
@given(st.text(max_size=60))
def test_any_word_is_a_package_or_none(manager: str, text: str) -> None:
    found = wanted(manager, text)

    assert found is None or found.requirement == text.strip()

"""What is not in the repository for a reason."""

import pytest

from fleet_audit.audit.dockerfiles.contexts.made_elsewhere import MadeElsewhere
from fleet_audit.audit.dockerfiles.repository import Repository
from tests.support.trees import tree


@pytest.mark.parametrize(
    ("ignored", "path", "is_made"),
    [
        ("dist/\n", "web/dist/app.js", True),
        ("dist\n", "dist", True),
        ("/dist\n", "web/dist/app.js", False),
        ("web/dist\n", "web/dist/app.js", True),
        ("web/dist\n", "x/web/dist/app.js", False),
        ("*.whl\n", "a/b/c.whl", True),
        ("*.whl\n!c.whl\n", "a/b/c.whl", False),
        ("a/**/c.whl\n", "a/b/c.whl", True),
        ("# dist\n", "dist", False),
        ("[\n\n!\n", "dist", False),
        ("dist \r\n", "dist", True),
    ],
)
def test_what_git_ignores_is_made_before_the_build(ignored: str, path: str, *, is_made: bool) -> None:
    assert bool(MadeElsewhere(Repository(tree({".gitignore": ignored}))).reason(path)) is is_made


def test_the_nearest_gitignore_decides() -> None:
    elsewhere = MadeElsewhere(Repository(tree({".gitignore": "out\n", "web/.gitignore": "!out\n/lib\n"})))

    assert (
        elsewhere.reason("out/x")
        == "line 1 of .gitignore keeps it out of git: something makes it before the build"
    )
    assert elsewhere.reason("web/out/x") == ""
    assert elsewhere.reason("web/lib/x").startswith("line 2 of web/.gitignore")
    assert elsewhere.reason("web/src/lib") == ""


def test_git_fetches_submodules() -> None:
    elsewhere = MadeElsewhere(
        Repository(tree({".gitmodules": '[submodule "a"]\n\tpath = vendor/a\n\turl = x\n'}))
    )

    assert elsewhere.reason("vendor/a/setup.py") == "vendor/a is a submodule, which git fetches"
    assert elsewhere.reason("vendor/b") == ""

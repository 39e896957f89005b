"""Patterns of paths, as GitHub's page on filters shows them."""

import time

import pytest

from fleet_audit.audit.dockerfiles.workflows.filters import chosen, matches


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("*", "README.md", True),
        ("*", "docs/README.md", False),
        ("*.jsx?", "page.js", True),
        ("*.jsx?", "page.jsx", True),
        ("*.jsx?", "page.jsxx", False),
        ("**", "all/the/files.md", True),
        ("*.js", "app.js", True),
        ("*.js", "js/index.js", False),
        ("**.js", "src/js/app.js", True),
        ("docs/*", "docs/README.md", True),
        ("docs/*", "docs/a/b.md", False),
        ("docs/**", "docs/mona/octocat.txt", True),
        ("docs/**/*.md", "docs/README.md", True),
        ("docs/**/*.md", "docs/a/markdown/file.md", True),
        ("**/docs/**", "docs/hello.md", True),
        ("**/docs/**", "space/docs/plan/space.doc", True),
        ("**/README.md", "js/README.md", True),
        ("**/README.md", "README.md", True),
        ("**/*src/**", "a/src/app.js", True),
        ("**/*src/**", "my-src/code/js/app.js", True),
        ("**/*-post.md", "my-post.md", True),
        ("**/migrate-*.sql", "db/sept/migrate-v1.sql", True),
        ("v[12].[0-9]+", "v1.10", True),
        ("v[12].[0-9]+", "v3.1", False),
        ("docker/", "docker/a", False),
        ("a\\*", "a*", True),
    ],
)
def test_a_pattern_matches(pattern: str, path: str, is_match: bool) -> None:
    assert matches(path, pattern) is is_match


def test_a_later_pattern_takes_away_what_earlier_ones_chose() -> None:
    assert not chosen("docs/README.md", ["docs/**", "!docs/README.md"])
    assert chosen("docs/README.md", ["!docs/README.md", "docs/**"])
    assert not chosen("a", [])


def test_hostile_patterns_end_soon() -> None:
    start = time.process_time()
    assert not matches("a" * 1000 + "!", "**a" * 100)
    assert time.process_time() - start < 2

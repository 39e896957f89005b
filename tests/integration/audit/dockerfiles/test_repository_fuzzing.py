"""A bounded run of coverage-guided fuzzing over the audit of whole repositories."""

from pathlib import Path

import pytest

from tests.fuzz.make_repository_corpus import make_corpus
from tests.support.fuzzing import NEEDS_ATHERIS, fuzzed

pytestmark = [pytest.mark.integration, NEEDS_ATHERIS]


def test_no_repository_that_is_found_takes_the_audit_down(tmp_path: Path) -> None:
    make_corpus(tmp_path / "corpus")
    fuzzed("tests.fuzz.repository_target", tmp_path / "corpus", tmp_path)

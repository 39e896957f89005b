"""A bounded run of coverage-guided fuzzing over what reads Python files."""

from pathlib import Path

import pytest

from tests.fuzz.make_source_corpus import FOLDER
from tests.support.fuzzing import NEEDS_ATHERIS, fuzzed

pytestmark = [pytest.mark.integration, NEEDS_ATHERIS]


def test_no_text_that_is_found_takes_the_reader_down(tmp_path: Path) -> None:
    fuzzed("tests.fuzz.source_target", FOLDER, tmp_path)

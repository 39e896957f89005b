"""A bounded run of coverage-guided fuzzing over what reads ELF files and ld.so.cache."""

from pathlib import Path

import pytest

from tests.fuzz.make_corpus import FOLDER
from tests.support.fuzzing import NEEDS_ATHERIS, fuzzed

pytestmark = [pytest.mark.integration, NEEDS_ATHERIS]


def test_no_input_that_is_found_takes_a_reader_down(tmp_path: Path) -> None:
    fuzzed("tests.fuzz.elf_target", FOLDER, tmp_path)

"""A bounded run of coverage-guided fuzzing over what reads and changes Dockerfiles."""

from pathlib import Path

import pytest

from tests.support.fuzzing import NEEDS_ATHERIS, fuzzed

pytestmark = [pytest.mark.integration, NEEDS_ATHERIS]

CORPUS = Path(__file__).parents[3] / "fixtures" / "dockerfiles"


def test_no_dockerfile_that_is_found_takes_a_reader_down(tmp_path: Path) -> None:
    fuzzed("tests.fuzz.dockerfile_target", CORPUS, tmp_path)

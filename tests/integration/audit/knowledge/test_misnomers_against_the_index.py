"""The rows on misleading names against the index that pip is set to."""

import subprocess
import sys

import pytest

from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.base import packaged_knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile, Misnomer

pytestmark = pytest.mark.integration

FILE = "misnomers.yaml"
ROWS = convert(load_file(packaged_knowledge() / FILE, name=FILE), KnowledgeFile).misnomers


def is_offered(name: str) -> bool:
    argv = [sys.executable, "-m", "pip", "index", "versions", "--pre", "--disable-pip-version-check", name]
    done = subprocess.run(argv, capture_output=True, check=False, text=True, timeout=120)  # noqa: S603  (pip)
    if done.returncode and "No matching distribution" not in done.stderr:
        pytest.skip(f"pip cannot ask its index: {done.stderr.strip()[-200:]}")
    return done.returncode == 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_name_is_there_or_not_as_its_row_says(row: Misnomer) -> None:
    assert {name: is_offered(name) for name in row.names} == dict.fromkeys(row.names, not row.is_absent)

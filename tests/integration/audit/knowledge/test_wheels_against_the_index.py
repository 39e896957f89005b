"""The rows on libraries that wheels bring, against what the wheels hold that the index offers."""

import os
import subprocess
import sys
from fnmatch import fnmatchcase

import msgspec
import pytest
import urllib3

from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.base import packaged_knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile, NeedNot, ProvidedByPypi
from tests.knowledge.module_index import NoWheel, members

pytestmark = pytest.mark.integration

FILE = "wheels.yaml"
ROWS = convert(load_file(packaged_knowledge() / FILE, name=FILE), KnowledgeFile)
_OWN_INDEX = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"


def told(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, check=False, text=True, timeout=60)  # noqa: S603  (pip)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def index() -> tuple[urllib3.PoolManager, str]:
    """Return the index that pip is set to, or its own, and what asks it."""
    address = told("-m", "pip", "config", "get", "global.index-url") or told("-c", _OWN_INDEX)
    authorities = os.environ.get("SSL_CERT_FILE") or told("-m", "pip", "config", "get", "global.cert") or None
    return urllib3.PoolManager(ca_certs=authorities, timeout=60), f"{address.rstrip('/')}/"


def absent(row: ProvidedByPypi, index: tuple[urllib3.PoolManager, str]) -> list[tuple[str, str]]:
    """Return the sonames of a row that a wheel does not bring; skips where the index cannot be asked."""
    found: list[tuple[str, str]] = []
    for name in row.distributions:
        try:
            names = [member.rpartition("/")[2] for member in members(*index, name, row.versions)]
        except urllib3.exceptions.HTTPError as e:
            pytest.skip(f"the index cannot be asked: {e}")
        found += [(name, p) for p in row.sonames if not any(fnmatchcase(each, p) for each in names)]
    return found


@pytest.mark.parametrize("row", ROWS.provided_by_pypi, ids=lambda row: row.id)
def test_the_wheels_of_a_row_bring_its_libraries(
    row: ProvidedByPypi, index: tuple[urllib3.PoolManager, str]
) -> None:
    assert absent(row, index) == []


def test_a_wrong_row_is_found_out(index: tuple[urllib3.PoolManager, str]) -> None:
    row = next(row for row in ROWS.provided_by_pypi if row.id == "cudart-12")

    assert absent(msgspec.structs.replace(row, sonames=("libcudart.so.11.0",)), index)
    with pytest.raises(NoWheel):
        absent(msgspec.structs.replace(row, versions="<1"), index)


@pytest.mark.parametrize("row", ROWS.need_not, ids=lambda row: row.id)
def test_the_plugins_of_a_row_are_in_its_wheel(row: NeedNot, index: tuple[urllib3.PoolManager, str]) -> None:
    try:
        names = members(*index, row.distribution)
    except urllib3.exceptions.HTTPError as e:
        pytest.skip(f"the index cannot be asked: {e}")

    assert [pattern for pattern in row.files if not any(fnmatchcase(name, pattern) for name in names)] == []

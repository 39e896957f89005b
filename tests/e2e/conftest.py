"""Where whole commands run: a folder with a small fleet, its own cache and archive, at a fixed time."""

from pathlib import Path

import pytest

from tests.support.packaged import with_known_rules
from tests.support.worlds import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a fleet without families, in whose folder commands run."""
    made = World(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(made.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", made.archive)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795000000")
    return made

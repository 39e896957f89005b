"""Caches that know the packaged rules and knowledge, as those of anyone's second run do.

To check each rule takes a third of a second. The tests of a cold cache make one of their own.
"""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from fleet_audit.audit.pipeline.run.settings import CONFIGURATION, Settings
from fleet_audit.audit.pipeline.run.shared import Shared


def with_known_rules(folder: Path) -> Path:
    """Return a cache folder that is to be made at `folder`, with what is known of the packaged rules."""
    shutil.copytree(_known() / CONFIGURATION, folder / CONFIGURATION)
    return folder


@cache
def _known() -> Path:
    made = Path(tempfile.mkdtemp(prefix="fleet-audit-tests-"))
    shared = Shared(Settings(cache_dir=made, created="2026-01-01T00:00:00Z"))
    assert shared.rules.rules
    assert shared.knowledge.scanners
    return made

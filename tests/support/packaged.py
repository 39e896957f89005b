"""The rules and the knowledge that come with fleet-audit, read once for all tests of a process.

To check each rule takes a third of a second. The tests of reading itself, and of a cold cache, read anew.
"""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.pipeline.run.settings import CONFIGURATION, Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.rules import RuleSet


def rules() -> RuleSet:
    """Return the packaged rules under the packaged policy; what they judge is not kept."""
    return msgspec.structs.replace(_shared().rules, kept=None)


def knowledge() -> Knowledge:
    """Return the packaged knowledge."""
    return _shared().knowledge


def with_known_rules(folder: Path) -> Path:
    """Return a cache folder that is to be made at `folder`, with what is known of the packaged rules.

    So is the cache of anyone's second run.
    """
    known = _shared()
    assert known.rules.rules
    assert known.knowledge.scanners
    # Times and rights do not matter, and take longer than the bytes.
    shutil.copytree(
        known.settings.cache_dir / CONFIGURATION, folder / CONFIGURATION, copy_function=shutil.copyfile
    )
    return folder


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder that stays until the process ends."""
    return tempfile.TemporaryDirectory(prefix="fleet-audit-tests-")


@cache
def _shared() -> Shared:
    return Shared(Settings(cache_dir=Path(_folder().name), created="2026-01-01T00:00:00Z"))

"""How an analysis is run: what the user decided, apart from what is to be audited."""

from pathlib import Path

import msgspec

from fleet_audit.audit.images.progress import Progress, silent
from fleet_audit.audit.model.identity import Platform
from fleet_audit.audit.model.need import Tier
from fleet_audit.audit.tools.folder_store import FolderStore

CONFIGURATION = "configuration"


def configuration_store(cache_dir: Path) -> FolderStore:
    """Return where it is kept what configuration files were found to say."""
    return FolderStore(cache_dir / CONFIGURATION, max_bytes=16 << 20)


class Settings(msgspec.Struct, frozen=True):
    """Decisions of the user that hold for a whole run.

    `archives` are base addresses that replace every other source of packages; `snapshot` comes before even
    them: a date of Debian's snapshot service, or the key of a state that is kept. Needs up to `plan_tier` are
    planned for; `created` is the time that documents bear. `typed` are the options by which the user chose
    manifest, platform, archives and cache, for commands that are suggested. `policy`, a name or
    a file, judges in place of the manifest's; `rules` are folders or files of rules besides the manifest's.
    """

    cache_dir: Path
    created: str
    is_offline: bool = False
    jobs: int = 1
    platform: Platform = Platform()
    archives: tuple[str, ...] = ()
    snapshot: str = ""
    plan_tier: Tier = Tier.REQUIRED
    progress: Progress = silent
    typed: tuple[str, ...] = ()
    policy: str = ""
    rules: tuple[Path, ...] = ()

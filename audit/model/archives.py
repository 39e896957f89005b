"""States of package archives that are kept, and what is known of them."""

from datetime import datetime

import msgspec

from fleet_audit.audit.model.report import Judged


class ArchiveSuite(msgspec.Struct, frozen=True):
    """One suite of a state: where it was read, of which date, and who signed it.

    `archive` is its base address without credentials; `date` and `valid_until` are as in its Release (UTC,
    ISO 8601), empty where it says nothing, or where its end does not count. `digest` is the SHA-256 of the
    Release's text. `doubt` says why its signature proves nothing; empty where one does: then `keys` is what
    the keys are known by with which that was found.
    """

    suite: str
    archive: str
    components: tuple[str, ...] = ()
    date: str = ""
    valid_until: str = ""
    digest: str = ""
    signed_by: tuple[str, ...] = ()
    doubt: str = ""
    keys: str = ""

    def is_expired(self, now: datetime) -> bool:
        """Say whether it is too old to be believed at `now`: newer versions may be withheld."""
        return bool(self.valid_until) and datetime.fromisoformat(self.valid_until) < now


class KeptArchive(msgspec.Struct, frozen=True):
    """A state of an archive for one architecture: what it is known by, and how much is in it.

    `distribution` is as in os-release, `release` its codename; `asked` is when the archive was last found in
    this state. `sonames`, `programs` and `packages` are counts; `bytes` is what the state takes in the cache.
    `lacking` names suites whose own Contents are not in it: names that are new in them are not known.
    """

    key: str
    distribution: str
    release: str
    architecture: str
    label: str
    suites: tuple[ArchiveSuite, ...]
    asked: str
    sonames: int = 0
    programs: int = 0
    packages: int = 0
    bytes: int = 0
    lacking: tuple[str, ...] = ()


class ArchiveAnswer(msgspec.Struct, frozen=True):
    """One state that is kept; `asked_for` names what it was updated for, `is_new` that it was read now."""

    archive: KeptArchive
    asked_for: tuple[str, ...] = ()
    is_new: bool = False


class IndexReport(Judged, frozen=True, kw_only=True):
    """The states of archives that were updated, or all that are kept in `cache`, a folder of this machine.

    `shipped` are the indexes that come with fleet-audit: they know names only, and bear no addresses.
    """

    cache: str
    answers: tuple[ArchiveAnswer, ...] = ()
    shipped: tuple[KeptArchive, ...] = ()

"""What is known of the Releases that a state was read from, and what keeps it from being believed."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from fleet_audit.audit.apt.archive.signatures import Lack
from fleet_audit.audit.apt.archive.snapshots import ArchiveState
from fleet_audit.audit.apt.archive.sources import codename
from fleet_audit.audit.apt.archive.suites import Suite, SuiteDistrusted, SuiteUnusable
from fleet_audit.audit.model.archives import ArchiveSuite, KeptArchive
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.tools.connections import without_credentials


def facts(
    key: str,
    distro: Distro,
    suites: Iterable[Suite],
    state: ArchiveState,
    now: datetime,
) -> KeptArchive:
    """Return what is known of a state that was read from `suites`, all of which are as they are at `now`."""
    return KeptArchive(
        key=key,
        distribution=distro.id,
        release=codename(distro),
        architecture=state.architecture,
        label=state.label,
        suites=tuple(map(_suite, suites)),
        asked=_utc(now),
        sonames=len(state.sonames),
        programs=len(state.programs),
        packages=len(state.packages),
    )


def doubts(known: KeptArchive | None, now: datetime | None) -> Iterator[Gap]:
    """Yield what keeps a state from being believed for certain, each reason once for all of its suites.

    Without a `now`, nothing has expired.
    """
    if known is None:
        yield unverified("package archive", "what was known of its signatures is lost")
        return
    by_doubt: dict[str, list[str]] = {}
    for suite in known.suites:
        by_doubt.setdefault(suite.doubt, []).append(suite.suite)
    for doubt, names in by_doubt.items():
        if doubt:
            yield unverified(", ".join(names), doubt)
    for suite in known.suites:
        if now is not None and suite.is_expired(now):
            day = suite.valid_until.partition("T")[0]
            why = f"its Release file has expired on {day}; newer versions may be withheld"
            yield unverified(f"{suite.suite} at {suite.archive}", why)


def refuse_downgrade(suite: Suite, keys: Collection[str], before: Sequence[KeptArchive]) -> None:
    """Raise SuiteDistrusted where `suite` proves less than it did in one of the states `before`.

    That is so where it bears no signature any more, or none of the same keys any more (`keys` are what those
    are known by that may sign for it now). apt refuses such a repository, too (apt-secure(8)).
    """
    place = (suite.source.suite, without_credentials(suite.source.uri))
    for each in (old for state in before for old in state.suites if (old.suite, old.archive) == place):
        is_less = suite.lack is Lack.SIGNATURE or (suite.lack is Lack.KEY and each.keys in keys)
        if each.signed_by and is_less:
            signer, date = each.signed_by[0], each.date or "no date"
            why = (
                f"its Release file is not to be believed: {suite.doubt}, where {signer} signed that of {date}"
            )
            raise SuiteDistrusted(suite.source, why)


def refuse_rollback(suite: Suite, before: Sequence[KeptArchive]) -> None:
    """Raise SuiteUnusable where `suite` is older than a signed state of it that was read `before`.

    Old Releases bear good signatures, too: who serves one withholds what came after it, or has not caught up.
    apt keeps the newer one as well (apt-pkg/acquire-item.cc, pkgAcqMetaBase::VerifyVendor).
    """
    place = (suite.source.suite, without_credentials(suite.source.uri))
    date = _utc(suite.release.date)
    for each in (old for state in before for old in state.suites if (old.suite, old.archive) == place):
        if each.signed_by and date < each.date:
            why = f"its Release is of {date or 'no date'}, and that of {each.date} was read before"
            raise SuiteUnusable(suite.source, why)


def unverified(what: str, why: str) -> Gap:
    """Return the gap of an archive that is read although it is not proved, or not asked."""
    return Gap(stage="apt", kind=GapKind.UNVERIFIED_ARCHIVE, what=what, why=why)


def distrusted(what: str, why: str) -> Gap:
    """Return the gap of an archive that is there and must not be read."""
    return Gap(stage="apt", kind=GapKind.DISTRUSTED_ARCHIVE, what=what, why=why)


def _suite(suite: Suite) -> ArchiveSuite:
    release, source = suite.release, suite.source
    return ArchiveSuite(
        suite=source.suite,
        archive=without_credentials(source.uri),
        components=source.components,
        date=_utc(release.date),
        valid_until=_utc(release.valid_until) if source.checks_valid_until else "",
        digest=release.digest,
        signed_by=suite.signers,
        doubt=suite.doubt,
        keys=suite.keys,
    )


def _utc(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"

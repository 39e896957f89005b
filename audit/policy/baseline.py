"""What is new in an audit beside an earlier one: outcomes of rules are compared, not what scanners list."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.gating import Comparison
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import Waiver, WaiverUse

SCANNER = "trivy"


def compared(head: AuditReport, base: AuditReport, base_judged: AuditReport) -> Comparison:
    """Return how an audit differs from an earlier one of the same subject.

    `head` and `base_judged` are judged by the same rules and waivers, `base` is as it was stored. A finding
    is known where one of its fingerprint blocks in the base; where more of them block now, none of them is:
    nobody could say which are new.
    """
    before = Counter(finding.fingerprint for finding in base_judged.findings if finding.blocks)
    now = Counter(finding.fingerprint for finding in head.findings if finding.blocks)
    known = {fingerprint for fingerprint, number in now.items() if number <= before[fingerprint]}
    disclosed = {f.fingerprint for f in _disclosed(head, base) if f.fingerprint not in before}
    fixed = (f for f in base_judged.findings if f.blocks and f.fingerprint not in now)
    return Comparison(
        base=base.created,
        base_digest=(base.image.ref.digest or "") if base.image is not None else "",
        database_before=database_date(base),
        database_now=database_date(head),
        known=tuple(sorted(known)),
        disclosed=tuple(sorted(disclosed)),
        fixed=tuple(fixed),
        waived_since=tuple(sorted(_waived_since(head.waivers, base.waivers))),
    )


def database_date(audit: AuditReport) -> str:
    """Return the date of the scanner's database that an audit's advisories rest on; empty without any."""
    return next((tool.database_date for tool in audit.tools if tool.name == SCANNER), "")


def _disclosed(head: AuditReport, base: AuditReport) -> Iterator[Finding]:
    """Yield findings on advisories that the base could not know, of packages that it has as they are now."""
    if not (base.scanned_digest and "" < database_date(base) < database_date(head)) or base.inventory is None:
        return
    there = {component.purl for component in base.inventory.components}
    known = {name for advisory in base.advisories for name in _names(advisory)}
    later = {
        _name(advisory)
        for advisory in head.advisories
        if advisory.affected and there.issuperset(advisory.affected) and known.isdisjoint(_names(advisory))
    }
    yield from (finding for finding in head.findings if finding.blocks and finding.subject in later)


def _name(advisory: Advisory) -> str:
    return _called(advisory, advisory.id)


def _names(advisory: Advisory) -> Iterator[str]:
    """Yield what an advisory is called by its id and by each alias: databases change which of them leads."""
    yield from (_called(advisory, name) for name in (advisory.id, *advisory.aliases))


def _called(advisory: Advisory, name: str) -> str:
    return f"advisory:{name}:{advisory.ecosystem}/{advisory.package}"


def _waived_since(head: WaiverUse, base: WaiverUse) -> Iterator[str]:
    """Yield the ids of waivers that name findings, and that the base did not have, or not in these words."""
    accounts = (*base.applied, *base.expired, *base.unused, *base.expiring, *base.pending)
    before = {_words(account.waiver) for account in accounts}
    yield from (each.waiver.id for each in head.applied if _words(each.waiver) not in before)


def _words(waiver: Waiver) -> Waiver:
    return msgspec.structs.replace(waiver, location=SourceLocation(""))

"""All waivers on one day, with what they name in audits."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from datetime import date

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.waiver import WaivedFinding, Waiver, WaiverLimits, WaiverLine
from fleet_audit.audit.policy.waivers import account_of, is_expiring


def waivers_told(
    waivers: Iterable[Waiver],
    today: date,
    limits: WaiverLimits,
    audits: Iterable[AuditReport] | None = None,
    *,
    off: Container[str] = (),
) -> tuple[WaiverLine, ...]:
    """Return a line for each waiver, in order of their ids.

    `audits` were judged with these waivers; without any, nobody knows what is named. `off` are the rules that
    find nothing under the policy.
    """
    named: defaultdict[str, set[WaivedFinding]] = defaultdict(set)
    remarks: dict[str, str] = {}
    for audit in audits or ():
        for name, finding in _named(audit):
            named[name].add(finding)
        remarks |= {told.waiver.id: told.remark for told in audit.waivers.unused if told.remark}
    lines = []
    for waiver in sorted(waivers, key=lambda each: each.id):
        found = tuple(sorted(named[waiver.id]))
        idle = "its rule is off under this policy" if waiver.rule in off else remarks.get(waiver.id, "")
        remark = "" if found else idle
        account = account_of(waiver, today, findings=(each.fingerprint for each in found), remark=remark)
        known = None if audits is None else found
        lines.append(WaiverLine(account, is_expiring=is_expiring(account, limits), findings=known))
    return tuple(lines)


def _named(audit: AuditReport) -> Iterator[tuple[str, WaivedFinding]]:
    """Yield the findings of an audit with the id of each waiver that names them, whether it holds or not."""
    use = audit.waivers
    by_fingerprint = {finding.fingerprint: finding for finding in audit.findings}
    for account in (*use.applied, *use.expired, *use.pending):
        for fingerprint in account.findings:
            finding = by_fingerprint[fingerprint]
            yield (
                account.waiver.id,
                WaivedFinding(audit.subject, fingerprint, finding.severity, finding.subject, finding.message),
            )

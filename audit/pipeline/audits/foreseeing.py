"""What rules would block, foretold from stored audits: no image is read."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.ruling import Impact
from fleet_audit.audit.pipeline.audits.gating import law_of
from fleet_audit.audit.pipeline.audits.stored import newest_audits
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.impact import impact
from fleet_audit.audit.policy.part import StatementUnreadable
from fleet_audit.audit.policy.rules import RuleSet


def foretold(folder: Path, shared: Shared, ids: Collection[str] = ()) -> Impact:
    """Return what rules would block of the newest audit of each subject below a folder.

    An audit that cannot be read or judged is a gap. Raises AuditUnreadable where there is no such folder.
    """
    audits, refused = newest_audits(folder)
    law = law_of(shared)
    gaps = [Gap("rules", GapKind.NO_AUDIT, each.file, each.why) for each in refused]

    def judge(audit: AuditReport, rules: RuleSet) -> AuditReport:
        try:
            return msgspec.structs.replace(law, rules=rules).judge(audit)
        except StatementUnreadable as e:
            why = f"{e}; audit the image again"
            gaps.append(Gap("rules", GapKind.NO_AUDIT, audit.subject, why))
            return msgspec.structs.replace(audit, findings=(), gaps=())

    found = impact(audits, shared.rules, judge, ids)
    return msgspec.structs.replace(found, gaps=shared.rules.settled(gaps))

"""What a fleet's waivers say of vulnerabilities, from stored audits or by themselves."""

from collections.abc import Sequence
from pathlib import Path

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.vex import VexReport
from fleet_audit.audit.pipeline.audits.waiver_report import judged_audits
from fleet_audit.audit.pipeline.run.exceptions import today_of, waivers_of
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.vex_claims import claims_alone, claims_of_audits

_MAX_TOLD = 20


class NothingToSay(FleetAuditError):
    """No statement can be made of any waiver, and a VEX document has at least one."""

    def __init__(self, left_out: Sequence[tuple[str, str]]) -> None:
        """Keep the waivers that were left out, each with the reason."""
        super().__init__(tuple(left_out))
        self.left_out = tuple(left_out)

    def __str__(self) -> str:
        """Return a sentence, and a line for each of the first waivers."""
        lines = [f"{name}: {why}" for name, why in self.left_out[:_MAX_TOLD]]
        more = len(self.left_out) - len(lines)
        told = "\n".join(("", *lines, *((f"and {more} more",) if more > 0 else ())))
        return f"no waiver says anything of a vulnerability today, so there is nothing to export{told}"


def vex_report(
    shared: Shared, places: Sequence[Path] = (), *, audits: Path | None = None, author: str
) -> VexReport:
    """Return the statements of all waivers that hold today.

    With a folder of `audits`, each names the very images and packages that it was applied to. It bears the
    day of the newest: the same waivers make the same document whenever that is. Raises NothingToSay without
    any statement, ConfigurationError, and AuditUnreadable where there is no such folder.
    """
    waivers = waivers_of(shared, places)
    today = today_of(shared.settings)
    registry = shared.fleet.manifest.registry.prefix if shared.fleet else ""
    gaps: tuple[Gap, ...] = ()
    if audits is None:
        said = claims_alone(waivers, today, registry)
    else:
        judged, gaps = judged_audits(shared, waivers, audits)
        said = claims_of_audits(waivers, judged, today, registry)
    if not said.claims:
        raise NothingToSay(said.left_out)
    return VexReport(
        subject=author,
        author=author,
        issued=f"{max(claim.since for claim in said.claims).isoformat()}T00:00:00Z",
        claims=said.claims,
        left_out=said.left_out,
        gaps=gaps,
    )

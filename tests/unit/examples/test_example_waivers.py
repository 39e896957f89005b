"""The waivers of the example are right, whatever day it is."""

from pathlib import Path

from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.policy.waiver_checks import Known
from fleet_audit.audit.policy.waiver_files import load_waivers
from fleet_audit.audit.sbom.canonical import canonical_purl
from tests.support.packaged import rules

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "fleet"


def test_they_are_read_against_the_packaged_rules_and_the_fleets_own_names() -> None:
    manifest = load_fleet(EXAMPLE / "fleet.yaml").manifest
    services = frozenset(service.name for service in manifest.services)
    known = Known(rules(), canonical_purl, frozenset(manifest.families) | services, services)

    (waiver,) = load_waivers([(EXAMPLE / "waivers.yaml", "waivers.yaml")], known)

    (service,) = waiver.matched("service")
    needed = next(each.required for each in manifest.services if each.name == service)
    assert not any(needed.values()), "the reason that it gives is not true any more"

"""The waivers of the example and of the documentation are right, whatever day it is."""

import re
from pathlib import Path

from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.policy.waiver_checks import Known
from fleet_audit.audit.policy.waiver_files import load_waivers
from fleet_audit.audit.sbom.canonical import canonical_purl
from tests.support.packaged import rules

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "fleet"


def test_they_are_read_against_the_packaged_rules_and_the_fleets_own_names() -> None:
    manifest = load_fleet(EXAMPLE / "fleet.yaml").manifest
    services = frozenset(service.name for service in manifest.services)
    known = Known(rules(), canonical_purl, frozenset(manifest.families) | services, services)

    (waiver,) = load_waivers([(EXAMPLE / "waivers.yaml", "waivers.yaml")], known)

    (service,) = waiver.matched("service")
    needed = next(each.required for each in manifest.services if each.name == service)
    assert not any(needed.values()), "the reason that it gives is not true any more"


def test_what_the_documentation_shows_is_read(tmp_path: Path) -> None:
    shown = re.findall(r"```yaml\n(- id: .*?)```", (ROOT / "docs" / "waivers.md").read_text(), re.DOTALL)
    place = tmp_path / "waivers.yaml"
    place.write_text("".join(shown))

    read = load_waivers([(place, "waivers.yaml")], Known(rules(), canonical_purl))

    assert [each.id for each in read] == ["W-2026-014"]


def test_one_module_decides_whether_a_waiver_holds() -> None:
    comparing = re.compile(r"(expires|days_left)\W{0,2}\s*[<>]=?|[<>]=?\s*[\w.]*(expires|days_left)\b")
    sources = [path for part in ("audit", "reports", "src") for path in (ROOT / part).rglob("*.py")]

    found = {path.relative_to(ROOT).as_posix() for path in sources if comparing.search(path.read_text())}

    # The other one asks whether two waivers share a day, whichever day it is.
    assert found == {"audit/policy/waivers.py", "audit/policy/waiver_files.py"}

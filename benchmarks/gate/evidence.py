"""The facts that rules judge in a real audit: those of an image of the example fleet."""

import hashlib
import sys
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import msgspec

from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.audits.auditing import Auditing, Scanners
from fleet_audit.audit.pipeline.run.scene import missing_image
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import named_subject
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.facts import Subject, SubjectKind
from fleet_audit.audit.policy.part import part_of
from fleet_audit.cli.options import default_cache_dir

FAMILY = "family-vision-cu121"
CREATED = "2026-11-20T12:00:00Z"
ADVISORIES = 1500
"""What a scanner finds in an image of some hundred packages of Debian and PyPI."""

_MANIFEST = Path(__file__).parents[2] / "examples" / "fleet" / "fleet.yaml"
_SEVERITIES = ("low", "medium", "medium", "medium", "high", "critical")


def real_audit() -> AuditReport:
    """Return the audit of the example's image; ends the program where it is not built."""
    fleet = load_fleet(_MANIFEST)
    subject = named_subject(fleet, FAMILY)
    if missing_image(subject) is not None:
        sys.exit(f"{FAMILY} is not built; run `make images`")
    settings = Settings(cache_dir=default_cache_dir(), created=CREATED, is_offline=True)
    return Auditing(Shared(settings, fleet), Scanners()).audit(subject)


def subjects_like(audit: AuditReport, number: int) -> list[Subject]:
    """Return this many subjects: the audit's own, again and again under other names, and advisories.

    The advisories are on packages that the image has, and as rare in the grave severities as real ones.
    """
    own = [subject for evidence in audit.evidence for subject in part_of(evidence).subjects]
    components = () if audit.inventory is None else audit.inventory.components
    advisories = list(islice(_advisories(components), min(ADVISORIES, number // 3)))
    again = (
        msgspec.structs.replace(subject, name=f"{subject.name}#{round_}")
        for round_ in count()
        for subject in own
    )
    return [*islice(again, number - len(advisories)), *advisories]


def _advisories(components: Sequence[Component]) -> Iterator[Subject]:
    named = [component for component in components if component.purl is not None]
    for number in count():
        component = named[number % len(named)]
        # Scattered, and the same in every run.
        seed = int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:4])
        is_reached = seed % 7 == 0
        facts = AdvisoryFacts(
            id=f"CVE-2026-{10_000 + number}",
            package=component.source_name or component.name,
            ecosystem="deb",
            affected=(str(component.purl),),
            installed=(component.version,),
            title="a bound is not checked",
            severity=_SEVERITIES[seed % len(_SEVERITIES)],
            fixed_in=(f"{component.version}+1",) if seed % 2 else (),
            published="2026-09-01",
            published_age_days=80,
            reach="reached" if is_reached else "unreached",
            services=("VisionProcessingAgent",) if is_reached else (),
            family=FAMILY,
        )
        yield Subject(SubjectKind.ADVISORY, facts, f"advisory:{facts.id}:deb/{facts.package}")

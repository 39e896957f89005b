"""Which exceptions hold in a run: the waivers of the fleet, read against its rules and its own names."""

import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.waiver import Waiver
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import anchored
from fleet_audit.audit.policy.waiver_checks import Known
from fleet_audit.audit.policy.waiver_files import load_waivers
from fleet_audit.audit.sbom.canonical import canonical_purl


def today_of(settings: Settings) -> date:
    """Return the day (UTC) that a run takes for today: that of the time which its documents bear."""
    return date.fromisoformat(settings.created.partition("T")[0])


def waivers_of(shared: Shared, places: Sequence[Path] = ()) -> tuple[Waiver, ...]:
    """Return the waivers of these files and folders, else those that the manifest names; without any, none.

    Raises ConfigurationError with everything that is wrong with them.
    """
    known = _known(shared)
    if places:
        return load_waivers([(place, str(place)) for place in places], known)
    named = shared.fleet.manifest.waivers if shared.fleet else ""
    if shared.fleet is None or not named:
        return ()
    return load_waivers([(Path(os.path.join(shared.fleet.root, named)), named)], known)


def _known(shared: Shared) -> Known:
    fleet = shared.fleet
    if fleet is None:
        return Known(shared.rules, canonical_purl)
    services = frozenset(service.name for service in fleet.manifest.services)
    return Known(shared.rules, canonical_purl, frozenset(_names(fleet)), services)


def _names(fleet: Fleet) -> Iterator[str]:
    """Yield what an image of the fleet may be called: by its family, its service, or its reference."""
    for name, family in fleet.manifest.families.items():
        yield from (name, *family.aliases)
        if family.image is not None:
            yield anchored(family.image, fleet.root)
    for service in fleet.manifest.services:
        yield service.name
        if service.image is not None:
            yield anchored(service.image, fleet.root)

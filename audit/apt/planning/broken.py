"""What is wrong among the packages of an image before anything is planned, so that apt-get refuses to go on.

apt-get installs nothing beside unmet dependencies that are not met on the way: "Unmet dependencies. Try
'apt --fix-broken install' with no packages" (apt, apt-get's DoCacheManipulationFromCommandLine). They come
from ``dpkg --force-depends``, or from ``dpkg --install`` without what the package asks for.
"""

from collections.abc import Iterator

from fleet_audit.audit.apt.debian.packages import PackageTable
from fleet_audit.audit.apt.debian.relations import clause_text, parse_relations
from fleet_audit.audit.apt.installed.state import STATUS, InstalledState
from fleet_audit.audit.apt.planning.universe import Universe, Version
from fleet_audit.audit.model.finding import Gap, GapKind

_MAX_TOLD = 3


def refusals(state: InstalledState, architecture: str) -> Iterator[Gap]:
    """Yield why apt-get would refuse to install anything in this `state`: one gap at most."""
    universe = Universe(PackageTable({}), state.records, architecture)
    found = [why for version in universe.installed for why in _complaints(version, universe)]
    if found:
        more = f", and {len(found) - _MAX_TOLD} more" if len(found) > _MAX_TOLD else ""
        why = (
            f"apt-get refuses to install anything before this is mended: "
            f"{'; '.join(found[:_MAX_TOLD])}{more}; apt-get --fix-broken install does that"
        )
        yield Gap(stage="apt", kind=GapKind.NOT_EXAMINED, what=STATUS, why=why)


def _complaints(version: Version, universe: Universe) -> Iterator[str]:
    name, package = universe.known_as(version), version.package
    for clause in (*parse_relations(package.pre_depends), *parse_relations(package.depends)):
        if not any(True for each in clause for _ in universe.answering(each, version.architecture)):
            yield f"{name} depends on {clause_text(clause)}, which is not installed"
    for field in (package.conflicts, package.breaks):
        for clause in parse_relations(field):
            others = (other for other in universe.installed_refused(clause[0]) if other.name != version.name)
            yield from (f"{name} refuses {clause[0]}, and {universe.known_as(o)} is there" for o in others)

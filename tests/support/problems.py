"""What the exact solver is asked for sets of needs, upon a minimal installation."""

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.choice import Blemishes, Chooser
from fleet_audit.audit.apt.planning.clauses import Clauses
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.apt.planning.wants import Providers
from fleet_audit.audit.apt.solving.problem import Problem
from tests.support.debian import wanted


def problem_of(needs: tuple[str, ...], state: InstalledState, index: ArchiveIndex) -> Problem:
    """Return the clauses and costs by which a plan for `needs` is found; of those that can be supplied."""
    universe = Universe(index.packages, state.records, index.architecture)
    providers = Providers(index, {}, {})
    options = {
        item.need: tuple(name for name in providers.of(item) if universe.candidate(name) is not None)
        for item in wanted(*needs)
    }
    supplied = {need: names for need, names in options.items() if names}
    clauses = Clauses(universe, upgrades_by_source=True)
    return Chooser(universe, clauses, supplied, Blemishes()).problem()

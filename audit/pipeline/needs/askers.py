"""Which distributions ask for a need."""

from collections.abc import Callable, Collection

from fleet_audit.audit.model.identity import DistributionName


def askers_of(
    wanted_by: str,
    owners: Callable[[str], Collection[DistributionName]],
    installed: Collection[DistributionName],
) -> set[str]:
    """Return the distributions behind one who asks; none for a service's own code, and for the system.

    Who asks is a file of the image, with or without a line, or a distribution; `owners` returns the
    distributions that a file belongs to.
    """
    path, _, line = wanted_by.rpartition(":")
    path = path if line.isdigit() else wanted_by
    if path.startswith("/"):
        return set(owners(path))
    return {path} & {str(name) for name in installed}

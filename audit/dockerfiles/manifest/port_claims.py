"""Which ports two services of one machine claim."""

from collections import defaultdict
from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.model.fleet import Service
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.manifest_claims import Disagreement, ManifestMismatch


def port_collisions(lines: ManifestLines) -> Iterator[ManifestMismatch]:
    """Yield each claim of a port that another service has on a machine of both, against the first of them.

    A service that names no machine may run anywhere, and collides with nobody.
    """
    first: dict[tuple[str, int], tuple[Service, SourceLocation]] = {}
    for service in lines.manifest.services:
        for name, port in service.ports.items():
            place = lines.of(service, "ports", name)
            shared: defaultdict[tuple[str, SourceLocation], list[str]] = defaultdict(list)
            for machine in sorted(lines.machines_of(service)):
                other, its_place = first.setdefault((machine, port), (service, place))
                if other.name != service.name:
                    shared[other.name, its_place].append(machine)
            for (other_name, its_place), machines in sorted(shared.items()):
                yield ManifestMismatch(
                    Disagreement.PORT_COLLISION,
                    service.name,
                    place,
                    str(port),
                    other_name,
                    ", ".join(machines),
                    services=tuple(sorted((service.name, other_name))),
                    related=(its_place,),
                )

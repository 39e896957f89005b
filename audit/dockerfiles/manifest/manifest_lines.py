"""Where each value of the manifest stands."""

from fleet_audit.audit.configuration.located import Located
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.fleet import Fleet, Service
from fleet_audit.audit.model.location import SourceLocation


class ManifestLines:
    """A fleet, and the line of every value in its manifest."""

    def __init__(self, fleet: Fleet, repository: Repository) -> None:
        """Take a fleet whose manifest stands at the root of the repository."""
        self.fleet = fleet
        self.manifest = fleet.manifest
        read = repository.yaml(fleet.file)
        self._read = read.documents[0] if read and read.documents else Located(fleet.file, None, {})
        self._indices = {service.name: index for index, service in enumerate(fleet.manifest.services)}
        self._machines = {name: name for name in fleet.manifest.machines}
        for name, machine in fleet.manifest.machines.items():
            self._machines |= dict.fromkeys(machine.aliases, name)

    def at(self, *path: str | int) -> SourceLocation:
        """Return the line of the value at `path`, or of the nearest around it."""
        return SourceLocation(self.fleet.file, self._read.line(path))

    def of(self, service: Service, *path: str | int) -> SourceLocation:
        """Return the line of a value of a service."""
        return self.at("services", self._indices[service.name], *path)

    def machines_of(self, service: Service) -> frozenset[str]:
        """Return the machines that a service names, by their names; none where it may run anywhere."""
        return frozenset(self._machines.get(name, name) for name in service.machines)

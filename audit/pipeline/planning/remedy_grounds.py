"""What remedies are judged by: the wheels of an image, and the code of all services that stand on them."""

from collections import defaultdict
from collections.abc import Sequence

from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.imports import ServiceImports
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.pipeline.planning.named_lines import lines_naming
from fleet_audit.audit.pipeline.planning.remedies import Code, Wheels
from fleet_audit.audit.pipeline.run.origin import families_of_layers
from fleet_audit.audit.pipeline.run.packages import installed_distributions
from fleet_audit.audit.pipeline.run.scene import Scene, compiled_names
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject, named_subject
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.kept_examination import Keeping


class RemedyGrounds:
    """Answers for one image, when a remedy is considered."""

    def __init__(
        self, subject: Subject, scene: Scene, shared: Shared, services: Sequence[ServiceImports]
    ) -> None:
        """Take the image, and what its own services were seen to do."""
        self._subject = subject
        self._scene = scene
        self._shared = shared
        self._services = tuple(services)

    def wheels(self) -> Wheels:
        """Return what is installed."""
        installed = installed_distributions(self._scene)
        requirers: defaultdict[DistributionName, list[DistributionName]] = defaultdict(list)
        for name in sorted(installed):
            for required in installed[name].requires:
                requirers[required].append(name)
        return Wheels(
            versions={name: found.version for name, found in installed.items()},
            requirers={name: tuple(names) for name, names in requirers.items()},
            owners=lambda path: self._scene.distributions.owners(ImagePath(path)),
            sharers=self._sharers,
            places=self._places,
        )

    def code(self, distribution: DistributionName | None) -> Code:
        """Return the code that a change of a distribution concerns: of every family that has it from here.

        Services of other families are looked at on this image: what theirs has besides is not seen.
        """
        fleet, family = self._shared.fleet, self._subject.family
        if fleet is None or family is None or distribution is None or self._subject.is_image_given:
            return Code(self._services)
        origin = self._origin(distribution)
        others = [
            name
            for name in fleet.manifest.families
            if fleet.services_of(name) and origin in (name, *fleet.ancestors(name))
        ]
        known = {service.service for service in self._services}
        found = {name: self._elsewhere(name, known) for name in others}
        looked_at = sorted(name for name, services in found.items() if services and name != family)
        notes = [f"it comes with {origin}, and is to be changed there"] if origin != family else []
        if looked_at:
            notes.append(f"services of {', '.join(looked_at)}, which have it from there, were looked at here")
        services = (*self._services, *(service for name in others for service in found[name]))
        return Code(services, "; ".join(notes))

    def _origin(self, distribution: DistributionName) -> str | None:
        """Return the family whose layer brought a distribution."""
        found = installed_distributions(self._scene).get(distribution)
        layer = None if found is None else self._scene.image.layer_of(found.info)
        families = families_of_layers(self._subject, self._shared)
        return self._subject.family if layer is None else families.get(layer.diff_id, self._subject.family)

    def _elsewhere(self, family: str, known: set[str]) -> tuple[ServiceImports, ...]:
        """Return what services do that were not looked at yet."""
        if self._shared.fleet is None or self._subject.sources is None:
            return ()
        subject = named_subject(self._shared.fleet, family)
        services = tuple(service for service in subject.services if service.name not in known)
        if not services:
            return ()
        answer = examine(
            services,
            self._subject.sources,
            self._scene.image.tree,
            self._scene.interpreter,
            records=self._shared.records,
            keeping=Keeping(self._shared.answers, self._scene.digest),
            compiled=compiled_names(self._scene),
            suggestions=self._shared.knowledge.module_distributions,
            computed_imports=self._shared.knowledge.computed_imports,
            watched=self._shared.knowledge.watched,
        )
        return answer.services

    def _sharers(self, distribution: DistributionName) -> tuple[DistributionName, ...]:
        shared = self._scene.distributions.shared_files()
        names = {name for each in shared if distribution in each.distributions for name in each.distributions}
        return tuple(sorted(names - {distribution}))

    def _places(self, distribution: DistributionName) -> tuple[SourceLocation, ...]:
        """Return the lines that name a distribution: the services' requirements, and the family's files."""
        own = {
            required.location
            for service in self._services
            for required in service.requirements
            if required.name == distribution
        }
        if self._subject.sources is not None:
            context = self._subject.settings.context or "."
            own |= set(lines_naming(distribution, self._subject.sources, self._subject.dockerfiles, context))
        return tuple(sorted(own))

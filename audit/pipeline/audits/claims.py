"""What a repository claims, shared out among its images: whose Dockerfile, whose line of the manifest."""

from collections.abc import Callable, Iterable
from functools import cached_property

import msgspec

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.location import Location
from fleet_audit.audit.pipeline.repository.auditing import part_of_repository
from fleet_audit.audit.pipeline.repository.grounds import Grounds
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.policy.facts import Subject as PolicySubject
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.policy.pragmas import Pragmas


class Claimed(msgspec.Struct, frozen=True):
    """A share of a repository's claims, and what of it could not be examined."""

    part: Part
    gaps: tuple[Gap, ...] = ()


class Claims:
    """The claims of one repository; it is read when they are first asked for."""

    def __init__(self, grounds: Grounds) -> None:
        """Take the repository and its fleet."""
        self._grounds = grounds

    @cached_property
    def _whole(self) -> tuple[Part, tuple[Gap, ...]]:
        return part_of_repository(self._grounds)

    def of(self, subject: Subject) -> Claimed:
        """Return what is claimed of one image: in its Dockerfiles, those of its services, and of its name."""
        share = _Share(self._grounds, subject)
        return self._chosen(share.has, share.stands_in)

    def left(self, subjects: Iterable[Subject]) -> Claimed:
        """Return the claims that belong to none of these images: the fleet's own."""
        shares = [_Share(self._grounds, subject) for subject in subjects]
        return self._chosen(
            lambda claim: not any(share.has(claim) for share in shares),
            lambda place: not any(share.stands_in(place) for share in shares),
        )

    def _chosen(
        self, has: Callable[[PolicySubject], bool], stands_in: Callable[[Location | None], bool]
    ) -> Claimed:
        part, gaps = self._whole
        whole = part.pragmas
        pragmas = tuple(pragma for pragma in whole.pragmas if stands_in(pragma.location))
        waiving = Pragmas(pragmas, whole.settled, frozenset(pragma.location.path for pragma in pragmas))
        chosen = tuple(claim for claim in part.subjects if has(claim))
        return Claimed(
            Part(part.stage, chosen, waiving), tuple(gap for gap in gaps if stands_in(gap.location))
        )


class _Share:
    """What of a repository is one image's."""

    def __init__(self, grounds: Grounds, subject: Subject) -> None:
        fleet = grounds.fleet
        names = {service.name for service in subject.services}
        services = () if fleet is None else fleet.manifest.services
        own = [service for service in services if service.name in names]
        files = [*subject.dockerfiles, *(path for service in own for path in service.dockerfiles)]
        self._files = {normalise(path).lstrip("/") for path in files}
        self._names = {subject.name, *names}

    def has(self, claim: PolicySubject) -> bool:
        """Say whether a claim stands in one of the image's own files, or is of nothing but this image."""
        if self.stands_in(claim.location):
            return True
        facts = claim.facts
        owners = {*facts.services, *getattr(facts, "families", ()), getattr(facts, "image", "")} - {""}
        return bool(owners) and owners <= self._names

    def stands_in(self, place: Location | None) -> bool:
        """Say whether a place is in one of the image's own files."""
        return place is not None and normalise(place.path).lstrip("/") in self._files

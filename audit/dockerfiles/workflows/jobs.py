"""The jobs of one workflow, and which of them wait for which."""

from collections.abc import Iterator, Sequence

from fleet_audit.audit.dockerfiles.workflows.images import ImageEvent
from fleet_audit.audit.dockerfiles.workflows.pictures import Picture


class Jobs:
    """The jobs of one workflow, each with all its runs, and what they wait for."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self.by_id: dict[str, list[Picture]] = {}
        for picture in pictures:
            self.by_id.setdefault(outer_job(picture), []).append(picture)
        self._all_needs: dict[str, set[str]] = {}
        self._needs = {name: set(_needed(found[0])) & set(self.by_id) for name, found in self.by_id.items()}

    def waits_for(self, job: str, other: str) -> bool:
        """Say whether a job runs only after another, over any number of jobs between."""
        return other in self._before(job)

    def _before(self, job: str) -> set[str]:
        """Return the jobs that a job waits for."""
        if job not in self._all_needs:
            found: set[str] = set()
            pending = [job]
            while pending:
                needed = self._needs.get(pending.pop(), set()) - found
                found |= needed
                pending += needed
            self._all_needs[job] = found
        return self._all_needs[job]

    def events_of(self, job: str) -> Iterator[ImageEvent]:
        """Yield what all runs of a job do to images."""
        return (event for picture in self.by_id[job] for event in picture.events)

    def events_before(self, job: str) -> Iterator[ImageEvent]:
        """Yield what the jobs do to images that a job waits for."""
        return (event for name in self.by_id if self.waits_for(job, name) for event in self.events_of(name))

    def events_behind(self, job: str) -> Iterator[ImageEvent]:
        """Yield what the jobs do to images that wait for a job."""
        return (event for name in self.by_id if self.waits_for(name, job) for event in self.events_of(name))


def outer_job(picture: Picture) -> str:
    """Return the id of the job in the workflow that is started."""
    return picture.job.callers[0].id if picture.job.callers else picture.job.job.id


def _needed(picture: Picture) -> tuple[str, ...]:
    return picture.job.callers[0].needs if picture.job.callers else picture.job.job.needs

"""What every check of a repository starts from; each part is worked out when it is first asked for."""

from collections.abc import Iterable
from functools import cached_property

import msgspec

from fleet_audit.audit.dockerfiles.accounts import dockerfile_accounts
from fleet_audit.audit.dockerfiles.contexts.gathering import builds
from fleet_audit.audit.dockerfiles.copying.sources import copied_sources
from fleet_audit.audit.dockerfiles.references.claims import reference_claims
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.builds import workflow_builds
from fleet_audit.audit.dockerfiles.workflows.followed import FollowedJob, followed_jobs
from fleet_audit.audit.dockerfiles.workflows.projects import workflow_projects
from fleet_audit.audit.dockerfiles.workflows.reading import workflows
from fleet_audit.audit.model.builds import Build
from fleet_audit.audit.model.claims import DockerfileAccount
from fleet_audit.audit.model.copying import CopiedSource
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.references import ReferenceClaims
from fleet_audit.audit.model.workflows import Workflow
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.policy.facts import Subject


class Examined(msgspec.Struct, frozen=True):
    """What one check found: subjects for the rules, and what it could not examine."""

    subjects: tuple[Subject, ...] = ()
    gaps: tuple[Gap, ...] = ()


class Grounds:
    """The repository, the fleet where there is a manifest, and what several checks ask of them."""

    def __init__(self, repository: Repository, shared: Shared) -> None:
        """Take the repository, and what the run shares; the manifest stands at the repository's root."""
        self.repository = repository
        self.shared = shared

    @property
    def fleet(self) -> Fleet | None:
        """Return the fleet; None where no manifest speaks of this repository."""
        return self.shared.fleet

    @cached_property
    def builds(self) -> tuple[Build, ...]:
        """Return every use of a Dockerfile that the repository shows."""
        jobs = self.workflow_jobs
        projects = workflow_projects(jobs, self.repository)
        return builds(self.repository, self.fleet, workflow_builds(jobs), projects)

    @cached_property
    def copies(self) -> tuple[CopiedSource, ...]:
        """Return what every build takes, and whether it is there."""
        return copied_sources(self.repository, self.builds, self.fleet)

    @cached_property
    def workflows(self) -> tuple[Workflow, ...]:
        """Return the repository's GitHub workflows."""
        return workflows(self.repository)

    @cached_property
    def references(self) -> ReferenceClaims:
        """Return every reference to an image, and what contradicts among them."""
        return reference_claims(self.repository, self.fleet, self.builds, self.workflows)

    @cached_property
    def accounts(self) -> tuple[DockerfileAccount, ...]:
        """Return every Dockerfile that can be read, in order of paths."""
        return dockerfile_accounts(self.repository, self.builds)

    @cached_property
    def workflow_jobs(self) -> tuple[FollowedJob, ...]:
        """Return the runs of the workflows' jobs, with the commands of their scripts."""
        return followed_jobs(self.workflows, self.repository)

    def users(self, builds: Iterable[Build]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the services and the families that these builds are for, each sorted."""
        services = {name for build in builds for name in build.services}
        families = {name for build in builds for name in build.families}
        return tuple(sorted(services)), tuple(sorted(families))

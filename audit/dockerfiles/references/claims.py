"""All that a repository says of images by their names, held against what was agreed."""

from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.configuration.located import dotted
from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.references.agreed import Agreed, misspelt_agreements
from fleet_audit.audit.dockerfiles.references.argument_lines import ArgumentLines
from fleet_audit.audit.dockerfiles.references.drift import drifts
from fleet_audit.audit.dockerfiles.references.family_chain import broken_chains
from fleet_audit.audit.dockerfiles.references.gathering import gathered_references
from fleet_audit.audit.dockerfiles.references.idle_arguments import idle_arguments
from fleet_audit.audit.dockerfiles.references.publications import contested_names
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.references import Drift, Reference, ReferenceAccount, ReferenceClaims
from fleet_audit.audit.model.workflows import Workflow


def reference_claims(
    repository: Repository, fleet: Fleet | None, builds: Sequence[Build], workflows: Iterable[Workflow]
) -> ReferenceClaims:
    """Return every reference, and what differs, in order of places."""
    lines = ArgumentLines(repository, fleet, workflows)
    references = gathered_references(repository, builds, workflows, lines)
    agreed = Agreed(fleet, references, is_complete=not any(_has_unknown_names(build) for build in builds))
    found = [*drifts(references, agreed)]
    if fleet is not None:
        _report_misspelt(fleet, repository)
        found += broken_chains(repository, fleet, builds, agreed, lines.of)
    ordered = sorted(dict.fromkeys(found), key=lambda each: (each.reference.location, each.standard))
    return ReferenceClaims(
        accounts=_accounts(references, ordered),
        drifts=tuple(ordered),
        idle=idle_arguments(repository, builds, agreed, lines),
        publications=contested_names(fleet, builds, references, agreed),
    )


def _report_misspelt(fleet: Fleet, repository: Repository) -> None:
    """Tell what cannot be held against anything, so that it does not pass for agreed."""
    lines = ManifestLines(fleet, repository)
    for path, written in misspelt_agreements(fleet.manifest):
        why = f"{dotted(path)}: {written[:120]!r} is no image reference; nothing is held against it"
        repository.report(fleet.file, why, line=lines.at(*path).line)


def _has_unknown_names(build: Build) -> bool:
    """Say whether a target of bake has no name that is known; of other builds the references tell."""
    return build.origin is BuildOrigin.BAKE and not build.tags


def _accounts(references: Iterable[Reference], found: Iterable[Drift]) -> tuple[ReferenceAccount, ...]:
    first: dict[Reference, Drift] = {}
    for drift in found:
        if drift.deviation is not None:
            first.setdefault(_as_written(drift.reference), drift)
    return tuple(_account(each, first.get(_as_written(each))) for each in references)


def _as_written(reference: Reference) -> Reference:
    """Return a reference whoever uses it: a drift is told once for all."""
    return msgspec.structs.replace(reference, name="", related=())


def _account(reference: Reference, drift: Drift | None) -> ReferenceAccount:
    if drift is None:
        return ReferenceAccount(reference)
    return ReferenceAccount(reference, drift.deviation, drift.expected)

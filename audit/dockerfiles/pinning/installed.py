"""The packages that an installation asks for, by its words or in the files that it reads."""

from collections.abc import Hashable, Iterator

import msgspec

from fleet_audit.audit.dockerfiles.pinning.packages import Wanted
from fleet_audit.audit.dockerfiles.pinning.requirement_files import Asked
from fleet_audit.audit.dockerfiles.pinning.steps import MAX_SHOWN, Step, wanted_by
from fleet_audit.audit.model.identity import distribution_name
from fleet_audit.audit.model.installs import Install, Practised
from fleet_audit.audit.model.location import SourceLocation

_TOOLS = frozenset(
    {"pip", "setuptools", "wheel", "uv", "pipx", "poetry", "pdm", "hatch", "build", "pip-tools"}
)


def installs(step: Step) -> Iterator[Practised]:
    """Yield the packages that a command names, and in a Dockerfile those of the files that it reads."""
    for each, line in wanted_by(step):
        yield _install(step, each, SourceLocation(step.ran.path, line), None)
    if step.ran.place != "dockerfile":
        return
    for one in step.read:
        if not step.around.files.is_new(one, _decided_by(step)):
            continue
        for asked in one.asked:
            if asked.what is not None:
                yield _install(step, asked.what, asked.location, asked)


def _decided_by(step: Step) -> Hashable:
    """Return what decides about a requirement besides its own text."""
    return (
        step.ran.path,
        step.installing.program,
        step.constraints,
        step.is_constrained_unknown,
        step.has_other_index,
        step.is_fixed,
    )


def _install(step: Step, each: Wanted, location: SourceLocation, asked: Asked | None) -> Practised:
    found = step.installing
    name = distribution_name(each.name) if found.manager == "pip" else each.name
    is_pinned = each.is_pinned or step.is_fixed or step.is_constrained_unknown or name in step.constraints
    practice = Install(
        path=location.path,
        place=step.ran.place,
        manager=found.manager,
        program=found.program,
        name=name,
        requirement=each.requirement[:MAX_SHOWN],
        reference=each.reference,
        is_pinned=is_pinned,
        is_hashed=asked is not None and bool(asked.hashes),
        is_from_file=asked is not None,
        is_address=each.is_address,
        is_commit=each.is_commit,
        is_tool=found.manager == "pip" and name in _TOOLS,
    )
    if not step.has_other_index and not each.is_address:
        practice = _with_misnomer(practice, step)
    return Practised(practice, f"{found.manager}:{name}", location)


def _with_misnomer(practice: Install, step: Step) -> Install:
    """Return the record with what is known of a name that is another project's than people mean."""
    row = step.around.knowledge.misnomer(practice.manager, practice.name)
    if row is None:
        return _with_alias(practice, step) if practice.manager == "apt" else practice
    return msgspec.structs.replace(
        practice,
        meant=row.meant,
        actual=row.actual,
        instead=row.instead,
        row=row.id,
        is_absent=row.is_absent,
        is_certain=row.is_certain,
        is_run=practice.name in step.programs,
    )


def _with_alias(practice: Install, step: Step) -> Install:
    """Return the record with what is known of a name that the stage's release has no package of any more."""
    row = step.around.knowledge.alias(practice.name)
    gone = () if row is None else sorted(step.around.releases & (set(row.absent) - set(row.virtual)))
    if row is None or not gone:
        return practice
    return msgspec.structs.replace(
        practice,
        meant=row.use,
        actual=f"no package of {gone[0]} ({row.why})",
        instead=f"install {row.use}",
        row=row.id,
        is_absent=True,
    )

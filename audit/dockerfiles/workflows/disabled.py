"""Workflows that were put aside under another name, with the gates in them."""

import re
from collections.abc import Iterable, Iterator

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.workflows.followed import followed_jobs
from fleet_audit.audit.dockerfiles.workflows.pictures import pictures
from fleet_audit.audit.dockerfiles.workflows.reading import workflow_at
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.knowledge.rows import Scanner
from fleet_audit.audit.model.gates import GateFault, GateFaultKind
from fleet_audit.audit.model.location import SourceLocation

_FOLDER = ".github/workflows"
_ASIDE = re.compile(
    r".+\.ya?ml[.~_-]?(?:disabled|off|bak|backup|old|orig|skip|inactive|save|tmp)?", re.IGNORECASE
)


def disabled_faults(repository: Repository, scanners: Iterable[Scanner]) -> Iterator[GateFault]:
    """Yield the workflows whose name GitHub does not read, and that hold a gate."""
    rows = tuple(scanners)
    for name, entry in sorted(repository.listing(_FOLDER).items()):
        is_aside = _ASIDE.fullmatch(name) is not None and not name.endswith((".yml", ".yaml"))
        if not is_aside or entry.kind is not FileKind.FILE:
            continue
        path = f"{_FOLDER}/{name}"
        workflow = workflow_at(path, repository)
        found = (
            pictures(followed_jobs((workflow,), repository), repository, rows) if workflow is not None else ()
        )
        gates = sorted({placed.scan.what for picture in found for placed in picture.scans})
        if gates:
            yield GateFault(
                kind=GateFaultKind.DISABLED,
                location=SourceLocation(path),
                name=name,
                gate=gates[0],
                detail=f"GitHub reads no file of this name; gates in it: {len(gates)}",
            )

"""The answer of the stage: what each service imports, and the evidence for it."""

import msgspec

from fleet_audit.audit.model.evidence import Edge
from fleet_audit.audit.model.finding import Gap
from fleet_audit.audit.model.imports import ServiceImports, SharedFiles


class Examination(msgspec.Struct, frozen=True):
    """The answer for some services: what each imports, all evidence, and what could not be examined.

    `shared_files` are the image's files that several distributions claim.
    `parsed` and `cached` count source files read anew and files whose record was kept.
    """

    services: tuple[ServiceImports, ...]
    edges: tuple[Edge, ...] = ()
    gaps: tuple[Gap, ...] = ()
    parsed: int = 0
    cached: int = 0
    shared_files: tuple[SharedFiles, ...] = ()

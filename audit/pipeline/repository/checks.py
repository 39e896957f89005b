"""The checks of a repository, in the order in which they run."""

from collections.abc import Callable

from fleet_audit.audit.pipeline.repository import (
    contexts,
    manifest,
    pinning,
    references,
    standards,
    syntax,
    workflows,
)
from fleet_audit.audit.pipeline.repository.grounds import Examined, Grounds

Check = Callable[[Grounds], Examined]

CHECKS: tuple[Check, ...] = (
    syntax.examine,
    manifest.examine,
    references.examine,
    contexts.examine,
    standards.examine,
    pinning.examine,
    workflows.examine,
)
"""Each asks one question of the repository; no check knows of another."""

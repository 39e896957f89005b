"""What keeps the gates of a repository's workflows from failing where they should."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class GateFaultKind(StrEnum):
    """What is wrong with a gate, or with what should be one."""

    NO_EXIT_CODE = "no-exit-code"
    REPORT_ONLY = "report-only"
    CONTINUES = "continue-on-error"
    LOST = "lost-failure"
    RUNS_ANYWAY = "runs-anyway"
    NEVER_RUNS = "never-runs"
    AFTER_PUSH = "after-push"
    OTHER_IMAGE = "other-image"
    NOT_LOADED = "not-loaded"
    BEFORE_BUILD = "before-build"
    NOT_HANDED_OVER = "not-handed-over"
    BESIDE = "beside-push"
    SKIPPED = "skipped-where-pushed"
    NO_CRITICAL = "no-critical"
    FIXED_ONLY = "fixed-only"
    GREP = "grep"
    GREP_INVERTED = "grep-inverted"
    GREP_PASSES = "grep-passes"
    MISSING_CHECK = "missing-check"
    REPEATED_KEY = "repeated-key"
    PATHS = "paths-filter"
    DISABLED = "disabled-workflow"
    MOVABLE_ACTION = "movable-action"
    UNTRUSTED_CHECKOUT = "untrusted-checkout"


class GateFault(msgspec.Struct, frozen=True, kw_only=True):
    """One fault. `gate` says what judges (``trivy image web:1``), `detail` what keeps it from doing so.

    `job` is the id of the job. `name` tells this fault from others of its kind in the file, without a line.
    """

    kind: GateFaultKind
    location: SourceLocation
    name: str
    job: str = ""
    gate: str = ""
    detail: str = ""
    related: tuple[SourceLocation, ...] = ()

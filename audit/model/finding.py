"""What a rule says about the evidence, and what could not be examined at all."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Severity(StrEnum):
    """How bad; ordered by `rank`."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return 0 for info to 3 for critical."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """How sure the evidence is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class Mode(StrEnum):
    """What a rule's finding does: nothing, be counted, be shown, or block."""

    OFF = "off"
    DRY_RUN = "dry_run"
    WARN = "warn"
    ENFORCE = "enforce"


class Finding(msgspec.Struct, frozen=True):
    """One thing that a rule holds against one subject.

    `location` is a line that a person can change. `subject` names the thing (``so:libGL.so.1``). `waiver`
    says why it does not count; `is_waived_in_source` where comments at its own lines say so, `waived_by` is
    the id of the waiver that does, which lets it count all the same where it `is_downgraded`. `matter` is
    what it is about, as sorted pairs by which exceptions can name it (``vuln``, ``purl``, ``need``).
    """

    rule: str
    severity: Severity
    confidence: Confidence
    mode: Mode
    subject: str
    message: str
    remedy: str = ""
    location: SourceLocation | None = None
    related: tuple[SourceLocation, ...] = ()
    waiver: str | None = None
    is_waived_in_source: bool = False
    waived_by: str = ""
    is_downgraded: bool = False
    matter: tuple[tuple[str, str], ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return an identity that survives unrelated edits: rule, subject and path, never a line or layer."""
        path = self.location.path if self.location else ""
        facts = "\0".join((self.rule, self.subject, path))
        return hashlib.sha256(facts.encode(errors="backslashreplace")).hexdigest()[:32]

    @property
    def blocks(self) -> bool:
        """Say whether this finding makes the verdict `fail`."""
        is_grave = self.severity.rank >= Severity.ERROR.rank
        return is_grave and self.mode is Mode.ENFORCE and self.waiver is None


class GapKind(StrEnum):
    """What sort of thing could not be examined. Each kind says whether it blocks a release."""

    UNREADABLE_LAYER = "unreadable-layer"
    UNREADABLE_ELF = "unreadable-elf"
    UNREADABLE_FILE = "unreadable-file"
    UNREADABLE_SOURCE = "unreadable-source"
    UNRESOLVED_ENTRY = "unresolved-entry"
    NO_SERVICE_SOURCE = "no-service-source"
    NO_IMAGE = "no-image"
    NO_INTERPRETER = "no-interpreter"
    NO_PACKAGE_STATE = "no-package-state"
    NO_ARCHIVE_INDEX = "no-archive-index"
    UNSUPPORTED_LOADER = "unsupported-loader"
    UNSUPPORTED_PLATFORM = "unsupported-platform"
    LIMIT_REACHED = "limit-reached"
    PATH_EDIT = "path-edit"
    DYNAMIC_IMPORT = "dynamic-import"
    NOT_VERIFIED = "not-verified"
    UNVERIFIED_ARCHIVE = "unverified-archive"
    DISTRUSTED_ARCHIVE = "distrusted-archive"
    NOT_IN_ARCHIVE = "not-in-archive"
    UNEVALUATED_RULE = "unevaluated-rule"
    TOOL_FAILED = "tool-failed"
    SCANNER_ABSENT = "scanner-absent"
    SCANNER_FAILED = "scanner-failed"
    STALE_DATABASE = "stale-database"
    NOT_SCANNED = "not-scanned"
    INCOMPLETE_DOCUMENT = "incomplete-document"
    NO_AUDIT = "no-audit"
    NO_BASELINE = "no-baseline"
    NOT_EXAMINED = "not-examined"

    @property
    def is_blocking(self) -> bool:
        """Say whether a gap of this kind makes an otherwise clean verdict `incomplete`."""
        return self not in _HARMLESS

    @property
    def is_firm(self) -> bool:
        """Say whether no policy may call gaps of this kind harmless: a pass would rest on nothing."""
        return self in _FIRM


_FIRM = frozenset(
    {
        GapKind.UNREADABLE_LAYER,
        GapKind.NO_IMAGE,
        GapKind.DISTRUSTED_ARCHIVE,
        GapKind.UNEVALUATED_RULE,
        GapKind.SCANNER_FAILED,
        GapKind.NO_AUDIT,
    }
)

_HARMLESS = frozenset(
    {
        GapKind.PATH_EDIT,
        GapKind.DYNAMIC_IMPORT,
        GapKind.UNVERIFIED_ARCHIVE,
        GapKind.NOT_IN_ARCHIVE,
        GapKind.NOT_EXAMINED,
    }
)


class Gap(msgspec.Struct, frozen=True):
    """Something that should have been examined and could not be.

    `command` is what can be typed to have it examined next time, as a shell takes it; empty where no command
    does that. `is_blocking` is a policy's word on its kind; None where it says nothing.
    """

    stage: str
    kind: GapKind
    what: str
    why: str
    location: SourceLocation | None = None
    command: str = ""
    is_blocking: bool | None = None

    @property
    def reason(self) -> str:
        """Return why, and the command to run, in one sentence."""
        return f"{self.why}; run: {self.command}" if self.command else self.why

    @property
    def blocking(self) -> bool:
        """Say whether this gap keeps a clean audit from passing."""
        return self.kind.is_blocking if self.is_blocking is None else self.is_blocking


class RuleSummary(msgspec.Struct, frozen=True):
    """What a report says of a rule that was evaluated; `mode` and `severity` as the policy sets them."""

    id: str
    title: str
    why: str
    severity: Severity
    mode: Mode
    subject: str = ""


class PolicySummary(msgspec.Struct, frozen=True):
    """By which policy a report was judged; `digest` changes with everything that can change a finding."""

    name: str = ""
    digest: str = ""
    rules: tuple[RuleSummary, ...] = ()


class Verdict(StrEnum):
    """What to do with the image."""

    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    INCOMPLETE = "incomplete"


def verdict(findings: tuple[Finding, ...], gaps: tuple[Gap, ...]) -> Verdict:
    """Judge: what already fails is `fail`; a blocking gap in an otherwise clean audit is `incomplete`."""
    if any(finding.blocks for finding in findings):
        return Verdict.FAIL
    if any(gap.blocking for gap in gaps):
        return Verdict.INCOMPLETE
    return Verdict.PASS


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on several subjects: a failing one decides, else an incomplete one."""
    found = set(verdicts)
    return next((v for v in (Verdict.FAIL, Verdict.INCOMPLETE) if v in found), Verdict.PASS)

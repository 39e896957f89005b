"""What is to be said of one image's audit, in the same words in every format for people."""

from collections import Counter
from collections.abc import Iterable, Iterator

from fleet_audit.audit.model.advisories import VulnsReport
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.audit_summary import AuditSummary, GravityRow, OriginRow, RuleRow
from fleet_audit.reports.terminal import count, size
from fleet_audit.reports.vulns_text import examined_words

UNKNOWN = "not known"
NONE = "–"

OUTCOMES = {
    "blocks": "blocks",
    "warns": "warns",
    "excused": "known before",
    "dry_run": "dry run",
    "waived": "waived",
}
"""What may become of a finding, with the words for it, in the order of the columns."""

ORIGIN_COLUMNS = (
    "brought by",
    ">packages",
    ">stored",
    ">unpacked",
    ">findings",
    ">blocking",
    ">advisories",
)
GRAVITY_COLUMNS = ("severity", ">reached", ">not known", ">not reached", ">with a fix")
LAYER_COLUMNS = (">layer", ">stored", ">unpacked", "brought by", "made by")


def outcomes_of(rows: Iterable[RuleRow]) -> tuple[str, ...]:
    """Return what became of any finding of these rules; those that block and warn in any case."""
    told = tuple(rows)
    always = ("blocks", "warns")
    return tuple(name for name in OUTCOMES if name in always or any(getattr(row, name) for row in told))


def rule_columns(outcomes: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of a table of rules."""
    return ("rule", *(f">{OUTCOMES[name]}" for name in outcomes), ">clean", "what it says")


def rule_words(row: RuleRow) -> str:
    """Return what came of a rule, in a few words."""
    numbers = ((getattr(row, name), words) for name, words in OUTCOMES.items())
    parts = [f"{words}: {number}" for number, words in numbers if number]
    return ", ".join(parts if row.clean is None else [*parts, f"clean: {row.clean}"])


def deps_of(audit: AuditReport) -> DepsReport:
    """Return the part of an audit that ``deps`` answers with."""
    return DepsReport(
        subject=audit.subject,
        gaps=audit.gaps,
        services=audit.services,
        needs=audit.needs,
        proposal=audit.proposal,
        surplus=audit.surplus,
        is_surplus_known=audit.is_surplus_known,
    )


def vulns_of(audit: AuditReport) -> VulnsReport:
    """Return the part of an audit that ``vulns`` answers with."""
    return VulnsReport(
        subject=audit.subject,
        advisories=audit.advisories,
        examined=audit.examined,
        tools=tuple(tool for tool in audit.tools if tool.database_date),
        is_end_of_life=audit.is_end_of_life,
    )


def advisories_words(summary: AuditSummary) -> str:
    """Say what was looked at for advisories; never that there are none where nothing was looked at."""
    words = examined_words(vulns_of(summary.audit))
    if not summary.audit.is_end_of_life:
        return words
    return f"{words.removesuffix('.')}. This release gets no security updates any more."


def needs_words(summary: AuditSummary) -> str:
    """Say how many needs there are, so that nobody takes none for none missing."""
    audit = summary.audit
    if audit.image is None:
        return "No image was looked at, so no need is known."
    if not audit.needs:
        return f"Nothing is needed by {count(len(audit.services), 'service')}."
    return ""


def statuses_words(summary: AuditSummary) -> str:
    """Say in which ways required things are not there; empty where all of them are missing."""
    statuses = Counter(need.status for need in summary.needs.required)
    if set(statuses) <= {"missing"}:
        return ""
    return ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))


def surplus_words(summary: AuditSummary) -> str:
    """Say that surplus was not looked for; empty where it was."""
    return "" if summary.audit.is_surplus_known else "Whether anything is surplus was not looked at."


def size_of(number: int | None) -> str:
    """Return a number of bytes for people, or that it is not known."""
    return UNKNOWN if number is None else size(number)


def origin_sizes(row: OriginRow) -> tuple[str, str]:
    """Return what an origin's layers take stored and unpacked; of one without layers, nothing."""
    if row.stored_bytes is None:
        return NONE, NONE
    return size(row.stored_bytes), size_of(row.unpacked_bytes)


def origin_words(row: OriginRow) -> str:
    """Return what an origin answers for, in one sentence."""
    stored, unpacked = origin_sizes(row)
    parts = [
        count(row.packages, "package"),
        "no layer" if row.stored_bytes is None else f"{stored} stored, {unpacked} unpacked",
        f"{count(row.findings, 'finding')}, {row.blocking} of them blocking",
        count(row.advisories, "advisory", "advisories"),
    ]
    return "; ".join(parts)


def gravity_total(rows: tuple[GravityRow, ...]) -> GravityRow:
    """Return the sum of several gravities."""
    return GravityRow(
        "all",
        sum(row.reached for row in rows),
        sum(row.unknown for row in rows),
        sum(row.unreached for row in rows),
        sum(row.fixable for row in rows),
    )


def layers_words(summary: AuditSummary) -> str:
    """Say how many layers there are and what they take together."""
    layers = summary.layers
    stored = size(sum(layer.stored_bytes for layer in layers))
    known = [layer.unpacked_bytes for layer in layers if layer.unpacked_bytes is not None]
    unpacked = size(sum(known)) if len(known) == len(layers) else UNKNOWN
    return f"{count(len(layers), 'layer')}, {stored} stored, {unpacked} unpacked"


def method(summary: AuditSummary) -> tuple[tuple[str, str], ...]:
    """Return what the verdict rests on, as pairs of a label and a text; what is not known says so."""
    return tuple(_method(summary))


def _method(summary: AuditSummary) -> Iterator[tuple[str, str]]:
    audit = summary.audit
    digest = "" if audit.image is None else audit.image.ref.digest or ""
    yield "image", digest or UNKNOWN
    if audit.image is not None:
        yield "platform", str(audit.image.ref.platform)
    for label, other in (("listed", audit.listed_digest), ("scanned", audit.scanned_digest)):
        if other and other != digest:
            yield label, f"{other}: not this image"
    inventory = audit.inventory
    yield "package set", (inventory.package_set or UNKNOWN) if inventory is not None else UNKNOWN
    yield "audited", audit.created or UNKNOWN
    if audit.revision:
        yield "revision", audit.revision
    for tool in audit.tools:
        yield tool.name, tool_words(tool)
    if not audit.scanned_digest:
        yield "scanner", "none has looked at this image"
    policy = audit.policy
    yield (
        "policy",
        f"{policy.name or UNKNOWN} @ {policy.digest or UNKNOWN}, {count(len(policy.rules), 'rule')}",
    )
    if audit.services:
        yield "services", ", ".join(audit.services)


def tool_words(tool: ToolUse) -> str:
    """Return a program's version, and of when its data are."""
    data = f", database of {tool.database_date}" if tool.database_date else ""
    return f"{tool.version or UNKNOWN}{data}"


def more_words(left: int, what: str = "more") -> str:
    """Say how much is left out."""
    return f"and {count(left, what, what)}"

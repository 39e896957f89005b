"""What one image's audit comes to: the counts and selections that every format of its report shares."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.model.advisories import Advisory, Reach
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding, Gap, Mode, RuleSummary, Severity
from fleet_audit.audit.model.gating import GatedImage, GateReport
from fleet_audit.audit.model.identity import DiffID
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.reports.gate_words import Addition, additions, reason
from fleet_audit.reports.summary import NeedGroups, blocking_gaps, group_needs, place_of

BASE = "base"
"""What an inventory calls the origin of what the upstream base image holds."""

_GRAVITY = ("critical", "high", "medium", "low", "unknown")


class Todo(msgspec.Struct, frozen=True):
    """A finding that somebody should act on, and the line where that begins."""

    finding: Finding
    blocks: bool
    place: SourceLocation | None = None


class RuleRow(msgspec.Struct, frozen=True):
    """What came of one rule: its findings by what becomes of them, and how many things it found nothing in.

    `clean` is None of a rule on the audit as a whole, of which no single things are kept.
    """

    rule: str
    title: str
    mode: str
    blocks: int = 0
    warns: int = 0
    excused: int = 0
    dry_run: int = 0
    waived: int = 0
    clean: int | None = None

    @property
    def is_clean(self) -> bool:
        """Say whether the rule found nothing."""
        return not (self.blocks or self.warns or self.excused or self.dry_run or self.waived)


class OriginRow(msgspec.Struct, frozen=True):
    """What one origin answers for: ``base``, a family, a service; bytes are None where it has no layer."""

    origin: str
    packages: int = 0
    stored_bytes: int | None = None
    unpacked_bytes: int | None = None
    findings: int = 0
    blocking: int = 0
    advisories: int = 0


class GravityRow(msgspec.Struct, frozen=True):
    """How many advisories of one gravity there are by reach, and how many of all have a fix."""

    severity: str
    reached: int = 0
    unknown: int = 0
    unreached: int = 0
    fixable: int = 0


class LayerRow(msgspec.Struct, frozen=True):
    """One layer in the image's order: whose it is, how large, and what made it."""

    diff_id: DiffID
    origin: str
    stored_bytes: int
    unpacked_bytes: int | None
    created_by: str


class AuditSummary(msgspec.Struct, frozen=True):
    """One image's audit as people read it. `reason` says why it has its verdict."""

    image: GatedImage
    reason: str
    todos: tuple[Todo, ...]
    gaps_to_close: tuple[Gap, ...]
    additions: tuple[Addition, ...]
    rules: tuple[RuleRow, ...]
    origins: tuple[OriginRow, ...]
    needs: NeedGroups
    gravity: tuple[GravityRow, ...]
    layers: tuple[LayerRow, ...]

    @property
    def audit(self) -> AuditReport:
        """Return the audit itself."""
        return self.image.audit

    @property
    def as_gate(self) -> GateReport:
        """Return a gate over this image alone."""
        return gate_of(self.image)


def summary_of(image: GatedImage, manifest: str = "") -> AuditSummary:
    """Return what an audit comes to; `manifest` is the place of findings that no other line stands for."""
    audit = image.audit
    layers = tuple(_layers(audit))
    return AuditSummary(
        image=image,
        reason=reason(image),
        todos=tuple(_todos(image, manifest)),
        gaps_to_close=blocking_gaps(image.gaps),
        additions=additions(gate_of(image)),
        rules=tuple(_rules(image)),
        origins=tuple(_origins(image, layers)),
        needs=group_needs(audit.needs),
        gravity=tuple(_gravity(audit.advisories)),
        layers=layers,
    )


def gate_of(image: GatedImage) -> GateReport:
    """Return a gate over one image."""
    return GateReport(subject=image.subject, images=(image,), policy=image.policy)


def by_subject(advisories: Iterable[Advisory]) -> dict[str, Advisory]:
    """Return advisories by what findings on them call them."""
    return {f"advisory:{each.id}:{each.ecosystem}/{each.package}": each for each in advisories}


def gravest_first(advisories: Iterable[Advisory]) -> list[Advisory]:
    """Return advisories by gravity, those that are reached and those that can be mended first."""
    return sorted(advisories, key=_standing)


def _standing(advisory: Advisory) -> tuple[int, int, bool, tuple[str, str, str]]:
    reach = (Reach.REACHED, Reach.UNKNOWN, Reach.UNREACHED).index(advisory.reach)
    return _gravity_of(advisory.severity), reach, not advisory.fixed_in, advisory.key


def _gravity_of(severity: str) -> int:
    return _GRAVITY.index(severity) if severity in _GRAVITY else len(_GRAVITY)


def _todos(image: GatedImage, manifest: str) -> Iterator[Todo]:
    """Yield what blocks, then what warns, the gravest first; neither remarks nor what is excused."""
    excused = frozenset(image.excused)
    found = [
        (outcome, each)
        for each in image.findings
        if (outcome := outcome_of(each, excused)) == "blocks"
        or (outcome == "warns" and each.severity is not Severity.INFO)
    ]
    todos = [Todo(each, outcome == "blocks", place_of(each, manifest)) for outcome, each in found]
    yield from sorted(todos, key=_urgency)


def _urgency(todo: Todo) -> tuple[bool, int, str, str, str]:
    finding = todo.finding
    return not todo.blocks, -finding.severity.rank, finding.rule, str(finding.location), finding.subject


def outcome_of(finding: Finding, excused: Collection[Finding]) -> str:
    """Return what becomes of a finding: ``blocks``, ``warns``, ``excused``, ``dry_run`` or ``waived``."""
    if finding.waiver is not None:
        return "waived"
    if finding.mode is Mode.DRY_RUN:
        return "dry_run"
    if not finding.blocks:
        return "warns"
    return "excused" if finding in excused else "blocks"


def _rules(image: GatedImage) -> Iterator[RuleRow]:
    """Yield the rules that had something to judge, those that block first, in order of ids."""
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    named: defaultdict[str, set[str]] = defaultdict(set)
    excused = frozenset(image.excused)
    for finding in image.findings:
        outcomes[finding.rule][outcome_of(finding, excused)] += 1
        named[finding.rule].add(finding.subject)
    judged: defaultdict[str, set[str]] = defaultdict(set)
    for part in image.audit.evidence:
        for statement in part.statements:
            judged[statement.kind].add(statement.name)
    known = {row.id: row for row in image.policy.rules if row.mode is not Mode.OFF}
    heard = {row.id for row in known.values() if judged.get(row.subject)}
    rows = [_row(rule, known.get(rule), outcomes[rule], judged, named[rule]) for rule in heard | {*outcomes}]
    yield from sorted(rows, key=lambda row: (not row.blocks, row.rule))


def _row(
    rule: str,
    known: RuleSummary | None,
    outcomes: Mapping[str, int],
    judged: Mapping[str, set[str]],
    named: set[str],
) -> RuleRow:
    things = None if known is None else judged.get(known.subject)
    return RuleRow(
        rule=rule,
        title="" if known is None else known.title,
        mode="" if known is None else known.mode.value,
        clean=None if things is None else len(things - named),
        **{name: outcomes.get(name, 0) for name in ("blocks", "warns", "excused", "dry_run", "waived")},
    )


def _layers(audit: AuditReport) -> Iterator[LayerRow]:
    """Yield the layers; those up to the last with a package of the upstream base image are ``base``."""
    layers = () if audit.image is None else audit.image.layers
    told = {each.diff_id: each for each in audit.origins}
    upstream = {part.layer for part in _components(audit) if part.origin == BASE and part.layer is not None}
    last = max((index for index, layer in enumerate(layers) if layer.diff_id in upstream), default=-1)
    for index, layer in enumerate(layers):
        origin = told.get(layer.diff_id)
        whose = BASE if index <= last else (origin.origin if origin is not None else "")
        yield LayerRow(
            layer.diff_id,
            whose or audit.family or audit.subject,
            layer.size,
            None if origin is None else origin.unpacked_bytes,
            layer.created_by,
        )


def _components(audit: AuditReport) -> Sequence[Component]:
    return () if audit.inventory is None else audit.inventory.components


def _origins(image: GatedImage, layers: Sequence[LayerRow]) -> Iterator[OriginRow]:
    """Yield who answers for what: the base first, families in the order of their layers, then services."""
    audit = image.audit
    packages = Counter(part.origin for part in _components(audit) if part.purl is not None and part.origin)
    findings: Counter[str] = Counter()
    blocking: Counter[str] = Counter()
    whose = _Whose(audit)
    blocks = frozenset(image.blocking)
    for finding in image.findings:
        origin = whose.finding(finding)
        findings[origin] += 1
        blocking[origin] += finding in blocks
    advisories = Counter(whose.advisory(each) for each in audit.advisories)
    own = audit.family or audit.subject
    in_layers = dict.fromkeys(layer.origin for layer in layers)
    others = (*sorted(packages), own, *audit.services, *sorted(findings), *sorted(advisories))
    names = dict.fromkeys((*in_layers, *others))
    for name in sorted(names, key=lambda name: name != BASE):
        row = OriginRow(
            origin=name,
            packages=packages[name],
            stored_bytes=_sum(layer.stored_bytes for layer in layers if layer.origin == name),
            unpacked_bytes=_sum(layer.unpacked_bytes for layer in layers if layer.origin == name),
            findings=findings[name],
            blocking=blocking[name],
            advisories=advisories[name],
        )
        if name in in_layers or row.packages or row.findings or row.advisories:
            yield row


def _sum(sizes: Iterable[int | None]) -> int | None:
    """Return the sum; None where there is nothing to add up, or one of them is not known."""
    told = list(sizes)
    known = [each for each in told if each is not None]
    return sum(known) if known and len(known) == len(told) else None


class _Whose:
    """Who answers for findings: who brought the package that they name, the one service, else the image."""

    def __init__(self, audit: AuditReport) -> None:
        self._audit = audit
        self._own = audit.family or audit.subject
        self._advisories = by_subject(audit.advisories)
        self._by_purl = {str(part.purl): part.origin for part in _components(audit) if part.origin}
        self._by_name = {part.name: part.origin for part in _components(audit) if part.origin and part.purl}

    def advisory(self, advisory: Advisory) -> str:
        origins = [*advisory.origins, *(self._by_purl.get(str(purl), "") for purl in advisory.affected)]
        return next(filter(None, origins), self._own)

    def finding(self, finding: Finding) -> str:
        """Return the origin of what a finding is about; a need is the image's, whoever has it."""
        named: defaultdict[str, list[str]] = defaultdict(list)
        for key, value in finding.matter:
            named[key].append(value)
        if named["need"]:
            return self._own
        if finding.subject in self._advisories:
            return self.advisory(self._advisories[finding.subject])
        brought = next((self._by_name[name] for name in named["package"] if name in self._by_name), "")
        services = [name for name in named["service"] if name in self._audit.services]
        is_of_service = len(services) == 1 and len(self._audit.services) > 1
        return brought or (services[0] if is_of_service else self._own)


def _gravity(advisories: Iterable[Advisory]) -> Iterator[GravityRow]:
    """Yield a row for each gravity that occurs, the worst first."""
    told = list(advisories)
    for severity in sorted({each.severity for each in told}, key=lambda name: (_gravity_of(name), name)):
        found = [each for each in told if each.severity == severity]
        reach = Counter(each.reach for each in found)
        yield GravityRow(
            severity,
            reach[Reach.REACHED],
            reach[Reach.UNKNOWN],
            reach[Reach.UNREACHED],
            sum(bool(each.fixed_in) for each in found),
        )

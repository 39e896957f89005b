"""What a difference comes to in words and rows, the most important first: what every format of it shares."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from fleet_audit.audit.model.difference import (
    AdvisoryChange,
    AdvisoryState,
    Aspect,
    Change,
    ComparedSide,
    DiffReport,
    FindingState,
    Held,
    NeedChange,
    NeedState,
    PackageChange,
    SizeChange,
)
from fleet_audit.audit.model.need import Tier
from fleet_audit.reports.terminal import count, size

NOTHING = "–"
_NO_NEED = "not needed"
_MAX_NAMED = 4
_MAX_VERSIONS = 6

Row = tuple[str, ...]


class Group(msgspec.Struct, frozen=True):
    """Differences of one kind; columns whose name begins with ``>`` hold numbers.

    Text shows the first rows, of a group with `is_minor` only a few.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    is_minor: bool = False

    @property
    def total(self) -> int:
        """Return how many differences there are of this kind."""
        return len(self.rows)


def groups_of(report: DiffReport) -> tuple[Group, ...]:
    """Return all differences, every one in exactly one group; groups without any are left out."""
    found = (
        *_needs(report),
        *_findings(report),
        *_advisories(report),
        *_packages(report),
        *_sonames(report),
        _settings(report),
        _licences(report),
        _bundled(report),
        _layers(report),
    )
    return tuple(_without_empty(group) for group in found if group.rows)


def _without_empty(group: Group) -> Group:
    """Return a group without the columns in which no row has anything, but with its first one."""
    used = [
        index for index in range(len(group.columns)) if not index or any(row[index] for row in group.rows)
    ]
    return Group(
        group.title,
        tuple(group.columns[index] for index in used),
        tuple(tuple(row[index] for index in used) for row in group.rows),
        group.is_minor,
    )


def headline(report: DiffReport) -> str:
    """Say in one sentence how the packages of both sides differ, or what else is the same."""
    if report.is_same:
        return "nothing that was compared differs"
    if Aspect.PACKAGES not in report.compared:
        return _same_set(report) or "they differ"
    counted = Counter(change.change for change in report.packages)
    words = (
        (Change.REMOVED, "went"),
        (Change.ADDED, "came"),
        (Change.UP, "went up"),
        (Change.DOWN, "went down"),
        (Change.CHANGED, "changed"),
    )
    parts = [f"{counted[change]} {word}" for change, word in words if counted[change]]
    same = f"{count(report.same_packages, 'package')} the same"
    if not parts:
        return _same_set(report) or f"no package differs, {same}"
    return f"packages: {', '.join(parts)}; {same}"


def consequences(report: DiffReport) -> str:
    """Say in one sentence what becomes of needs, findings and advisories; empty where nothing does."""
    lost = sum(_is_lacking(each.after) and not _is_lacking(each.before) for each in report.needs)
    met = sum(_is_lacking(each.before) and not _is_lacking(each.after) for each in report.needs)
    came = sum(each.before is None for each in report.findings_changed)
    went = sum(each.after is None for each in report.findings_changed)
    worse = sum(each.before is None for each in report.advisories)
    better = sum(each.after is None for each in report.advisories)
    told = (
        (lost, f"{count(lost, 'need')} newly missing"),
        (met, f"{count(met, 'need')} missing no more"),
        (came, f"{count(came, 'finding')} came"),
        (went, f"{count(went, 'finding')} went"),
        (worse, f"{count(worse, 'advisory', 'advisories')} came"),
        (better, f"{count(better, 'advisory', 'advisories')} went"),
    )
    return ", ".join(words for number, words in told if number)


def _same_set(report: DiffReport) -> str:
    return "both have the same package set" if report.is_same_package_set else ""


def side_words(side: ComparedSide) -> tuple[str, str]:
    """Return what a side is called, and what is known of it in a few words."""
    tools = ", ".join(f"{tool.name} {tool.version}".strip() for tool in side.tools)
    reference = side.reference if side.reference != side.name else ""
    packages = count(side.packages, "package") if side.packages else ""
    parts = (side.kind, reference, side.platform, packages, f"listed by {tools}" if tools else "")
    return side.name, " · ".join(part for part in parts if part)


def not_compared(report: DiffReport) -> tuple[tuple[str, str], ...]:
    """Return what was not compared, and which side could not tell it for which reason."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for each in report.not_compared:
        found[_why(each.why_before, each.why_after)].append(each.aspect)
    return tuple((", ".join(aspects), why) for why, aspects in found.items())


def _why(before: str, after: str) -> str:
    if before == after:
        return before
    return "; ".join(f"{letter}: {why}" for letter, why in (("A", before), ("B", after)) if why)


def total_rows(report: DiffReport) -> tuple[Row, ...]:
    """Return the sizes of the whole on both sides, and by how much B is larger."""
    return tuple(
        (each.what, _size(each.before), _size(each.after), growth(each.growth)) for each in report.totals
    )


def size_rows(report: DiffReport) -> tuple[Row, ...]:
    """Return the packages whose files take more or less, the greatest difference first."""
    return tuple(
        (_short(each.what), _size(each.before), _size(each.after), growth(each.growth))
        for each in report.package_sizes
    )


def _size(number: int | None) -> str:
    return NOTHING if number is None else size(number)


def growth(number: int) -> str:
    """Return a difference of sizes with its sign."""
    return f"+{size(number)}" if number > 0 else size(number) if number else "the same"


def _short(key: str) -> str:
    """Return a package URL as people say it: ``deb openssl``."""
    kind, separator, rest = key.removeprefix("pkg:").partition("/")
    return f"{kind} {rest.rpartition('/')[2]}" if separator and key.startswith("pkg:") else key


def _needs(report: DiffReport) -> Iterator[Group]:
    lost: list[Row] = []
    met: list[Row] = []
    others: list[Row] = []
    for change in sorted(report.needs, key=_need_order):
        old, new = _is_lacking(change.before), _is_lacking(change.after)
        (lost if new and not old else met if old and not new else others).append(_need_row(change))
    columns = ("need", "how badly", "A", "B", "of")
    yield Group("Missing in B, and not in A", columns, tuple(lost))
    yield Group("Missing in A, and not in B", columns, tuple(met))
    yield Group("Other needs", columns, tuple(others), is_minor=True)


def _is_lacking(need: NeedState | None) -> bool:
    return need is not None and need.is_missing


def _need_order(change: NeedChange) -> tuple[bool, int, str, str]:
    """Return the place of a need: those of both sides first, then by how badly they are wanted."""
    ranks = [_tier_rank(each.tier) for each in (change.before, change.after) if each is not None]
    return len(ranks) == 1, min(ranks, default=0), change.kind, change.name


def _tier_rank(tier: str) -> int:
    names = [str(each) for each in Tier]
    return names.index(tier) if tier in names else len(names)


def _need_row(change: NeedChange) -> Row:
    sides = [each for each in (change.before, change.after) if each is not None]
    tiers = dict.fromkeys(each.tier for each in sides)
    services = sorted({service for each in sides for service in each.services})
    return (
        change.subject,
        " → ".join(tiers),
        _NO_NEED if change.before is None else change.before.status,
        _NO_NEED if change.after is None else change.after.status,
        _named(services),
    )


def _findings(report: DiffReport) -> Iterator[Group]:
    came, went, others = [], [], []
    for change in report.findings_changed:
        if change.before is None and change.after is not None:
            came.append(_finding_row(change.after, _grade(change.after)))
        elif change.after is None and change.before is not None:
            went.append(_finding_row(change.before, _grade(change.before)))
        elif change.before is not None and change.after is not None:
            grades = f"{_grade(change.before)} → {_grade(change.after)}"
            others.append(_finding_row(change.after, grades))
    columns = ("rule", "severity", "place", "finding")
    yield Group("Findings only in B", columns, tuple(came))
    yield Group("Findings only in A", columns, tuple(went))
    yield Group("Findings of another grade", columns, tuple(others))


def _grade(finding: FindingState) -> str:
    return f"{finding.severity}, waived" if finding.waived else finding.severity


def _finding_row(finding: FindingState, grade: str) -> Row:
    return finding.rule, grade, finding.place, finding.message


def _advisories(report: DiffReport) -> Iterator[Group]:
    came, went, others = [], [], []
    for change in sorted(report.advisories, key=_advisory_order):
        if change.before is None and change.after is not None:
            came.append(_advisory_row(change.after, change.after.severity))
        elif change.after is None and change.before is not None:
            went.append(_advisory_row(change.before, change.before.severity))
        elif change.before is not None and change.after is not None:
            grades = dict.fromkeys((change.before.severity, change.after.severity))
            others.append(_advisory_row(change.after, " → ".join(grades)))
    columns = ("advisory", "severity", "package", "mended in", "services")
    yield Group("Advisories only in B", columns, tuple(came))
    yield Group("Advisories only in A", columns, tuple(went))
    yield Group("Advisories that stand otherwise", (*columns[:-1], "services of B"), tuple(others))


def _advisory_order(change: AdvisoryChange) -> tuple[int, str, str]:
    one = change.after or change.before
    if one is None:
        return len(_SEVERITIES), "", ""
    rank = _SEVERITIES.index(one.severity) if one.severity in _SEVERITIES else len(_SEVERITIES)
    return rank, one.id, one.package


def _advisory_row(advisory: AdvisoryState, grade: str) -> Row:
    marks = ", exploited" if advisory.exploited else ""
    return (
        advisory.id,
        f"{grade}{marks}",
        f"{advisory.package} {', '.join(advisory.installed)}".strip(),
        " or ".join(advisory.fixed_in) or "no fix",
        advisory.reach,
    )


_SEVERITIES = ("critical", "high", "medium", "low")
_TITLES = (
    (Change.REMOVED, "Packages that went"),
    (Change.DOWN, "Packages that went down"),
    (Change.CHANGED, "Packages that changed"),
    (Change.ADDED, "Packages that came"),
    (Change.UP, "Packages that went up"),
)


def _packages(report: DiffReport) -> Iterator[Group]:
    sizes = {each.what: each for each in report.package_sizes}
    for change, title in _TITLES:
        chosen = [each for each in report.packages if each.change is change]
        rows = [_package_row(each, sizes.get(each.key)) for each in chosen]
        yield Group(
            title, ("package", "kind", *_COLUMNS.get(change, _BOTH), "brought by", ">size"), tuple(rows)
        )


_BOTH = ("A", "B")
_COLUMNS = {Change.ADDED: ("version",), Change.REMOVED: ("version",)}


def _package_row(change: PackageChange, sized: SizeChange | None) -> Row:
    origins = dict.fromkeys((*change.origins_before, *change.origins_after))
    before, after = versions(change)
    shown = {Change.ADDED: (after,), Change.REMOVED: (before,)}.get(change.change, (before, after))
    return (
        change.name,
        change.ecosystem,
        *shown,
        _named(list(origins)),
        growth(sized.growth) if sized is not None else "",
    )


def versions(change: PackageChange) -> tuple[str, str]:
    """Return the versions on both sides; what both have stands on both, in brackets."""
    architectures = {held.architecture for held in (*change.before, *change.after, *change.kept)}
    is_told = len(architectures) > 1
    kept = [_held(held, is_told=is_told) for held in change.kept]
    return (
        _versions([_held(held, is_told=is_told) for held in change.before], kept),
        _versions([_held(held, is_told=is_told) for held in change.after], kept),
    )


def _held(held: Held, *, is_told: bool) -> str:
    version = held.version or "no version"
    return f"{version} {held.architecture}" if is_told and held.architecture else version


def _versions(own: Sequence[str], kept: Sequence[str]) -> str:
    shown = ", ".join(own[:_MAX_VERSIONS]) + (", …" if len(own) > _MAX_VERSIONS else "")
    beside = f"({', '.join(kept[:_MAX_VERSIONS])})" if kept else ""
    return " ".join(part for part in (shown, beside) if part) or NOTHING


def _sonames(report: DiffReport) -> Iterator[Group]:
    for change, title, column in (
        (Change.REMOVED, "Sonames that went", "still asked for by"),
        (Change.ADDED, "Sonames that came", "asked for in A by"),
    ):
        chosen = [each for each in report.sonames if each.change is change]
        rows = [
            (each.soname, _named([*each.before, *each.after], 1), _named(each.asked_by)) for each in chosen
        ]
        yield Group(title, ("soname", "file", column), tuple(rows))
    rows = [
        (each.soname, _named(each.versions_before), _named(each.versions_after))
        for each in report.sonames
        if each.change is Change.CHANGED
    ]
    yield Group("Sonames with other symbol versions", ("soname", "only A", "only B"), tuple(rows))


def _settings(report: DiffReport) -> Group:
    rows = [
        (f"{each.group} {each.name}".strip(), _value(each.before), _value(each.after, each.before))
        for each in report.settings
    ]
    return Group("Configuration", ("setting", "A", "B"), tuple(rows))


def _value(value: str | None, other: str | None = None) -> str:
    if value is None:
        return NOTHING
    return f"{value} (another one)" if other is not None and value == other else value


def _licences(report: DiffReport) -> Group:
    rows = [(each.name, each.ecosystem, _named(each.before), _named(each.after)) for each in report.licences]
    return Group("Licences", ("package", "kind", "A", "B"), tuple(rows))


def _bundled(report: DiffReport) -> Group:
    """Return the libraries of packages that both sides have one by one, others with their package alone."""
    whole = {each.key: each.change for each in report.packages if not each.kept}
    rows: list[Row] = []
    for within, inside in groupby(report.bundled, lambda each: each.within):
        changes = list(inside)
        change = whole.get(within)
        if change in (Change.ADDED, Change.REMOVED):
            names = f"{count(len(changes), 'library', 'libraries')}: {_named(each.name for each in changes)}"
            there = f"{'came' if change is Change.ADDED else 'went'} with it"
            rows.append((_short(within), names, *_on_its_side(change, there)))
        else:
            rows += [(_short(within), each.name, *versions(each)) for each in changes]
    return Group("Libraries inside packages", ("in", "library", "A", "B"), tuple(rows))


def _on_its_side(change: Change, text: str) -> tuple[str, str]:
    return (NOTHING, text) if change is Change.ADDED else (text, NOTHING)


def _layers(report: DiffReport) -> Group:
    rows = [
        (
            "B" if each.is_added else "A",
            each.diff_id,
            size(each.stored_bytes),
            _size(each.unpacked_bytes),
            each.created_by,
        )
        for each in report.layers
    ]
    title = f"Layers of one side ({report.shared_layers} of both)"
    return Group(title, ("only", "layer", ">stored", ">unpacked", "made by"), tuple(rows))


def _named(names: Iterable[str], most: int = _MAX_NAMED) -> str:
    known = list(names)
    more = len(known) - most
    return ", ".join(known[:most]) + (f" and {more} more" if more > 0 else "")

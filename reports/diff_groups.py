"""All differences as rows, in groups of one kind, the most important first: what text and Markdown list."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from fleet_audit.audit.model.difference import (
    AdvisoryChange,
    AdvisoryState,
    Change,
    DiffReport,
    FindingState,
    Held,
    NeedChange,
    PackageChange,
    SizeChange,
)
from fleet_audit.audit.model.need import Tier
from fleet_audit.reports.diff_words import NOTHING, Row, growth, is_lacking, short_name, size_or_none
from fleet_audit.reports.terminal import count, size

_NO_NEED = "not needed"
_MAX_NAMED = 4
_MAX_VERSIONS = 6


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


def _needs(report: DiffReport) -> Iterator[Group]:
    lost: list[Row] = []
    met: list[Row] = []
    others: list[Row] = []
    for change in sorted(report.needs, key=_need_order):
        old, new = is_lacking(change.before), is_lacking(change.after)
        (lost if new and not old else met if old and not new else others).append(_need_row(change))
    columns = ("need", "how badly", "A", "B", "of")
    yield Group("Missing in B, and not in A", columns, tuple(lost))
    yield Group("Missing in A, and not in B", columns, tuple(met))
    yield Group("Other needs", columns, tuple(others), is_minor=True)


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
            rows.append((short_name(within), names, *_on_its_side(change, there)))
        else:
            rows += [(short_name(within), each.name, *versions(each)) for each in changes]
    return Group("Libraries inside packages", ("in", "library", "A", "B"), tuple(rows))


def _on_its_side(change: Change, text: str) -> tuple[str, str]:
    return (NOTHING, text) if change is Change.ADDED else (text, NOTHING)


def _layers(report: DiffReport) -> Group:
    rows = [
        (
            "B" if each.is_added else "A",
            each.diff_id,
            size(each.stored_bytes),
            size_or_none(each.unpacked_bytes),
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

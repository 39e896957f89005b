"""What a difference comes to in a few words: what every format of it says above its lists."""

from collections import Counter, defaultdict

from fleet_audit.audit.model.difference import Aspect, Change, ComparedSide, DiffReport, NeedState
from fleet_audit.reports.terminal import count, size

NOTHING = "–"
Row = tuple[str, ...]


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
    lost = sum(is_lacking(each.after) and not is_lacking(each.before) for each in report.needs)
    met = sum(is_lacking(each.before) and not is_lacking(each.after) for each in report.needs)
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
        (each.what, size_or_none(each.before), size_or_none(each.after), growth(each.growth))
        for each in report.totals
    )


def size_rows(report: DiffReport) -> tuple[Row, ...]:
    """Return the packages whose files take more or less, the greatest difference first."""
    return tuple(
        (short_name(each.what), size_or_none(each.before), size_or_none(each.after), growth(each.growth))
        for each in report.package_sizes
    )


def size_or_none(number: int | None) -> str:
    """Return a number of bytes for people; a dash where there is none."""
    return NOTHING if number is None else size(number)


def growth(number: int) -> str:
    """Return a difference of sizes with its sign."""
    return f"+{size(number)}" if number > 0 else size(number) if number else "the same"


def short_name(key: str) -> str:
    """Return a package URL as people say it: ``deb openssl``."""
    kind, separator, rest = key.removeprefix("pkg:").partition("/")
    return f"{kind} {rest.rpartition('/')[2]}" if separator and key.startswith("pkg:") else key


def is_lacking(need: NeedState | None) -> bool:
    """Say whether a side has a need, and not what would meet it."""
    return need is not None and need.is_missing

"""What is in an image, for a terminal."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from fleet_audit.audit.model.inventory import Component, Inventory, SbomReport
from fleet_audit.audit.sbom.canonical import purl_type
from fleet_audit.audit.sbom.reading import IMAGE, MERGED, ROOT
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.terminal import Line, Page, Piece, count
from fleet_audit.reports.text import one_after_the_other, short_digest, write_gaps, write_notes, write_verdict

_MAX_NAMED = 12
"""Libraries of one wheel that are named; documents hold all of them."""

_BUNDLED = "bundled library"
_KINDS = {
    "deb": "Debian package",
    "pypi": "Python distribution",
    "rpm": "RPM package",
    "apk": "Alpine package",
    "generic": "program",
}


def sbom_text(reports: Sequence[SbomReport], options: RenderOptions) -> str:
    """Return how many components of which kind came with whom, and which libraries wheels carry along."""
    return one_after_the_other(reports, options, _write)


def _write(page: Page, report: SbomReport) -> None:
    inventory = report.inventory
    subject = inventory.subject
    facts = dict(subject.properties)
    page.line(Piece(report.subject, "bold"))
    told = [facts.get("distribution", ""), facts.get("image-platform", ""), short_digest(subject.version)]
    page.line(Piece("   ".join(part for part in told if part), "dim"))
    write_notes(page, report)
    _write_images(page, inventory)
    page.blank()
    page.table(("component", "brought by", "how many"), list(_counted(inventory)), indent=0)
    _write_bundled(page, inventory)
    page.blank()
    if inventory.package_set is not None:
        page.line(Piece("package set ", "dim"), short_digest(inventory.package_set))
    page.line(Piece("found by ", "dim"), _found_by(inventory))
    write_gaps(page, report.gaps)
    write_verdict(page, report)


def _write_images(page: Page, inventory: Inventory) -> None:
    """Write which images a merged inventory is of, with how much is in each."""
    inside = Counter(link.source for link in inventory.links if link.how == "contains")
    rows: list[tuple[Line, ...]] = []
    for each in inventory.components:
        facts = dict(each.properties)
        if facts.get(MERGED) == IMAGE:
            packages = short_digest(facts.get("package-set", ""))
            rows.append((each.name, short_digest(each.version), str(inside[each.ref]), packages))
    if rows:
        page.blank()
        page.table(("image", "digest", "components", "package set"), rows, indent=0)


def _found_by(inventory: Inventory) -> str:
    tools = ", ".join(f"{tool.name} {tool.version}".strip() for tool in inventory.tools)
    if (MERGED, ROOT) in inventory.subject.properties:
        return tools or "our own readers"
    return f"our own readers, {tools}" if tools else "our own readers alone"


def _counted(inventory: Inventory) -> Iterator[tuple[Line, Line, Line]]:
    counted = Counter(
        (kind_of(each), each.origin)
        for each in inventory.components
        if each.purl or each.kind != "application"
    )
    for (kind, origin), number in sorted(counted.items()):
        yield kind, origin or "not known", str(number)


def kind_of(component: Component) -> str:
    """Return what sort of thing a component is, in a person's words."""
    if component.bundled_in:
        return _BUNDLED
    if component.purl is None:
        return component.kind.replace("-", " ")
    kind = purl_type(component.purl)
    return _KINDS.get(kind, f"{kind} package")


def _write_bundled(page: Page, inventory: Inventory) -> None:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for component in inventory.components:
        if component.bundled_in:
            names[component.bundled_in].append(component.name)
    if not names:
        return
    page.blank()
    page.line(Piece("Libraries inside wheels", "bold"))
    rows: list[tuple[Line, Line, Line]] = []
    for ref in sorted(names):
        wheel = inventory.component(ref)
        title = ref if wheel is None else f"{wheel.name} {wheel.version}"
        rows.append((title, count(len(names[ref]), "library", "libraries"), _named(set(names[ref]))))
    page.table(("wheel", "", "which"), rows, indent=0)


def _named(names: set[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(sorted(names)[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")

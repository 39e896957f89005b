"""What services import, and from whom, for a terminal."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from fleet_audit.audit.model.finding import Finding, Severity, combined
from fleet_audit.audit.model.imports import (
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    NativeLoad,
    ProgramCall,
    ProviderKind,
    ServiceImports,
    UnparsedFile,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import ImportsReport
from fleet_audit.reports.documents import provider
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.summary import EXIT_CODES
from fleet_audit.reports.terminal import BREAK, Line, Page, Piece, Style, count
from fleet_audit.reports.text import (
    VERDICT_STYLE,
    write_findings,
    write_gaps,
    write_head,
    write_notes,
    write_verdict,
)

MAX_MODULES = 6
MAX_EXTENSIONS = 10

_LEVEL_WORDS = {
    Level.CERTAIN: "certain",
    Level.PROBABLE: "probable",
    Level.LAZY: "lazy",
    Level.STRING: "by name",
}


def imports_text(reports: Sequence[ImportsReport], options: RenderOptions) -> str:
    """Return the imports of all services, one service after the other."""
    page = Page(options)
    for index, report in enumerate(reports):
        if index:
            page.blank()
        _write(page, report)
    if len(reports) > 1:
        verdict = combined(report.verdict for report in reports)
        page.blank()
        page.line(
            Piece(verdict.upper(), VERDICT_STYLE[verdict]),
            f"  {count(len(reports), 'report')} · exit code {EXIT_CODES[verdict]}",
        )
    return page.text()


def _write(page: Page, report: ImportsReport) -> None:
    write_head(page, report.subject, report.image)
    write_notes(page, report)
    for service in report.services:
        _write_service(page, service, report)
    findings = _other_findings(report)
    write_findings(page, [finding for finding in findings if not _is_remark(finding)])
    _write_remarks(page, [finding for finding in findings if _is_remark(finding)])
    write_gaps(page, report.gaps)
    write_verdict(page, report)


def _is_remark(finding: Finding) -> bool:
    return finding.severity is Severity.INFO and finding.waiver is None


def _write_remarks(page: Page, remarks: Sequence[Finding]) -> None:
    """Write remarks in a line each; what to do about them is in the document and in the rule's page."""
    if not remarks:
        return
    page.blank()
    page.line(Piece("Remarks", "bold"))
    for remark in remarks:
        place = Piece(f"  {remark.location}" if remark.location else "", "cyan")
        page.line(Piece(remark.rule, "dim"), place, f"  {remark.message}", indent=1)


def _other_findings(report: ImportsReport) -> list[Finding]:
    """Return the findings that the services' own parts do not show already."""
    judges = {rule.id: rule.subject for rule in report.policy.rules}
    shown = _shown(report.services)
    return [
        finding
        for finding in report.findings
        if finding.waiver is not None
        or (judges.get(finding.rule, ""), finding.subject, finding.severity is Severity.INFO) not in shown
    ]


def _shown(services: Sequence[ServiceImports]) -> set[tuple[str, str, bool]]:
    """Return what the services' own parts show: what a rule judges, its subject, whether it is a remark."""
    missing = {str(module.module) for service in services for module in service.missing}
    tops = {name.partition(".")[0] for name in missing}
    shown = {
        ("module", f"module:{name}", is_remark) for name in missing | tops for is_remark in (True, False)
    }
    shown |= {("own_module", f"module:{name}", False) for name in missing}
    for service in services:
        shown |= {("source", f"file:{file.path}", True) for file in service.unparsed}
        shown |= {("dynamic", f"import:{call.expression}", True) for call in service.dynamic_imports}
        shown |= {("requirement", f"dist:{name}", True) for name in service.unused_distributions}
    return shown


def _write_service(page: Page, service: ServiceImports, report: ImportsReport) -> None:
    page.blank()
    entry = f"  {service.entry}" if service.entry else ""
    page.line(
        Piece(service.service, "bold"),
        Piece(f"{entry}  {count(len(service.files), 'file')}", "dim"),
    )
    if service.missing:
        rows = _missing_rows(service.missing, _waived(report))
        page.table(("", "module", "imported at", "look at"), rows)
    _write_providers(page, service, report)
    _write_loads(page, service)
    _write_extensions(page, service)
    for file in service.unparsed:
        _write_unparsed(page, file)
    for call in service.dynamic_imports:
        page.line(
            Piece(str(call.location), "cyan"),
            f"  {call.expression}",
            Piece("  imports what only the running service knows", "dim"),
            indent=1,
        )
    for edit in service.path_edits:
        folder = edit.folder if edit.folder is not None else "a folder that is known only at run time"
        page.line(Piece(str(edit.location), "cyan"), f"  puts {folder} on sys.path", indent=1)
    if service.unused_distributions:
        names = ", ".join(service.unused_distributions)
        page.line(Piece("asked for and never imported:  ", "dim"), names, indent=1)


def _write_unparsed(page: Page, file: UnparsedFile) -> None:
    sign = Piece("✗ ", "red") if file.is_fatal else Piece("· ", "dim")
    read = (
        f"{count(file.recovered, 'import')} read from it all the same"
        if file.recovered
        else "nothing read from it"
    )
    reached = "; not always imported, or caught" if file.is_reached else "; nothing reaches it"
    reached = "" if file.is_fatal else reached
    page.line(
        sign,
        Piece(f"{file.path}:{file.line}", "cyan"),
        f"  does not parse: {file.error}; {read}{reached}",
        indent=1,
    )


def _waived(report: ImportsReport) -> frozenset[str]:
    """Return the names of the missing modules that somebody has answered for."""
    found = (finding.subject for finding in report.findings if finding.waiver is not None)
    return frozenset(
        name for kind, _, name in (subject.partition(":") for subject in found) if kind == "module"
    )


def _missing_rows(missing: Sequence[MissingModule], waived: frozenset[str]) -> list[tuple[Line, ...]]:
    """Return one row for the missing modules of one package that are imported alike."""
    groups: defaultdict[tuple[bool, str, ImportContext, Level], list[MissingModule]] = defaultdict(list)
    for module in missing:
        top = module.module.partition(".")[0]
        groups[not _fails_at_start(module), top, module.context, module.level].append(module)
    return [_missing_row(group, waived) for _, group in sorted(groups.items())]


def _fails_at_start(missing: MissingModule) -> bool:
    is_survived = missing.context in (ImportContext.GUARDED, ImportContext.TYPING)
    return missing.level is Level.CERTAIN and not is_survived


def _missing_row(group: Sequence[MissingModule], waived: frozenset[str]) -> tuple[Line, ...]:
    first = group[0]
    is_waived = first.module in waived or first.module.partition(".")[0] in waived
    sign, style = ("✗", _RED) if _fails_at_start(first) else ("!", _YELLOW)
    places = sorted({place for module in group for place in module.locations})
    where: list[str | Piece] = [Piece(str(places[0]) if places else "", "cyan")]
    if len(places) > 1:
        where.append(Piece(f" and {count(len(places) - 1, 'more place')}", "dim"))
    if first.context is not ImportContext.MODULE or first.level is not Level.CERTAIN:
        where += [BREAK, Piece(_stands(first), "dim")]
    names: list[str | Piece] = [Piece(first.module, "bold")]
    if len(group) > 1:
        names.append(Piece(f" and {len(group) - 1} more of it", "dim"))
    if is_waived:
        where += [BREAK, Piece("waived", "dim")]
    return Piece("·" if is_waived else sign, "dim" if is_waived else style), names, where, _answer(first)


def _answer(missing: MissingModule) -> str:
    if missing.is_first_party:
        return "the repository"
    return ", ".join(missing.suggestions) or " or ".join(f"{name}?" for name in missing.meant)


def _stands(missing: MissingModule) -> str:
    words = _CONTEXT_WORDS[missing.context]
    usual = _USUAL_LEVELS.get(missing.context, Level.CERTAIN)
    return words if missing.level is usual else f"{words}, {_REACHED_WORDS[missing.level]}"


_CONTEXT_WORDS = {
    ImportContext.MODULE: "at the top of its file",
    ImportContext.GUARDED: "under a guard",
    ImportContext.LAZY: "inside a function",
    ImportContext.TYPING: "for type checkers alone",
    ImportContext.DYNAMIC: "by its name as a text",
}
_USUAL_LEVELS = {ImportContext.LAZY: Level.LAZY, ImportContext.DYNAMIC: Level.STRING}
"""How certainly an import in a context is reached where nothing more need be said."""

_REACHED_WORDS = {
    Level.CERTAIN: "which is reached",
    Level.PROBABLE: "which is probably reached",
    Level.LAZY: "reached only by a call",
    Level.STRING: "named in a text",
}

_RED: Style = "red"
_YELLOW: Style = "yellow"


def _write_providers(page: Page, service: ServiceImports, report: ImportsReport) -> None:
    """Write one row for each distribution; the standard library and own modules are only counted."""
    groups: defaultdict[tuple[str, str], list[ImportedModule]] = defaultdict(list)
    own = {ProviderKind.STDLIB: 0, ProviderKind.FIRST_PARTY: 0}
    missing = {module.module for module in service.missing}
    for module in service.imports:
        if module.provided_by in own:
            own[module.provided_by] += 1
        elif module.provided_by is not None:
            groups[module.distribution or "", provider(module, report) or ""].append(module)
        elif module.module not in missing and module.context is not ImportContext.TYPING:
            groups["", "not known"].append(module)
    if groups:
        page.table(
            ("distribution", "provided by", "modules"),
            [
                (name or "–", Piece(by, "dim"), _modules(modules))
                for (name, by), modules in sorted(groups.items())
            ],
        )
    page.line(
        Piece(
            f"{count(own[ProviderKind.FIRST_PARTY], 'own module')}, "
            f"{count(own[ProviderKind.STDLIB], 'module')} of the standard library",
            "dim",
        ),
        indent=1,
    )


def _modules(modules: Sequence[ImportedModule]) -> Line:
    names = sorted({module.module for module in modules})
    shown = ", ".join(names[:MAX_MODULES])
    more = len(names) - MAX_MODULES
    return [shown, Piece(f" and {more} more" if more > 0 else "", "dim")]


def _write_loads(page: Page, service: ServiceImports) -> None:
    """Write what is named in the service's own code or surely reached; the rest is only counted."""
    loads: list[NativeLoad | ProgramCall] = [*service.native_loads, *service.programs]
    shown = [
        load for load in loads if isinstance(load.location, SourceLocation) or load.level is Level.CERTAIN
    ]
    if shown:
        page.table(("loads or runs", "how", "reached", "at"), [_load_row(load) for load in shown])
    if left := len(loads) - len(shown):
        words = f"{count(left, 'other name')} inside distributions may be loaded or run (-o json lists them)"
        page.line(Piece(words, "dim"), indent=1)


def _load_row(load: NativeLoad | ProgramCall) -> tuple[Line, ...]:
    how = str(load.method) if isinstance(load, NativeLoad) else "program"
    name = " or ".join(load.names) if isinstance(load, NativeLoad) else load.program
    handled = ", absence handled" if load.is_handled else ""
    return name, how + handled, _LEVEL_WORDS[load.level], Piece(str(load.location), "cyan")


def _write_extensions(page: Page, service: ServiceImports) -> None:
    if not service.extension_modules:
        return
    levels = Counter(extension.level for extension in service.extension_modules)
    counts = ", ".join(f"{levels[level]} {_LEVEL_WORDS[level]}" for level in Level if levels[level])
    names = sorted({e.distribution for e in service.extension_modules if e.distribution is not None})
    more = len(names) - MAX_EXTENSIONS
    shown = ", ".join(names[:MAX_EXTENSIONS]) + (f" and {more} more" if more > 0 else "")
    page.line(
        f"{count(len(service.extension_modules), 'extension module')} reached: {counts}",
        Piece(f"  of {shown}" if shown else "", "dim"),
        indent=1,
    )

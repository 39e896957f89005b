"""What terminal text says of imports beside the snapshot."""

from fleet_audit.audit.model.finding import Confidence, Finding, Mode, PolicySummary, RuleSummary, Severity
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.model.imports import (
    ExtensionModule,
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    ServiceImports,
    UnparsedFile,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import ImportsReport
from fleet_audit.reports.imports_text import imports_text
from fleet_audit.reports.options import RenderOptions


def imported(name: str, context: ImportContext) -> ImportedModule:
    return ImportedModule(ModuleName(name), context, ())


def test_without_an_image_what_is_imported_is_listed_all_the_same() -> None:
    modules = (imported("numpy", ImportContext.MODULE), imported("pandas", ImportContext.TYPING))
    report = ImportsReport(subject="app", services=(ServiceImports("app", imports=modules),))

    lines = imports_text([report], RenderOptions(created="", version="")).splitlines()

    assert [line.split() for line in lines if "not known" in line] == [["–", "not", "known", "numpy"]]


APP = SourceLocation("app.py", 3)
RULES = tuple(
    RuleSummary(name, "a title", "a reason", Severity.WARN, Mode.WARN, subject)
    for name, subject in (("FA-IMP-001", "module"), ("FA-IMP-010", "shadow"), ("FA-IMP-012", "dynamic"))
)


def text(service: ServiceImports, *findings: Finding) -> str:
    report = ImportsReport(
        subject="app", services=(service,), findings=findings, policy=PolicySummary("p", "d" * 64, RULES)
    )
    return imports_text([report], RenderOptions(created="", version=""))


def finding(
    rule: str, subject: str, severity: Severity = Severity.WARN, waiver: str | None = None
) -> Finding:
    return Finding(
        rule,
        severity,
        Confidence.CERTAIN,
        Mode.WARN,
        subject,
        f"{rule} speaks",
        location=APP,
        waiver=waiver,
    )


def test_extension_modules_are_counted_by_level() -> None:
    modules = tuple(
        ExtensionModule(ImagePath(f"/{number}.so"), ModuleName(f"m{number}"), level)
        for number, level in enumerate((Level.CERTAIN, Level.LAZY, Level.LAZY, Level.STRING))
    )

    said = text(ServiceImports("app", extension_modules=modules))

    assert "4 extension modules reached: 1 certain, 2 lazy, 1 by name" in said


def test_a_file_that_does_not_parse_says_whether_it_matters_and_what_was_read() -> None:
    files = (UnparsedFile("a.py", 1, "bad", 0), UnparsedFile("b.py", 2, "bad", 1, is_reached=False))

    said = text(ServiceImports("app", unparsed=files))

    assert "✗ a.py:1  does not parse: bad; nothing read from it" in said
    assert "· b.py:2  does not parse: bad; 1 import read from it all the same; nothing reaches it" in said


def test_what_a_table_shows_is_not_said_twice_and_everything_else_is_said() -> None:
    missing = (MissingModule(ModuleName("yaml.cyaml"), ImportContext.MODULE, (APP,)),)

    said = text(
        ServiceImports("app", missing=missing),
        finding("FA-IMP-001", "module:yaml"),
        finding("FA-IMP-010", "module:yaml"),
        finding("FA-IMP-012", "import:f()", Severity.INFO),
    )

    assert "FA-IMP-001 speaks" not in said
    assert "FA-IMP-010 speaks" in said
    assert "Remarks\n FA-IMP-012  app.py:3  FA-IMP-012 speaks" in said


def test_a_missing_module_that_is_waived_is_marked_and_listed() -> None:
    missing = (MissingModule(ModuleName("yaml"), ImportContext.MODULE, (APP,)),)

    said = text(ServiceImports("app", missing=missing), finding("FA-IMP-001", "module:yaml", waiver="late"))

    assert " ·  yaml" in said
    assert "waived: late" in said

"""What terminal text says of imports beside the snapshot."""

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import ImportContext, ImportedModule, ServiceImports
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

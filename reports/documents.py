"""JSON documents (CONTRACT: Documents). Field order is the order in the text; nothing is left out."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from fleet_audit.audit.model.evidence import Chain, Edge, Node
from fleet_audit.audit.model.finding import Finding, Gap, combined
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.imports import (
    ExtensionModule,
    ImportedModule,
    MissingModule,
    NativeLoad,
    ProgramCall,
    ProviderKind,
    RequiredDistribution,
    ServiceImports,
    Shadowing,
    UnparsedFile,
)
from fleet_audit.audit.model.json_text import json_of
from fleet_audit.audit.model.location import ImageLocation, Location, SourceLocation
from fleet_audit.audit.model.report import (
    EntryReport,
    ExplainReport,
    ImportsReport,
    Judged,
    LddReport,
)
from fleet_audit.reports.options import RenderOptions

Fields = dict[str, Any]
ReportT = TypeVar("ReportT", bound=Judged)


def imports_document(reports: Sequence[ImportsReport], options: RenderOptions) -> str:
    """Return ``imports/1``."""
    return document_of("imports", reports, options, _imports)


def ldd_document(reports: Sequence[LddReport], options: RenderOptions) -> str:
    """Return ``ldd/1``."""
    return document_of("ldd", reports, options, ldd_fields)


def explain_document(reports: Sequence[ExplainReport], options: RenderOptions) -> str:
    """Return ``explain/1``."""
    return document_of("explain", reports, options, _explain)


def document_of(
    command: str, reports: Sequence[ReportT], options: RenderOptions, body: Callable[[ReportT], Fields]
) -> str:
    """Return the document of a command: one report's, or those of several subjects."""
    head = head_of(command, options)
    documents = [head | envelope(report, body(report)) for report in reports]
    if len(documents) == 1:
        return encode(documents[0])
    return encode(head | {"subjects": documents, "verdict": combined(report.verdict for report in reports)})


def head_of(command: str, options: RenderOptions) -> Fields:
    """Return what every document of a command begins with."""
    return {
        "schema": f"fleet-audit.{command}/1",
        "tool": {"name": "fleet-audit", "version": options.version},
        "created": options.created,
    }


def envelope(report: Judged, body: Fields) -> Fields:
    """Return what every document says of one subject, around what is its command's own."""
    return {
        "subject": report.subject,
        **body,
        "findings": [finding_fields(finding) for finding in report.findings],
        "gaps": [gap_fields(gap) for gap in report.gaps],
        "notes": list(report.notes),
        "policy": {
            "name": report.policy.name,
            "digest": report.policy.digest,
            "rules": len(report.policy.rules),
        },
        "verdict": report.verdict,
    }


def encode(document: Fields) -> str:
    """Return a document as text: indented, one line end at its end; what UTF-8 cannot carry is escaped."""
    return msgspec.json.format(json_of(document), indent=2).decode() + "\n"


def finding_fields(finding: Finding) -> Fields:
    """Return a finding as documents have it."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "mode": finding.mode,
        "subject": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
        "location": place_fields(finding.location),
        "related": [place_fields(place) for place in finding.related],
        "fingerprint": finding.fingerprint,
        "waiver": finding.waiver,
        "waived_by": finding.waived_by or None,
    }


def gap_fields(gap: Gap) -> Fields:
    """Return what could not be examined as documents have it."""
    return {
        "stage": gap.stage,
        "kind": gap.kind,
        "what": gap.what,
        "why": gap.reason,
        "blocking": gap.blocking,
        "location": place_fields(gap.location),
    }


def place_fields(location: Location | None) -> Fields | None:
    """Return a place as documents have it."""
    match location:
        case SourceLocation(path, line):
            return {"path": path, "line": line}
        case ImageLocation(path, layer, line):
            return {"path": path, "line": line, "layer": layer}
        case None:
            return None


def image_fields(image: ImageIdentity | None) -> Fields | None:
    """Return which image is meant; None where none is."""
    if image is None:
        return None
    return {
        "ref": str(image.ref),
        "digest": image.ref.digest,
        "platform": str(image.ref.platform),
        "distro": {
            "id": image.distro.id,
            "version": image.distro.version,
            "codename": image.distro.codename,
        },
    }


def unparsed_fields(file: UnparsedFile) -> Fields:
    """Return a file that does not parse, and what read it all the same."""
    return {
        "path": file.path,
        "line": file.line,
        "error": file.error,
        "recovered": file.recovered,
        "parser": file.parser,
        "skimmed": [{"first": first, "last": last} for first, last in file.skimmed],
    }


def _imports(report: ImportsReport) -> Fields:
    unparsed = {(file.path, file.line): file for service in report.services for file in service.unparsed}
    return {
        "image": image_fields(report.image),
        "services": [_service(service, report) for service in report.services],
        "unparsed": [unparsed_fields(unparsed[place]) for place in sorted(unparsed)],
    }


def _service(service: ServiceImports, report: ImportsReport) -> Fields:
    return {
        "name": service.service,
        "entry": service.entry,
        "files": list(service.files),
        "imports": [_import(module, report) for module in service.imports],
        "missing": [_missing(module) for module in service.missing],
        "requirements": [_required(required) for required in service.requirements],
        "unused_distributions": list(service.unused_distributions),
        "shadowings": [_shadowing(shadowing) for shadowing in service.shadowings],
        "native_loads": [_native_load(load) for load in service.native_loads],
        "programs": [_program(call) for call in service.programs],
        "path_edits": [
            {"location": place_fields(edit.location), "expression": edit.expression, "folder": edit.folder}
            for edit in service.path_edits
        ],
        "dynamic_imports": [
            {
                "location": place_fields(dynamic.location),
                "expression": dynamic.expression,
                "level": int(dynamic.level),
            }
            for dynamic in service.dynamic_imports
        ],
        "extension_modules": [_extension(extension) for extension in service.extension_modules],
    }


def _native_load(load: NativeLoad) -> Fields:
    return {
        "names": list(load.names),
        "method": load.method,
        "level": int(load.level),
        "module": load.module,
        "distribution": load.distribution,
        "handled": load.is_handled,
        "location": place_fields(load.location),
    }


def _program(call: ProgramCall) -> Fields:
    return {
        "program": call.program,
        "level": int(call.level),
        "module": call.module,
        "distribution": call.distribution,
        "handled": call.is_handled,
        "location": place_fields(call.location),
    }


def _extension(extension: ExtensionModule) -> Fields:
    return {
        "path": extension.path,
        "module": extension.module,
        "distribution": extension.distribution,
        "level": int(extension.level),
        "chain": list(extension.chain),
    }


def _import(module: ImportedModule, report: ImportsReport) -> Fields:
    return {
        "module": module.module,
        "context": module.context,
        "level": int(module.level),
        "distribution": module.distribution,
        "provided_by": provider(module, report),
        "locations": [place_fields(place) for place in module.locations],
        "parser": module.parser,
    }


def provider(module: ImportedModule, report: ImportsReport) -> str | None:
    """Return who provides a module in the words of CONTRACT ``imports/1``; None where nobody does."""
    if module.provided_by is ProviderKind.FAMILY:
        family = report.providers.get(module.distribution or module.file or "", "")
        return f"family:{family}" if family else "family"
    return None if module.provided_by is None else str(module.provided_by)


def _missing(module: MissingModule) -> Fields:
    return {
        "module": module.module,
        "suggestions": list(module.suggestions),
        "meant": list(module.meant),
        "context": module.context,
        "level": int(module.level),
        "first_party": module.is_first_party,
        "wanted_by": module.wanted_by,
        "locations": [place_fields(place) for place in module.locations],
    }


def _required(required: RequiredDistribution) -> Fields:
    return {
        "name": required.name,
        "specifier": required.specifier,
        "installed": required.installed or None,
        "satisfied": required.is_satisfied,
        "constraint": required.is_constraint,
        "location": place_fields(required.location),
    }


def _shadowing(shadowing: Shadowing) -> Fields:
    return {
        "module": shadowing.module,
        "file": place_fields(shadowing.file),
        "shadowed": shadowing.shadowed,
        "distribution": shadowing.distribution,
        "level": int(shadowing.level),
        "wanted_by": list(shadowing.wanted_by),
        "locations": [place_fields(place) for place in shadowing.locations],
    }


def ldd_fields(report: LddReport) -> Fields:
    """Return what ``ldd/1`` has beside the envelope."""
    return {
        "image": image_fields(report.image),
        "counts": {
            "elf": report.elf_files,
            "extension_modules": report.extension_modules,
            "entry_points": len(report.entries),
        },
        "entries": [_entry(entry) for entry in report.entries],
    }


def _entry(report: EntryReport) -> Fields:
    return {
        "path": report.entry.path,
        "kind": report.entry.kind,
        "module": report.entry.module,
        "distribution": report.entry.distribution,
        "package": report.package,
        "layer": report.layer,
        "origin": report.origin,
        "problems": [
            {
                "kind": problem.kind,
                "soname": problem.soname,
                "wanted_by": problem.wanted_by,
                "searched": list(problem.searched),
                "detail": problem.detail,
            }
            for problem in report.problems
        ],
    }


def _explain(report: ExplainReport) -> Fields:
    return {
        "image": image_fields(report.image),
        "family": report.family,
        "node": _node(report.node),
        "candidates": [str(node) for node in report.candidates],
        "facts": [{"label": label, "text": text} for label, text in report.facts],
        "chains": [
            {"start": str(answer.start), "level": int(answer.chain.level), "steps": _steps(answer.chain)}
            for answer in report.answers
        ],
        "arriving": [_edge(edge) for edge in report.arriving],
        "leaving": [_edge(edge) for edge in report.leaving],
        "unparsed": [unparsed_fields(file) for file in report.unparsed],
    }


def _node(node: Node | None) -> Fields | None:
    return None if node is None else {"kind": node.kind, "name": node.name}


def _steps(chain: Chain) -> list[Fields]:
    return [_edge(edge) for edge in chain.edges]


def _edge(edge: Edge) -> Fields:
    return {
        "source": str(edge.source),
        "how": edge.how,
        "target": str(edge.target),
        "level": int(edge.level),
        "location": place_fields(edge.location),
    }

"""The table of renderers: which report can be written in which format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.advisories import VulnsReport
from fleet_audit.audit.model.archives import IndexReport
from fleet_audit.audit.model.difference import DiffReport
from fleet_audit.audit.model.gating import GatedImage, GateReport
from fleet_audit.audit.model.inspection import InspectReport
from fleet_audit.audit.model.inventory import SbomReport
from fleet_audit.audit.model.lifecycle import HistoryReport, TrendReport
from fleet_audit.audit.model.one_file import DepthReport, HardeningReport, TreeReport
from fleet_audit.audit.model.report import (
    DepsReport,
    DockerfilesReport,
    ExplainReport,
    ImportsReport,
    Judged,
    LddReport,
)
from fleet_audit.audit.model.vex import VexReport
from fleet_audit.audit.model.waiver import WaiversReport
from fleet_audit.reports.audit_document import audit_csv, audit_document
from fleet_audit.reports.audit_markdown import audit_markdown
from fleet_audit.reports.audit_text import audit_text
from fleet_audit.reports.deps_document import deps_document
from fleet_audit.reports.deps_markdown import deps_markdown
from fleet_audit.reports.deps_text import deps_text
from fleet_audit.reports.diff_document import diff_document
from fleet_audit.reports.diff_markdown import diff_markdown
from fleet_audit.reports.diff_text import diff_text
from fleet_audit.reports.dockerfiles import dockerfiles_document, dockerfiles_text
from fleet_audit.reports.documents import explain_document, imports_document, ldd_document
from fleet_audit.reports.explain_text import explain_text
from fleet_audit.reports.gate_answer import gate_answer
from fleet_audit.reports.gate_document import gate_document
from fleet_audit.reports.gate_junit import gate_junit
from fleet_audit.reports.gate_markdown import gate_markdown
from fleet_audit.reports.gate_sarif import gate_sarif
from fleet_audit.reports.history_document import history_document, trend_csv, trend_document
from fleet_audit.reports.history_text import history_text, trend_text
from fleet_audit.reports.imports_text import imports_text
from fleet_audit.reports.index_text import index_document, index_text
from fleet_audit.reports.inspect_document import inspect_document
from fleet_audit.reports.inspect_text import inspect_text
from fleet_audit.reports.ldd_depth import depth_document, depth_text
from fleet_audit.reports.ldd_hardening import hardening_document, hardening_text
from fleet_audit.reports.ldd_text import ldd_text
from fleet_audit.reports.ldd_tree import tree_document, tree_text
from fleet_audit.reports.openvex import vex_openvex
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.sarif import sarif
from fleet_audit.reports.sbom_documents import sbom_cyclonedx, sbom_spdx
from fleet_audit.reports.sbom_text import sbom_text
from fleet_audit.reports.vulns_document import vulns_document
from fleet_audit.reports.vulns_markdown import vulns_markdown
from fleet_audit.reports.vulns_text import vulns_text
from fleet_audit.reports.waivers_document import waivers_document
from fleet_audit.reports.waivers_markdown import waivers_markdown
from fleet_audit.reports.waivers_text import waivers_text

Renderer = Callable[[Sequence[Any], RenderOptions], str]
"""Takes reports of the one type under which it stands in the table."""

RENDERERS: Mapping[tuple[type[Judged], str], Renderer] = {
    (DepsReport, "text"): deps_text,
    (DepsReport, "json"): deps_document,
    (DepsReport, "markdown"): deps_markdown,
    (DepsReport, "sarif"): sarif,
    (ImportsReport, "text"): imports_text,
    (ImportsReport, "json"): imports_document,
    (ImportsReport, "sarif"): sarif,
    (LddReport, "text"): ldd_text,
    (LddReport, "json"): ldd_document,
    (LddReport, "sarif"): sarif,
    (TreeReport, "text"): tree_text,
    (TreeReport, "json"): tree_document,
    (DepthReport, "text"): depth_text,
    (DepthReport, "json"): depth_document,
    (HardeningReport, "text"): hardening_text,
    (HardeningReport, "json"): hardening_document,
    (SbomReport, "cyclonedx-json"): sbom_cyclonedx,
    (SbomReport, "spdx-json"): sbom_spdx,
    (SbomReport, "text"): sbom_text,
    (VulnsReport, "text"): vulns_text,
    (VulnsReport, "json"): vulns_document,
    (VulnsReport, "markdown"): vulns_markdown,
    (VulnsReport, "sarif"): sarif,
    (DiffReport, "text"): diff_text,
    (DiffReport, "json"): diff_document,
    (DiffReport, "markdown"): diff_markdown,
    (DockerfilesReport, "text"): dockerfiles_text,
    (DockerfilesReport, "json"): dockerfiles_document,
    (DockerfilesReport, "sarif"): sarif,
    (GateReport, "text"): gate_answer,
    (GateReport, "json"): gate_document,
    (GateReport, "markdown"): gate_markdown,
    (GateReport, "sarif"): gate_sarif,
    (GateReport, "junit"): gate_junit,
    (GatedImage, "text"): audit_text,
    (GatedImage, "json"): audit_document,
    (GatedImage, "markdown"): audit_markdown,
    (GatedImage, "csv"): audit_csv,
    (ExplainReport, "text"): explain_text,
    (ExplainReport, "json"): explain_document,
    (InspectReport, "text"): inspect_text,
    (InspectReport, "json"): inspect_document,
    (WaiversReport, "text"): waivers_text,
    (WaiversReport, "json"): waivers_document,
    (WaiversReport, "markdown"): waivers_markdown,
    (VexReport, "openvex"): vex_openvex,
    (HistoryReport, "text"): history_text,
    (HistoryReport, "json"): history_document,
    (TrendReport, "text"): trend_text,
    (TrendReport, "json"): trend_document,
    (TrendReport, "csv"): trend_csv,
    (IndexReport, "text"): index_text,
    (IndexReport, "json"): index_document,
}


def formats_of(kind: type[Judged]) -> tuple[str, ...]:
    """Return the formats in which a kind of report can be written, in the order of the table."""
    return tuple(name for report, name in RENDERERS if report is kind)


def render(kind: type[Judged], reports: Sequence[Judged], name: str, options: RenderOptions) -> str:
    """Return reports of one kind in the format of this name; raise UsageError where it has no such format."""
    renderer = RENDERERS.get((kind, name))
    if renderer is None:
        raise UsageError(f"-o {name}: not one of {', '.join(formats_of(kind))}")
    return renderer(reports, options)

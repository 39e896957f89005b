"""Advisories as a JSON document (CONTRACT: ``vulns/1``)."""

from collections.abc import Sequence

from fleet_audit.audit.model.advisories import Advisory, VulnsReport
from fleet_audit.reports.documents import Fields, document_of, image_fields, place_fields
from fleet_audit.reports.options import RenderOptions


def vulns_document(reports: Sequence[VulnsReport], options: RenderOptions) -> str:
    """Return ``vulns/1``."""
    return document_of("vulns", reports, options, _vulns)


def _vulns(report: VulnsReport) -> Fields:
    return {
        "image": image_fields(report.image),
        "family": report.family,
        "services": list(report.services),
        "examined": report.examined,
        "end_of_life": report.is_end_of_life,
        "tools": [
            {"name": tool.name, "version": tool.version, "database_date": tool.database_date or None}
            for tool in report.tools
        ],
        "advisories": [_advisory(advisory) for advisory in report.advisories],
    }


def _advisory(advisory: Advisory) -> Fields:
    return {
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "ecosystem": advisory.ecosystem,
        "package": advisory.package,
        "affected": list(advisory.affected),
        "installed": list(advisory.installed),
        "severity": advisory.severity,
        "severity_source": advisory.severity_source or None,
        "ratings": [
            {
                "source": rating.source,
                "severity": rating.severity,
                "score": rating.score,
                "vector": rating.vector or None,
            }
            for rating in advisory.ratings
        ],
        "title": advisory.title,
        "url": advisory.url or None,
        "published": advisory.published or None,
        "modified": advisory.modified or None,
        "cwes": list(advisory.cwes),
        "status": advisory.status or None,
        "fixed_in": list(advisory.fixed_in),
        "epss": advisory.epss,
        "epss_percentile": advisory.epss_percentile,
        "exploited": advisory.is_exploited,
        "vex": [
            {
                "status": statement.status,
                "justification": statement.justification or None,
                "statement": statement.statement or None,
                "source": statement.source,
            }
            for statement in advisory.vex
        ],
        "reach": advisory.reach,
        "reached_by": [
            {
                "service": way.service,
                "level": way.level,
                "location": place_fields(way.location),
                "chain": list(way.chain),
            }
            for way in advisory.reached_by
        ],
        "why_unknown": advisory.why_unknown or None,
        "origins": list(advisory.origins),
        "layers": list(advisory.layers),
        "brought_by": place_fields(advisory.brought_by),
    }

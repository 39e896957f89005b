"""Why an advisory concerns an image, and who reaches what it is on: the answer of ``explain CVE-…``."""

import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.evidence import NodeKind
from fleet_audit.audit.model.report import ExplainReport
from fleet_audit.audit.pipeline.advisories.advising import advise_on
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.explaining import explain
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions

_NAMES = re.compile(
    r"(?i:CVE|GHSA|PYSEC|RUSTSEC)-[0-9A-Za-z-]+|(?:DSA|DLA|USN|GO|ALPINE|TEMP)-[0-9A-Za-z-]+", re.ASCII
)
"""Of the latter, small letters begin the names of packages as well (``alpine-base``)."""


def names_advisory(kind: NodeKind | None, name: str) -> bool:
    """Say whether a question means an advisory: by its kind, or a bare name that is written like one."""
    return kind is NodeKind.ADVISORY or (kind is None and _NAMES.fullmatch(name) is not None)


def explain_advisory(
    question: str, name: str, subject: Subject, shared: Shared, options: TrivyOptions
) -> ExplainReport:
    """Return what an advisory affects in one image, and every service's chain to that.

    `name` may be any of its names, in large or small letters. Where the scanner knows nothing of it there,
    the report has no node; its gaps say whether the scanner could be asked. No archive is asked for packages.
    """
    alone = Shared(msgspec.structs.replace(shared.settings, is_offline=True), shared.fleet)
    advised = advise_on(subject, Together(alone), alone, options)
    asked = name.casefold()
    known = advised.report.advisories
    found = [each for each in known if asked in (own.casefold() for own in (each.id, *each.aliases))]
    if not found:
        return ExplainReport(
            subject=question,
            family=advised.report.family,
            image=advised.report.image,
            gaps=advised.report.gaps,
        )
    report = explain(f"{NodeKind.ADVISORY}:{found[0].id}", advised.analysis)
    facts = tuple(fact for advisory in found for fact in _facts(advisory))
    return msgspec.structs.replace(report, subject=question, facts=facts, gaps=advised.report.gaps)


def _facts(advisory: Advisory) -> Iterator[tuple[str, str]]:
    """Yield pairs of a label and a text, in the order in which somebody would ask."""
    versions = ", ".join(advisory.installed)
    yield "on", f"{advisory.package} {versions} ({', '.join(advisory.affected)})"
    if advisory.title:
        yield "says", advisory.title
    said = ", ".join(f"{each.source} {each.severity}" for each in advisory.ratings)
    every = f" (all: {said})" if len(advisory.ratings) > 1 else ""
    by = f", as {advisory.severity_source} says" if advisory.severity_source else ""
    yield "severity", f"{advisory.severity}{by}{every}"
    fixes = " or ".join(advisory.fixed_in)
    yield "fixed in", fixes or f"nothing yet ({advisory.status.replace('_', ' ') or 'not said'})"
    if advisory.aliases:
        yield "also called", ", ".join(advisory.aliases)
    if advisory.origins:
        yield "brought by", ", ".join(advisory.origins)
    if advisory.brought_by is not None:
        yield "asked for at", str(advisory.brought_by)
    services = ", ".join(way.service for way in advisory.reached_by)
    yield "reach", f"{advisory.reach}{f' by {services}' if services else ''}"
    if advisory.why_unknown:
        yield "not known, as", advisory.why_unknown
    for statement in advisory.vex:
        yield "VEX", " ".join(part for part in (statement.status, statement.justification) if part)
    if advisory.url:
        yield "see", advisory.url

"""What is known to be wrong with an image, and whether its services reach it: the answer of ``vulns``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.model.advisories import Advisory, Catalogue, Reach, ReachedBy, VulnsReport
from fleet_audit.audit.model.evidence import EvidenceGraph
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DistributionName, PackageName, Purl
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.advisories.annotating import NOTHING, Known, annotated
from fleet_audit.audit.pipeline.advisories.reaching import Answer, Reaching, kind_and_name, version_of
from fleet_audit.audit.pipeline.deps.analysis import Analysis
from fleet_audit.audit.pipeline.deps.planning_together import Together
from fleet_audit.audit.pipeline.inventories.documents import told_by
from fleet_audit.audit.pipeline.inventories.readers import CATALOGERS, OWN, Seen
from fleet_audit.audit.pipeline.run.exceptions import today_of
from fleet_audit.audit.pipeline.run.scene import missing_image, open_scene
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.run.subject import Subject
from fleet_audit.audit.pipeline.scanners.trivy_answers import (
    AskedTrivy,
    TrivyOptions,
    catalogue_of_image,
    catalogue_of_packages,
)
from fleet_audit.audit.policy.advisory_facts import SystemFacts
from fleet_audit.audit.policy.advisory_subjects import advisory_subjects, dated, system_subject
from fleet_audit.audit.policy.evaluation import evaluate
from fleet_audit.audit.policy.facts import Subject as PolicySubject
from fleet_audit.audit.policy.part import Part
from fleet_audit.audit.sbom.canonical import SYSTEMS, purl_type
from fleet_audit.audit.sbom.merging import gaps_told, settled
from fleet_audit.audit.sbom.shared_fields import KEPT
from fleet_audit.audit.vulns.asked import askable, not_askable
from fleet_audit.audit.vulns.foreign import packages_listed

OF_PLANS = frozenset(
    {
        GapKind.NO_ARCHIVE_INDEX,
        GapKind.NO_PACKAGE_STATE,
        GapKind.NOT_IN_ARCHIVE,
        GapKind.UNVERIFIED_ARCHIVE,
        GapKind.DISTRUSTED_ARCHIVE,
        GapKind.UNEVALUATED_RULE,
        GapKind.NOT_EXAMINED,
    }
)
"""Gaps of ``deps`` that are of no account for what is loaded: of archives, plans and judgements."""

_MAX_NAMED = 5

_REACHES = (Reach.REACHED, Reach.UNKNOWN, Reach.UNREACHED)
"""What holds for an advisory on several packages: the first of these that holds for one of them."""


class Advised(msgspec.Struct, frozen=True):
    """The report on one image, the evidence with its advisories in it, and what rules judge of them."""

    report: VulnsReport
    analysis: Analysis
    part: Part = Part("vulns")


def advise_on(
    subject: Subject, together: Together, shared: Shared, options: TrivyOptions, known_of_all: Known = NOTHING
) -> Advised:
    """Return the advisories on the subject's image, each with the services that reach it.

    `known_of_all` is what is known of vulnerabilities besides.

    Raises ImageError where an image that is named cannot be opened.
    """
    # Without services nothing is loaded that anybody could tell, and the scanner needs no Python.
    analysis = together.analysis(subject) if subject.services else _bare(subject)
    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        nothing = Catalogue(gaps=() if gap is None else (gap,))
        report, part = _judged(subject, analysis, nothing, shared, known_of_all)
        return Advised(report, analysis, part)
    opened = open_scene(subject.image, shared.settings, python=subject.python)
    # The sooner trivy says its version, the less it takes memory beside the one that looks at the image.
    with AskedTrivy(shared, options) as program, opened as scene:
        if not subject.services:
            analysis = _bare(subject, scene.image.identity, scene.image.gaps)
        seen = Seen(subject, scene, shared)
        read = [cataloger.find(seen) for cataloger in CATALOGERS]
        known = [component for each in read for component in each.components]
        found = catalogue_of_image(scene.image, known, shared, options, program)
        placed = _placed(found.advisories, known, analysis)
        reaching = Reaching(subject, scene, shared, analysis, _packages(placed))
        hosts = {each.purl: each.bundled_in for each in known if each.purl and each.bundled_in}
        advisories = tuple(_reached(each, reaching, hosts) for each in placed)
        graph = reaching.evidence(advisories)
        image = scene.image.identity
    of_image = (gap for gap in analysis.report.gaps if gap.kind not in OF_PLANS)
    own = (gap for each in read for gap in each.gaps)
    gaps = (*of_image, *own, *found.gaps, *_without_packages(image, found))
    whole = msgspec.structs.replace(found, advisories=advisories, gaps=gaps)
    report, part = _judged(subject, analysis, whole, shared, known_of_all)
    report = _noted(msgspec.structs.replace(report, image=image), options)
    return Advised(report, msgspec.structs.replace(analysis, graph=graph), part)


def _without_packages(image: ImageIdentity, found: Catalogue) -> Iterator[Gap]:
    """Yield a gap for an image of a distribution of which not one package was found: silence says nothing."""
    distro = image.distro
    if distro.id and found.tools and not any(purl_type(purl) in SYSTEMS for purl in found.examined):
        why = "none was found: its package database is missing or damaged, or of a kind that is not read"
        yield Gap("vulns", GapKind.NOT_SCANNED, f"packages of {distro.id} {distro.version}".strip(), why)


def _bare(subject: Subject, image: ImageIdentity | None = None, gaps: tuple[Gap, ...] = ()) -> Analysis:
    report = DepsReport(subject=subject.name, family=subject.family, image=image, gaps=gaps)
    return Analysis(report, EvidenceGraph(()))


def advise_on_listed(
    name: str, body: bytes, shared: Shared, options: TrivyOptions, known_of_all: Known = NOTHING
) -> VulnsReport:
    """Return the advisories on what an SBOM lists, in any form that is read; nobody says who loads it.

    One that says of itself that something is missing is a gap. Raises ForeignUnreadable for what is none, and
    SeveralSystems.
    """
    told = told_by(name, body)
    components = tuple(settled([each]) for each in told.components)
    listed = packages_listed(name, components)
    found = catalogue_of_packages(told.subject.name, listed, shared, options)
    why = "an SBOM does not say what services load"
    advisories = tuple(msgspec.structs.replace(each, why_unknown=why) for each in found.advisories)
    subject = Subject(name=told.subject.name, image=None)
    gaps = (*gaps_told(told), *_not_asked(listed), *_unnamed(components), *found.gaps)
    whole = msgspec.structs.replace(found, advisories=advisories, gaps=gaps)
    report, _ = _judged(subject, _bare(subject), whole, shared, known_of_all)
    return _noted(report, options)


def _not_asked(listed: Iterable[Component]) -> Iterator[Gap]:
    """Yield gaps for the packages of a document of which trivy is not asked, or cannot tell anything."""
    every = tuple(listed)
    other = [each.purl for each in not_askable(every) if each.purl]
    why = "advisories on packages of their kind are looked up in an image alone, not from an SBOM"
    yield from _left_out(other, "of another system", why)
    undated = [each.purl for each in askable(every) if each.purl and not version_of(each.purl)]
    yield from _left_out(
        undated, "without a version", "their package URLs do not say which versions they are"
    )


def _unnamed(components: Iterable[Component]) -> Iterator[Gap]:
    """Yield a gap for what a document lists as packages, and not by package URLs."""
    names = [f"{each.name} {each.version}".strip() for each in components if _is_unnamed(each)]
    why = "the document gives them no package URL that can be read, so nobody knows which packages they are"
    yield from _left_out(names, "without a package URL", why)


def _is_unnamed(component: Component) -> bool:
    # Files inside wheels have none: our own readers tell these.
    is_package = component.kind == "library" and not component.bundled_in and OWN not in component.found_by
    is_other = any(name == f"{KEPT}type" for name, _ in component.properties)
    return component.purl is None and is_package and not is_other


def _left_out(names: Sequence[str], what: str, why: str) -> Iterator[Gap]:
    if names:
        named = ", ".join(names[:_MAX_NAMED]) + ("" if len(names) <= _MAX_NAMED else ", …")
        counted = f"{len(names)} package{'' if len(names) == 1 else 's'} {what}"
        yield Gap("vulns", GapKind.NOT_SCANNED, counted, f"{why}: {named}")


def _judged(
    subject: Subject, analysis: Analysis, found: Catalogue, shared: Shared, known_of_all: Known
) -> tuple[VulnsReport, Part]:
    """Return the report, and what it was judged by: without ages, which are of the day of judging."""
    family = subject.family or ""
    image = analysis.report.image
    names = [subject.name, family, *(() if image is None else (image.ref.name, image.ref.digest or ""))]
    told = annotated(found.advisories, known_of_all, [name for name in names if name])
    services = tuple(service.name for service in subject.services)
    advised = advisory_subjects(told.advisories, family=family, fallback=subject.location)
    systems = _system(found, shared, SystemFacts(services=services, family=family), subject.location)
    part = Part("vulns", (*systems, *advised))
    subjects = dated(part.subjects, today_of(shared.settings))
    judgement = evaluate(shared.rules, subjects, exemptions=shared.exemptions)
    report = VulnsReport(
        subject=subject.name,
        findings=judgement.findings,
        gaps=shared.rules.settled((*found.gaps, *judgement.gaps)),
        policy=shared.rules.summary(),
        family=subject.family,
        image=image,
        services=services,
        advisories=told.advisories,
        examined=len(found.examined),
        is_end_of_life=found.is_end_of_life,
        tools=(*found.tools, *known_of_all.tools),
        notes=told.notes,
    )
    return report, part


def _system(
    found: Catalogue, shared: Shared, facts: SystemFacts, place: SourceLocation | None
) -> Iterator[PolicySubject]:
    """Yield the subject of the distribution that an image is made of, where that is known."""
    if found.system and found.is_end_of_life is not None:
        name, _, version = found.system.partition(" ")
        day = shared.knowledge.support_end(name, version)
        known = msgspec.structs.replace(
            facts,
            name=found.system,
            is_end_of_life=found.is_end_of_life,
            # A scanner whose dates are others than ours is not contradicted.
            last_updates=day if day < shared.settings.created else "",
        )
        yield system_subject(known, place)


def _noted(report: VulnsReport, options: TrivyOptions) -> VulnsReport:
    """Return the report with a note for each preferred source that rates nothing: it may be misspelt."""
    heard = {rating.source for advisory in report.advisories for rating in advisory.ratings}
    unheard = [each for each in options.severity_sources if heard and each not in heard]
    notes = (f"no advisory is rated by {each}, only by {', '.join(sorted(heard))}" for each in unheard)
    return msgspec.structs.replace(report, notes=(*report.notes, *notes))


def _packages(advisories: Iterable[Advisory]) -> frozenset[PackageName]:
    named = (kind_and_name(purl) for advisory in advisories for purl in advisory.affected)
    return frozenset(PackageName(name) for kind, name in named if kind == "deb")


def _reached(advisory: Advisory, reaching: Reaching, hosts: Mapping[Purl, str]) -> Advisory:
    """Return the advisory with the word on whichever of its packages is nearest to being reached.

    `hosts` are the packages that carry others along.
    """
    answers = [_answer(purl, reaching, hosts) for purl in advisory.affected]
    nearest = min((answer.reach for answer in answers), key=_REACHES.index, default=Reach.UNKNOWN)
    of_nearest = [answer for answer in answers if answer.reach is nearest]
    ways: dict[str, ReachedBy] = {}
    for answer in of_nearest:
        for way in answer.reached_by:
            known = ways.get(way.service)
            if known is None or (way.level, len(way.chain)) < (known.level, len(known.chain)):
                ways[way.service] = way
    return msgspec.structs.replace(
        advisory,
        reach=nearest,
        reached_by=tuple(ways[name] for name in sorted(ways)),
        why_unknown=next((answer.why_unknown for answer in of_nearest), ""),
    )


def _answer(purl: Purl, reaching: Reaching, hosts: Mapping[Purl, str]) -> Answer:
    kind, name = kind_and_name(purl)
    if kind not in ("deb", "pypi") and (host := hosts.get(purl)):
        answer = _answer(Purl(host), reaching, {})
        if answer.reach is not Reach.REACHED:
            return answer
        who = ", ".join(way.service for way in answer.reached_by)
        why = (
            f"it is built into {kind_and_name(Purl(host))[1]}, which {who} reach; not every part of that runs"
        )
        return Answer(Reach.UNKNOWN, answer.reached_by, why)
    if kind == "deb":
        return reaching.package(PackageName(name))
    if kind == "pypi":
        return reaching.distribution(DistributionName(name), version_of(purl))
    why = f"what loads packages of the kind {kind} is not looked at"
    return Answer(Reach.UNKNOWN, why_unknown=why)


def _placed(
    advisories: Iterable[Advisory], known: Iterable[Component], analysis: Analysis
) -> tuple[Advisory, ...]:
    """Return advisories with who brought what they are on: family, layer, and the line that asks for it."""
    by_purl = {component.purl: component for component in known if component.purl}
    lines = dict(_lines(analysis))
    return tuple(_with_origin(advisory, by_purl, lines) for advisory in advisories)


def _with_origin(
    advisory: Advisory,
    by_purl: Mapping[Purl, Component],
    lines: Mapping[tuple[str, str], SourceLocation],
) -> Advisory:
    components = [by_purl[purl] for purl in advisory.affected if purl in by_purl]
    asked = (lines.get(kind_and_name(purl)) for purl in advisory.affected)
    return msgspec.structs.replace(
        advisory,
        origins=tuple(sorted({each.origin for each in components if each.origin})),
        layers=tuple(sorted({each.layer for each in components if each.layer})),
        brought_by=next((line for line in asked if line is not None), None),
    )


def _lines(analysis: Analysis) -> Iterator[tuple[tuple[str, str], SourceLocation]]:
    """Yield the lines of the repository that ask for packages and distributions."""
    if analysis.use is not None:
        for name, brought in analysis.use.known.brought.items():
            if brought.dockerfile is not None:
                yield ("deb", name), brought.dockerfile
    for service in reversed(analysis.services):
        for required in reversed(service.requirements):
            if not required.is_constraint:
                yield ("pypi", required.name), required.location

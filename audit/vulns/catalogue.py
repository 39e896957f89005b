"""What trivy found, as one list of advisories: each source package and advisory once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.model.advisories import Advisory, Catalogue
from fleet_audit.audit.model.identity import Purl, distribution_name
from fleet_audit.audit.tools.trivy import (
    TrivyIdentifier,
    TrivyPackage,
    TrivyReport,
    TrivyResult,
    TrivyVulnerability,
)
from fleet_audit.audit.vulns.severity import decisive, rank, ratings_of, worst_first

Canonical = Callable[[str], Purl | None]
"""Gives the canonical form of a package URL, None for what is none."""

_OF_SYSTEM = "os-pkgs"
_SYSTEMS = ("pkg:deb/", "pkg:rpm/", "pkg:apk/")
_CVE = "CVE-"
_STATUSES = ("affected", "fix_deferred", "will_not_fix", "end_of_life", "under_investigation", "fixed")
"""trivy-db's words (its types.Statuses); where packages of one source differ, the first of these holds."""


class _Hit(msgspec.Struct, frozen=True):
    """One advisory on one installed package."""

    vulnerability: TrivyVulnerability
    package: TrivyPackage
    purl: Purl
    is_of_system: bool


def catalogue(report: TrivyReport, canonical: Canonical, preferred: Sequence[str] = ()) -> Catalogue:
    """Return the advisories of a report, sorted by severity, then by key, and the packages it looked at.

    Whose severity counts is said in `decisive`, with the sources that are `preferred`.
    Advisories are grouped by ecosystem, source package and id. What has no package URL is left out of
    `examined`: nobody can say that it was looked at.
    """
    results = report.results or ()
    groups: defaultdict[tuple[str, str, str], list[_Hit]] = defaultdict(list)
    examined: set[Purl] = set()
    passed_over = set(not_judged(report, canonical))
    for result in results:
        examined.update(_purls(result, canonical))
        for hit in _hits(result, canonical):
            groups[_key(hit)].append(hit)
    system = report.metadata.os
    distribution = "" if system is None else system.family
    advisories = [_advisory(key, hits, distribution, preferred) for key, hits in groups.items()]
    return Catalogue(
        advisories=in_order(advisories),
        examined=tuple(sorted(examined - passed_over)),
        system="" if system is None else f"{system.family} {system.name}".strip(),
        is_end_of_life=None if system is None else system.is_end_of_life,
    )


def in_order(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Return advisories with the worst first, then by ecosystem, package and id."""
    return tuple(sorted(advisories, key=lambda each: (-rank(each.severity), each.key)))


def not_judged(report: TrivyReport, canonical: Canonical) -> tuple[Purl, ...]:
    """Return the packages that trivy lists and holds no advisories against: those of other systems.

    Wheels say so of libraries that were copied into them, on whatever system they were built.
    """
    system = report.metadata.os
    family = "" if system is None else system.family
    listed = {purl for result in report.results or () for purl in _purls(result, canonical)}
    own = tuple(f"{kind}{family}/" for kind in _SYSTEMS)
    if family and not any(purl.startswith(own) for purl in listed):
        # A distribution that goes by another name in package URLs.
        return ()
    # trivy counts them among the system's own packages where a wheel's SBOM lists them.
    return tuple(sorted(p for p in listed if p.startswith(_SYSTEMS) and not p.startswith(own)))


def joined(first: Catalogue, second: Catalogue) -> Catalogue:
    """Return what two answers on parts of one image come to; of the same advisory, both parts are affected.

    What is said of the operating system is the first one's.
    """
    advisories = {each.key: each for each in second.advisories}
    for each in first.advisories:
        other = advisories.get(each.key)
        advisories[each.key] = each if other is None else _both(each, other)
    return Catalogue(
        advisories=in_order(advisories.values()),
        examined=tuple(sorted({*first.examined, *second.examined})),
        system=first.system,
        is_end_of_life=first.is_end_of_life,
        tools=tuple(dict.fromkeys((*first.tools, *second.tools))),
        gaps=tuple(dict.fromkeys((*first.gaps, *second.gaps))),
    )


def _both(first: Advisory, second: Advisory) -> Advisory:
    return msgspec.structs.replace(
        first,
        affected=tuple(sorted({*first.affected, *second.affected})),
        installed=tuple(sorted({*first.installed, *second.installed})),
        fixed_in=tuple(dict.fromkeys((*first.fixed_in, *second.fixed_in))),
    )


def _purls(result: TrivyResult, canonical: Canonical) -> Iterator[Purl]:
    for package in result.packages or ():
        purl = canonical(package.identifier.purl)
        if purl is not None:
            yield purl


def _hits(result: TrivyResult, canonical: Canonical) -> Iterator[_Hit]:
    packages = _by_name(result.packages or ())
    for vulnerability in result.vulnerabilities or ():
        names = _names(vulnerability.pkg_identifier, vulnerability.pkg_id)
        package = next((packages[name] for name in names if name in packages), None)
        if package is None:
            package = TrivyPackage(vulnerability.pkg_name, identifier=vulnerability.pkg_identifier)
        purl = canonical(package.identifier.purl) or canonical(vulnerability.pkg_identifier.purl)
        # An advisory is never dropped for want of a name: what it stands for is told as trivy does.
        fallback = Purl(f"pkg:generic/{vulnerability.pkg_name}@{vulnerability.installed_version}")
        yield _Hit(vulnerability, package, purl or fallback, result.class_ == _OF_SYSTEM)


def _by_name(packages: Sequence[TrivyPackage]) -> Mapping[tuple[str, str], TrivyPackage]:
    return {name: package for package in packages for name in _names(package.identifier, package.id)}


def _names(identifier: TrivyIdentifier, id_: str) -> Iterator[tuple[str, str]]:
    """Yield what a package is known by within one result, the surest first."""
    named = (("uid", identifier.uid), ("ref", identifier.bom_ref), ("purl", identifier.purl), ("id", id_))
    return ((kind, name) for kind, name in named if name)


def _key(hit: _Hit) -> tuple[str, str, str]:
    ecosystem = hit.purl.removeprefix("pkg:").partition("/")[0]
    name = hit.package.src_name or hit.package.name
    if ecosystem == "pypi":
        name = distribution_name(name)
    return ecosystem, name, _identifier(hit.vulnerability)


def _identifier(vulnerability: TrivyVulnerability) -> str:
    names = (vulnerability.vulnerability_id, *(vulnerability.vendor_ids or ()))
    return min((name for name in names if name.startswith(_CVE)), default=names[0])


def _advisory(
    key: tuple[str, str, str], hits: Sequence[_Hit], distribution: str, preferred: Sequence[str]
) -> Advisory:
    ecosystem, package, id_ = key
    first = min(hits, key=lambda hit: (hit.purl, hit.vulnerability.vulnerability_id)).vulnerability
    ratings = worst_first(rating for hit in hits for rating in ratings_of(hit.vulnerability))
    decided = decisive(ratings, distribution if hits[0].is_of_system else "", preferred)
    names = {name for hit in hits for name in (hit.vulnerability.vulnerability_id, *_vendor_ids(hit))}
    return Advisory(
        id=id_,
        package=package,
        ecosystem=ecosystem,
        affected=tuple(sorted({hit.purl for hit in hits})),
        installed=tuple(sorted({hit.vulnerability.installed_version for hit in hits})),
        aliases=tuple(sorted(names - {id_})),
        title=first.title or first.description.partition("\n")[0],
        url=first.primary_url,
        published=first.published_date,
        modified=first.last_modified_date,
        severity=first.severity.lower() or "unknown" if decided is None else decided.severity,
        severity_source=first.severity_source if decided is None else decided.source,
        ratings=ratings,
        cwes=tuple(sorted({cwe for hit in hits for cwe in hit.vulnerability.cwe_ids or ()})),
        fixed_in=_fixes(hits),
        status=_status(hits),
    )


def _vendor_ids(hit: _Hit) -> tuple[str, ...]:
    return hit.vulnerability.vendor_ids or ()


def _fixes(hits: Iterable[_Hit]) -> tuple[str, ...]:
    """Return the versions that mend it: trivy writes several as one text, or as a list."""
    found: dict[str, None] = {}
    for hit in hits:
        stated = hit.vulnerability.fixed_version or ()
        for text in (stated,) if isinstance(stated, str) else stated:
            found.update(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    return tuple(found)


def _status(hits: Iterable[_Hit]) -> str:
    stated = {hit.vulnerability.status for hit in hits}
    return next((status for status in _STATUSES if status in stated), min(stated, default=""))

"""What waivers say of vulnerabilities, for those who use the images: VEX statements.

A waiver on an advisory says why that does not matter, or what is done about it. Its scope has to be in the
statement: what is said of one image must not be heard of every image that has the package.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.vex import VexClaim, VexProduct
from fleet_audit.audit.model.waiver import Waiver, WaiverState
from fleet_audit.audit.policy.waivers import state_of

_SAID_IN_VEX = frozenset({"vuln", "purl"})
_PATTERN = frozenset("*?[")
_NAMELESS = "image"
_NO_ADVISORY = "names no vulnerability (match.vuln)"


class Claims(msgspec.Struct, frozen=True):
    """Statements in order, and the ids of waivers of which none can be made, each with the reason."""

    claims: tuple[VexClaim, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def claims_of_audits(
    waivers: Sequence[Waiver], audits: Iterable[AuditReport], today: date, registry: str = ""
) -> Claims:
    """Return what waivers say of the images of audits, which were judged with them.

    A statement holds for the very images and packages whose findings the waiver speaks for. `registry` is
    where the images are published.
    """
    known = {waiver.id: waiver for waiver in waivers}
    found: defaultdict[tuple[str, str], set[VexProduct]] = defaultdict(set)
    aliases: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for audit in audits:
        product = _image_purl(audit.subject, _digest(audit), registry)
        for finding in audit.findings:
            waiver = known.get(finding.waived_by)
            names = _of(finding, "vuln")
            if waiver is None or not waiver.matched("vuln") or not names:
                continue
            key = (_best(names, waiver), waiver.id)
            # A waiver names every package that a finding is about, or none.
            found[key].add(VexProduct(product, tuple(sorted(_of(finding, "purl")))))
            aliases[key].update(names)
    said = {waiver for _, waiver in found}
    return Claims(
        tuple(sorted(_claim(known[w], v, found[v, w], aliases[v, w]) for v, w in found)),
        tuple(_left_out(waivers, said, today, {}, "names no finding of any stored audit")),
    )


def claims_alone(waivers: Sequence[Waiver], today: date, registry: str = "") -> Claims:
    """Return what waivers say by themselves: those alone whose every word a statement can hold."""
    claims = []
    why: dict[str, str] = {}
    for waiver in waivers:
        if state_of(waiver, today) is not WaiverState.ACTIVE or not waiver.matched("vuln"):
            continue
        if reason := _needs_audits(waiver):
            why[waiver.id] = f"{reason}; give --audits DIR"
            continue
        products = _products_alone(waiver, registry)
        claims += [_claim(waiver, name, products, (name,)) for name in waiver.matched("vuln")]
    said = {claim.waiver for claim in claims}
    return Claims(tuple(sorted(claims)), tuple(_left_out(waivers, said, today, why, "")))


def _needs_audits(waiver: Waiver) -> str:
    """Say which word of a waiver no statement can hold; empty where there is none."""
    if others := sorted({key for key, _ in waiver.match} - _SAID_IN_VEX):
        return f"no statement can say {' and '.join(others)}"
    if not _PATTERN.isdisjoint(waiver.image) or (waiver.package_set and not waiver.digest):
        return "which images its scope means is known from audits alone"
    if waiver.digest and not waiver.image:
        return "its image has a digest and no name"
    if waiver.image and not _last_part(waiver.image):
        return "its image has a name that no URL can hold"
    return "" if waiver.image or waiver.matched("purl") else "it names neither a package nor an image"


def _products_alone(waiver: Waiver, registry: str) -> list[VexProduct]:
    purls = waiver.matched("purl")
    if not waiver.image:
        return [VexProduct(purl) for purl in purls]
    return [VexProduct(_image_purl(waiver.image, waiver.digest or "", registry), purls)]


def _left_out(
    waivers: Iterable[Waiver], said: set[str], today: date, why: Mapping[str, str], otherwise: str
) -> Iterator[tuple[str, str]]:
    for waiver in sorted(waivers, key=lambda each: each.id):
        if waiver.id in said:
            continue
        state = state_of(waiver, today)
        if not waiver.matched("vuln"):
            yield waiver.id, _NO_ADVISORY
        elif state is not WaiverState.ACTIVE:
            ended = f"expired on {waiver.expires}" if state is WaiverState.EXPIRED else ""
            yield waiver.id, ended or f"begins on {waiver.created}"
        else:
            yield waiver.id, why.get(waiver.id, otherwise)


def _claim(
    waiver: Waiver, vulnerability: str, products: Iterable[VexProduct], names: Iterable[str]
) -> VexClaim:
    is_harmless = bool(waiver.justification)
    until = f"accepted until {waiver.expires}: {waiver.reason}"
    approved = f", approved by {waiver.approved_by}" if waiver.approved_by else ""
    ticket = f" ({waiver.ticket})" if waiver.ticket else ""
    return VexClaim(
        vulnerability=vulnerability,
        waiver=waiver.id,
        status="not_affected" if is_harmless else "affected",
        why=waiver.reason if is_harmless else until,
        since=waiver.created,
        products=tuple(sorted(set(products))),
        aliases=tuple(sorted({*names} - {vulnerability})),
        justification=waiver.justification,
        notes=f"{waiver.id} by {waiver.owner}{approved}, until {waiver.expires}{ticket}",
    )


def _best(names: Sequence[str], waiver: Waiver) -> str:
    """Return the name that a vulnerability is known by: its CVE's, else the one that the waiver uses."""
    cves = [name for name in names if name.startswith("CVE-")]
    return next(iter((*cves, *(name for name in names if name in waiver.matched("vuln")))), names[0])


def _of(finding: Finding, key: str) -> list[str]:
    return [value for name, value in finding.matter if name == key]


def _digest(audit: AuditReport) -> str:
    return (audit.image.ref.digest or "") if audit.image is not None else ""


def _image_purl(name: str, digest: str, registry: str) -> str:
    """Return the URL of an image (purl specification, type ``oci``): a name without a registry in it."""
    last = _last_part(name) or _NAMELESS
    where = {"repository_url": f"{registry}/{last}".lower()} if registry else {}
    return PackageURL(type="oci", name=last, version=digest or None, qualifiers=where).to_string()


def _last_part(name: str) -> str:
    """Return what an image is called, without registry, tag and digest; empty where nothing is left."""
    return name.rpartition("/")[2].partition("@")[0].partition(":")[0].strip()

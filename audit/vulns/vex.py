"""What others say of vulnerabilities in their products: OpenVEX and CycloneDX documents, read alike."""

from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote

import msgspec
from packageurl import PackageURL

from fleet_audit.audit.model.advisories import Advisory, VexStatement
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.vulns.scores import MAX_INPUT_BYTES, InputUnreadable

Canonical = Callable[[str], Purl | None]

STATUSES = ("not_affected", "affected", "fixed", "under_investigation")
"""The words of OpenVEX (specification 0.2.0, "Status Labels")."""

_OF_STATES = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under_investigation",
    "false_positive": "not_affected",
    "not_affected": "not_affected",
}
"""CycloneDX's states of analysis (1.4 to 1.6) in these words."""

_CLOSING = ("not_affected", "fixed")
_CDX_URN = "urn:cdx:"
_IMAGES = ("oci", "docker")
"""Types of package URLs that name images."""


class Statement(msgspec.Struct, frozen=True):
    """One statement on one vulnerability; `products` are URLs of packages, of any version without one.

    Where `within` is not empty, it holds only within these images or products; without `products`, for
    whatever package is in them.
    """

    names: tuple[str, ...]
    products: tuple[str, ...]
    said: VexStatement
    within: tuple[str, ...] = ()
    timestamp: str = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    id_: str = msgspec.field(default="", name="@id")
    aliases: tuple[str, ...] = ()


class _Component(msgspec.Struct, frozen=True):
    id_: str = msgspec.field(default="", name="@id")
    identifiers: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        purl = self.identifiers.get("purl", "")
        return tuple(name for name in (purl, self.id_) if name)[:1]


class _Product(_Component, frozen=True):
    subcomponents: tuple[_Component, ...] = ()


class _OpenVexStatement(msgspec.Struct, frozen=True):
    vulnerability: _Named | str
    status: str
    products: tuple[_Product | str, ...] = ()
    justification: str = ""
    impact_statement: str = ""
    action_statement: str = ""
    status_notes: str = ""
    timestamp: str = ""


class _OpenVex(msgspec.Struct, frozen=True):
    statements: tuple[_OpenVexStatement, ...]
    timestamp: str = ""


class _Analysis(msgspec.Struct, frozen=True):
    state: str = ""
    justification: str = ""
    detail: str = ""


class _Affects(msgspec.Struct, frozen=True):
    ref: str


class _Vulnerability(msgspec.Struct, frozen=True):
    id: str = ""
    references: tuple[_Named, ...] = ()
    analysis: _Analysis | None = None
    affects: tuple[_Affects, ...] = ()


class _Listed(msgspec.Struct, frozen=True):
    bom_ref: str = msgspec.field(default="", name="bom-ref")
    purl: str = ""


class _Bom(msgspec.Struct, frozen=True):
    vulnerabilities: tuple[_Vulnerability, ...] = ()
    components: tuple[_Listed, ...] = ()


class _Kind(msgspec.Struct, frozen=True):
    context: str | None = msgspec.field(default=None, name="@context")
    bom_format: str = msgspec.field(default="", name="bomFormat")
    spec_version: str = msgspec.field(default="", name="specVersion")


def parse_vex(name: str, body: bytes) -> tuple[Statement, ...]:
    """Return the statements of an OpenVEX (0.2) or CycloneDX (1.4 to 1.6) document, in their order.

    Raises InputUnreadable, also for a status that neither knows and for ``not_affected`` without a reason
    (OpenVEX 0.2.0: one of justification and impact_statement must be there).
    """
    if len(body) > MAX_INPUT_BYTES:
        raise InputUnreadable(name, f"it has more than {MAX_INPUT_BYTES} bytes")
    try:
        kind = msgspec.json.decode(body, type=_Kind)
        if kind.context is not None and "openvex.dev/ns" in kind.context:
            return tuple(_of_openvex(name, msgspec.json.decode(body, type=_OpenVex)))
        if kind.bom_format == "CycloneDX" and kind.spec_version in ("1.4", "1.5", "1.6"):
            return tuple(_of_cyclonedx(name, msgspec.json.decode(body, type=_Bom)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise InputUnreadable(name, f"it is no VEX document: {e}") from e
    raise InputUnreadable(name, "it is neither OpenVEX nor CycloneDX 1.4 to 1.6")


def _of_openvex(name: str, document: _OpenVex) -> Iterator[Statement]:
    for number, each in enumerate(document.statements, start=1):
        if each.status not in STATUSES:
            words = f"statement {number}: {each.status!r} is not one of {', '.join(STATUSES)}"
            raise InputUnreadable(name, words)
        if each.status == "not_affected" and not (each.justification or each.impact_statement):
            raise InputUnreadable(name, f"statement {number}: not_affected without a justification")
        of = each.vulnerability
        names = (of,) if isinstance(of, str) else (of.name, of.id_, *of.aliases)
        text = each.impact_statement or each.action_statement or each.status_notes
        said = VexStatement(each.status, each.justification, text, name)
        when = each.timestamp or document.timestamp
        for product in each.products:
            whole = _Product(product) if isinstance(product, str) else product
            parts = tuple(part for sub in whole.subcomponents for part in sub.names)
            if parts or any(map(_is_image, whole.names)):
                yield Statement(_present(names), parts, said, whole.names, when)
            else:
                yield Statement(_present(names), whole.names, said, (), when)


def _of_cyclonedx(name: str, document: _Bom) -> Iterator[Statement]:
    purls = {each.bom_ref: each.purl for each in document.components if each.bom_ref and each.purl}
    for each in document.vulnerabilities:
        if each.analysis is None or not each.analysis.state:
            continue
        status = _OF_STATES.get(each.analysis.state)
        if status is None:
            words = f"{each.id}: {each.analysis.state!r} is not one of {', '.join(_OF_STATES)}"
            raise InputUnreadable(name, words)
        said = VexStatement(status, each.analysis.justification, each.analysis.detail, name)
        products = (_referred(affected.ref, purls) for affected in each.affects)
        yield Statement(_present((each.id, *(r.name for r in each.references))), _present(products), said)


def _referred(ref: str, purls: dict[str, str]) -> str:
    """Return the package URL that a ref means: its own, that of a component, or the end of a BOM-Link."""
    if ref.startswith(_CDX_URN):
        ref = unquote(ref.partition("#")[2])
    return purls.get(ref, ref)


def _present(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))


def statements_on(
    advisory: Advisory, statements: Iterable[Statement], canonical: Canonical, subject: Iterable[str]
) -> tuple[Statement, ...]:
    """Return the statements that hold for an advisory, of each document the newest for these packages.

    One that closes the matter (``not_affected``, ``fixed``) has to cover every affected package; another need
    cover one. `subject` are the names and digests of the image, for what is said only of an image.
    """
    names = {advisory.id, *advisory.aliases}
    whole = set(subject)
    found: dict[str, Statement] = {}
    for each in statements:
        if names.isdisjoint(each.names) or not _is_within(each, whole):
            continue
        covered = [_covers(each, purl, advisory.package, canonical) for purl in advisory.affected]
        if not (all(covered) if each.said.status in _CLOSING else any(covered)):
            continue
        known = found.get(each.said.source)
        if known is None or each.timestamp >= known.timestamp:
            found[each.said.source] = each
    return tuple(found[source] for source in sorted(found))


def _is_image(name: str) -> bool:
    url = _url(name)
    return url is not None and url.type in _IMAGES


def _is_within(statement: Statement, subject: set[str]) -> bool:
    if not statement.within:
        return True
    parts = {part for name in statement.within for part in _names_of_image(name)}
    return not subject.isdisjoint(parts)


def _names_of_image(name: str) -> Iterator[str]:
    yield name
    url = _url(name)
    if url is not None and url.type in _IMAGES:
        yield from (part for part in (url.version, None if url.version else url.name) if part)


def _covers(statement: Statement, purl: Purl, source: str, canonical: Canonical) -> bool:
    if statement.within and not statement.products:
        return True
    installed = _url(purl)
    return installed is not None and any(
        _is_same(stated, installed, source, canonical) for stated in statement.products
    )


def _is_same(stated: str, installed: PackageURL, source: str, canonical: Canonical) -> bool:
    """Say whether a stated URL means an installed package; one without version or architecture means any."""
    purl = canonical(stated)
    url = None if purl is None else _url(purl)
    if url is None or (url.type, url.namespace) != (installed.type, installed.namespace):
        return False
    arch, own = _arch(url), _arch(installed)
    is_of_source = url.name == source and arch in ("", "source")
    if url.name != installed.name and not is_of_source:
        return False
    if url.version and url.version != installed.version:
        return False
    return is_of_source or not arch or arch == own


def _arch(url: PackageURL) -> str:
    return url.qualifiers.get("arch", "")


def _url(text: str) -> PackageURL | None:
    try:
        return PackageURL.from_string(text)
    except ValueError:
        return None

"""One form of package URL for one package, whoever wrote it down (purl specification, ECMA-427)."""

from functools import lru_cache

from packageurl import PackageURL

from fleet_audit.audit.model.identity import Purl, distribution_name

_SAID_ELSEWHERE = frozenset(
    {
        "checksum",
        "distro",
        "distro_name",
        "distro_version",
        "download_url",
        "epoch",
        "file_name",
        "package-id",
        "upstream",
        "vcs_url",
    }
)
"""Qualifiers that some tools add and others do not, to the same package."""


SYSTEMS = frozenset({"alpm", "apk", "deb", "rpm"})
"""Types of URLs of packages of whole systems, whose vendor is in the URL's namespace."""


@lru_cache(maxsize=65536)
def canonical_purl(text: str) -> Purl | None:
    """Return the canonical form of a package URL; None for what is none.

    An epoch stands in the version, as dpkg and rpm write it; names of Python distributions are normalised
    (PEP 503); qualifiers that scanners add each in their own way are left out, and so is a subpath.
    """
    try:
        url = PackageURL.from_string(text)
    except ValueError:
        return None
    given = dict(url.qualifiers)
    version, epoch = url.version or "", given.get("epoch", "")
    if epoch and epoch != "0" and not version.startswith(f"{epoch}:"):
        version = f"{epoch}:{version}"
    kept = {key: value for key, value in sorted(given.items()) if key not in _SAID_ELSEWHERE}
    name = distribution_name(url.name) if url.type == "pypi" else url.name
    whole = PackageURL(
        type=url.type, namespace=url.namespace, name=name, version=version or None, qualifiers=kept
    )
    return Purl(whole.to_string())


def system_of(purl: Purl | str) -> str:
    """Return which system's package a canonical URL names (``debian``, ``alpine``); empty for any other.

    ELF files may bear a note on the package that they were built for; scanners make URLs without a system of
    it, which are of no installed package.
    """
    parts = purl.removeprefix("pkg:").partition("@")[0].split("/")
    return parts[1] if parts[0] in SYSTEMS and len(parts) == 3 else ""


def purl_type(purl: Purl | str) -> str:
    """Return what sort of package a canonical URL names: ``deb``, ``pypi`` and so on."""
    return purl.removeprefix("pkg:").partition("/")[0]

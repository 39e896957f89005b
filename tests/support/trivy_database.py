"""A small vulnerability database for trivy that is true: each fact names where it can be looked up.

The schema is that of trivy-db, version 2: a bucket per source of advisories, in it one per source package (or
distribution), in it advisories; beside them what is known of each vulnerability, by all who rate it. Debian's
facts are of its security tracker for bookworm, as of autumn 2026, and versions that mend something are those
of the packages' own changelogs (changelog.Debian.gz in usr/share/doc); those of PyPI and of crates are of
GitHub's advisories.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.support.bolt import Bucket, bolt_file

MADE = datetime(2026, 11, 1, tzinfo=UTC)
"""The day from which the facts are, and which the database bears where a test says nothing else."""

_FAR_AWAY = datetime(2099, 1, 1, tzinfo=UTC)
_LOW, _MEDIUM, _HIGH, _CRITICAL = 1, 2, 3, 4
_AFFECTED, _WILL_NOT_FIX = 2, 5
_EVERYTHING_REMOTELY = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
_EVERYTHING_ON_OPENING = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"

DEBIAN = "debian 12"
PYPI = "pip::GitHub Security Advisory Pip"
CARGO = "cargo::GitHub Security Advisory Rust"
"""Wheels that are built with Rust list the crates in them."""

_DEBIAN: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    # Debian security tracker, CVE-2023-45853 (bookworm builds no minizip of it)
    "zlib": {
        "CVE-2023-45853": {"Status": _WILL_NOT_FIX},
        # Debian security tracker, CVE-2026-27171
        "CVE-2026-27171": {"Status": _AFFECTED},
    },
    # Debian security tracker, CVE-2026-41992
    "gzip": {"CVE-2026-41992": {"Status": _AFFECTED}},
    # Debian security tracker, CVE-2023-2953
    "openldap": {"CVE-2023-2953": {"Status": _AFFECTED}},
    # Debian security tracker, CVE-2025-69720
    "ncurses": {"CVE-2025-69720": {"Status": _AFFECTED}},
    # Debian security tracker, CVE-2011-4116 (unimportant)
    "perl": {"CVE-2011-4116": {"Status": _AFFECTED, "Severity": _LOW}},
    # Debian security tracker, DSA-5497-1 (DSA-5497-2 is bullseye's); changelog of libwebp7
    "libwebp": {"CVE-2023-4863": {"FixedVersion": "1.2.4-0.2+deb12u1", "VendorIDs": ["DSA-5497-1"]}},
    # Debian security tracker, DSA-5532-1; changelog of libssl3
    "openssl": {"CVE-2023-5363": {"FixedVersion": "3.0.11-1~deb12u2", "VendorIDs": ["DSA-5532-1"]}},
    # Debian security tracker, CVE-2023-4641; changelog of login
    "shadow": {"CVE-2023-4641": {"FixedVersion": "1:4.13+dfsg1-1+deb12u1"}},
    # Debian security tracker, DSA-5514-1; changelog of libc6
    "glibc": {"CVE-2023-4911": {"FixedVersion": "2.36-9+deb12u3", "VendorIDs": ["DSA-5514-1"]}},
}

_OPENCV = {
    # https://github.com/advisories/GHSA-qr4w-53vh-m672
    "CVE-2023-4863": ("GHSA-qr4w-53vh-m672", "4.8.1.78")
}
_PYPI: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "torch": {
        # https://github.com/advisories/GHSA-53q9-r3pm-6pq6
        "CVE-2025-32434": ("GHSA-53q9-r3pm-6pq6", "2.6.0"),
        # https://github.com/advisories/GHSA-63cw-57p8-fm3p
        "CVE-2026-24747": ("GHSA-63cw-57p8-fm3p", "2.10.0"),
    },
    "pillow": {
        # https://github.com/advisories/GHSA-j7hp-h8jx-5ppr
        "CVE-2023-4863": ("GHSA-j7hp-h8jx-5ppr", "10.0.1"),
        # https://github.com/advisories/GHSA-3f63-hfp8-52jq
        "CVE-2023-50447": ("GHSA-3f63-hfp8-52jq", "10.2.0"),
        # https://github.com/advisories/GHSA-44wm-f244-xhp3
        "CVE-2024-28219": ("GHSA-44wm-f244-xhp3", "10.3.0"),
    },
    "opencv-python": _OPENCV,
    "opencv-python-headless": _OPENCV,
    # https://github.com/advisories/GHSA-cx63-2mw6-8hw5
    "setuptools": {"CVE-2024-6345": ("GHSA-cx63-2mw6-8hw5", "70.0.0")},
    # https://github.com/advisories/GHSA-h5c8-rqwp-cp95
    "jinja2": {"CVE-2024-22195": ("GHSA-h5c8-rqwp-cp95", "3.1.3")},
}
_CARGO: Mapping[str, Mapping[str, tuple[str, str]]] = {
    # https://github.com/advisories/GHSA-m5pq-gvj9-9vr8
    "regex": {"CVE-2022-24713": ("GHSA-m5pq-gvj9-9vr8", "1.5.5")},
}
"""By distribution and CVE, the id at GitHub and the version that mends it; every earlier one is affected."""

_VULNERABILITIES: Mapping[str, Mapping[str, object]] = {
    # https://nvd.nist.gov/vuln/detail/CVE-2023-45853
    "CVE-2023-45853": {
        "Title": "zlib: integer overflow and heap overflow in zipOpenNewFileInZip4_64 of minizip",
        "CweIDs": ["CWE-190"],
        "VendorSeverity": {"nvd": _CRITICAL},
        "CVSS": {"nvd": {"V3Vector": _EVERYTHING_REMOTELY, "V3Score": 9.8}},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2026-27171
    "CVE-2026-27171": {
        "Title": "zlib: endless loop in crc32_combine",
        "VendorSeverity": {"nvd": _MEDIUM},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2026-41992
    "CVE-2026-41992": {
        "Title": "gzip: information disclosure through a buffer overflow",
        "VendorSeverity": {"nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2022-24713
    "CVE-2022-24713": {
        "Title": "rust-regex: empty expressions that are repeated take very long to compile",
        "VendorSeverity": {"ghsa": _HIGH, "nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-2953
    "CVE-2023-2953": {
        "Title": "openldap: null pointer dereference in ber_memalloc_x",
        "CweIDs": ["CWE-476"],
        "VendorSeverity": {"nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2025-69720
    "CVE-2025-69720": {
        "Title": "ncurses: buffer overflow in infocmp",
        "VendorSeverity": {"nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2011-4116
    "CVE-2011-4116": {
        "Title": "perl: File::Temp follows symbolic links in a temporary folder",
        "CweIDs": ["CWE-59"],
        "VendorSeverity": {"debian": _LOW, "nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-4863
    "CVE-2023-4863": {
        "Title": "libwebp: heap buffer overflow in the decoder of lossless images",
        "CweIDs": ["CWE-787"],
        "VendorSeverity": {"ghsa": _HIGH, "nvd": _HIGH},
        "CVSS": {"nvd": {"V3Vector": _EVERYTHING_ON_OPENING, "V3Score": 8.8}},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-5363
    "CVE-2023-5363": {
        "Title": "openssl: key and initialisation vector lengths are processed wrongly",
        "VendorSeverity": {"nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-4911
    "CVE-2023-4911": {
        "Title": "glibc: buffer overflow of the dynamic loader in GLIBC_TUNABLES",
        "VendorSeverity": {"nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-4641
    "CVE-2023-4641": {
        "Title": "shadow: a password that was asked for may stay in memory",
        "VendorSeverity": {"nvd": _MEDIUM},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2025-32434, https://github.com/advisories/GHSA-53q9-r3pm-6pq6
    "CVE-2025-32434": {
        "Title": "pytorch: torch.load runs code from a file although weights_only is set",
        "CweIDs": ["CWE-502"],
        "VendorSeverity": {"ghsa": _CRITICAL, "nvd": _CRITICAL},
        "CVSS": {
            "ghsa": {
                "V40Vector": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                "V40Score": 9.3,
            },
            "nvd": {"V3Vector": _EVERYTHING_REMOTELY, "V3Score": 9.8},
        },
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2026-24747
    "CVE-2026-24747": {
        "Title": "pytorch: memory corruption in the weights_only unpickler",
        "CweIDs": ["CWE-94"],
        "VendorSeverity": {"ghsa": _HIGH},
        "CVSS": {"ghsa": {"V3Vector": _EVERYTHING_ON_OPENING, "V3Score": 8.8}},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2023-50447
    "CVE-2023-50447": {
        "Title": "pillow: code execution through the environment of ImageMath.eval",
        "VendorSeverity": {"ghsa": _CRITICAL, "nvd": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2024-28219
    "CVE-2024-28219": {
        "Title": "pillow: buffer overflow in _imagingcms.c",
        "CweIDs": ["CWE-120"],
        "VendorSeverity": {"ghsa": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2024-6345
    "CVE-2024-6345": {
        "Title": "setuptools: code execution through the download functions of package_index",
        "CweIDs": ["CWE-94"],
        "VendorSeverity": {"ghsa": _HIGH},
    },
    # https://nvd.nist.gov/vuln/detail/CVE-2024-22195
    "CVE-2024-22195": {
        "Title": "jinja2: attributes can be injected through keys that are given to xmlattr",
        "CweIDs": ["CWE-79"],
        "VendorSeverity": {"ghsa": _MEDIUM, "nvd": _MEDIUM},
    },
}

_SOURCES = {
    DEBIAN: {
        "ID": "debian",
        "Name": "Debian Security Tracker",
        "URL": "https://salsa.debian.org/security-tracker-team/security-tracker",
    },
    PYPI: {
        "ID": "ghsa",
        "Name": "GitHub Security Advisory Pip",
        "URL": "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Apip",
    },
    CARGO: {
        "ID": "ghsa",
        "Name": "GitHub Security Advisory Rust",
        "URL": "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Arust",
    },
}


def small_database() -> bytes:
    """Return the database as trivy keeps it."""
    return bolt_file(_buckets())


def write_trivy_database(caches: Path, *, made: datetime = MADE, due: datetime = _FAR_AWAY) -> Path:
    """Write the database into a cache folder of trivy's, and return the folder; it bears the day `made`."""
    folder = caches / "db"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trivy.db").write_bytes(small_database())
    description = {
        "Version": 2,
        "UpdatedAt": _time(made),
        "NextUpdate": _time(due),
        "DownloadedAt": _time(made),
    }
    (folder / "metadata.json").write_text(json.dumps(description), encoding="utf-8")
    return caches


def _buckets() -> Bucket:
    debian = {package: _values(advisories) for package, advisories in _DEBIAN.items()}
    return {
        DEBIAN: debian,
        PYPI: _of_github(_PYPI),
        CARGO: _of_github(_CARGO),
        "data-source": _values(_SOURCES),
        "vulnerability": _values({cve: _rated(facts) for cve, facts in _VULNERABILITIES.items()}),
    }


def _of_github(known: Mapping[str, Mapping[str, tuple[str, str]]]) -> Bucket:
    return {
        name: _values({cve: _advisory(*facts) for cve, facts in advisories.items()})
        for name, advisories in known.items()
    }


def _values(objects: Mapping[str, Mapping[str, object]]) -> dict[str, bytes]:
    return {key: json.dumps(value, sort_keys=True).encode() for key, value in objects.items()}


def _advisory(identifier: str, patched: str) -> dict[str, object]:
    return {"VendorIDs": [identifier], "PatchedVersions": [patched], "VulnerableVersions": [f"<{patched}"]}


def _rated(facts: Mapping[str, object]) -> dict[str, object]:
    severities = facts["VendorSeverity"]
    assert isinstance(severities, dict)
    names = {_LOW: "LOW", _MEDIUM: "MEDIUM", _HIGH: "HIGH", _CRITICAL: "CRITICAL"}
    rater = "nvd" if "nvd" in severities else "ghsa"
    return {"Severity": names[severities[rater]], **facts}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

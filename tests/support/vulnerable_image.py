"""A small image with packages that advisories of the small database speak of, and with near misses.

Affected are zlib, openldap, libwebp and shadow of Debian 12, two of them with epochs and shadow in a version
that was only built anew; torch, setuptools and opencv of PyPI. glibc, libsubid4 and jinja2 have their fixes.
pillow's old version lies in a lower layer, and the last one deletes it.
"""

from pathlib import Path

from tests.support.images import OS_RELEASE, WHITEOUT, Content, ImageBuilder, layer_tar

SITE = "usr/local/lib/python3.11/site-packages"

INSTALLED = {
    "libc6": ("2.36-9+deb12u14", "glibc"),
    "libldap-2.5-0": ("2.5.13+dfsg-5", "openldap"),
    "libsubid4": ("1:4.13+dfsg1-1+deb12u2", "shadow"),
    "libwebp7": ("1.2.4-0.2", "libwebp"),
    "libwebpmux3": ("1.2.4-0.2", "libwebp"),
    "login": ("1:4.13+dfsg1-1+b1", "shadow"),
    "zlib1g": ("1:1.2.13.dfsg-1", "zlib"),
}
"""Debian's packages, with version and source."""

_SOURCE_VERSIONS = {"login": "1:4.13+dfsg1-1"}
"""Of packages that are in another version than their source."""

DISTRIBUTIONS = {
    "jinja2": "3.1.6",
    "opencv-python-headless": "4.7.0.72",
    "setuptools": "65.5.0",
    "torch": "2.4.1",
}
REMOVED = {"pillow": "9.5.0"}

FINDINGS = {
    ("libldap-2.5-0", "CVE-2023-2953"),
    ("libwebp7", "CVE-2023-4863"),
    ("libwebpmux3", "CVE-2023-4863"),
    ("login", "CVE-2023-4641"),
    ("zlib1g", "CVE-2023-45853"),
    ("zlib1g", "CVE-2026-27171"),
    ("opencv-python-headless", "CVE-2023-4863"),
    ("setuptools", "CVE-2024-6345"),
    ("torch", "CVE-2025-32434"),
    ("torch", "CVE-2026-24747"),
}
"""What the small database knows against it: (package, advisory)."""


def vulnerable_image() -> ImageBuilder:
    """Return the image: a system, what is installed with pip, and a layer that deletes a distribution."""
    folder = _folder("pillow", REMOVED["pillow"])
    gone: dict[str, Content] = {f"{SITE}/{WHITEOUT}{folder}": ""}
    return ImageBuilder(tuple(layer_tar(layer) for layer in (_system(), _installed_with_pip(), gone)))


def vulnerable_root(place: Path) -> Path:
    """Write the same as a root file system."""
    folder = _folder("pillow", REMOVED["pillow"])
    for name, content in {**_system(), **_installed_with_pip()}.items():
        if folder not in name:
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(content), encoding="utf-8")
    return place


def _system() -> dict[str, Content]:
    stanzas = (
        f"Package: {name}\nStatus: install ok installed\nPriority: optional\nSection: libs\n"
        f"Maintainer: Somebody <somebody@packages.example>\nArchitecture: amd64\n"
        f"Source: {source}{_stated_version(name)}\n"
        f"Version: {version}\nDescription: a library\n"
        for name, (version, source) in INSTALLED.items()
    )
    return {
        "etc/os-release": OS_RELEASE,
        "etc/debian_version": "12.15\n",
        "var/lib/dpkg/status": "\n".join(stanzas),
    }


def _stated_version(name: str) -> str:
    version = _SOURCE_VERSIONS.get(name)
    return f" ({version})" if version else ""


def _installed_with_pip() -> dict[str, Content]:
    files: dict[str, Content] = {}
    for name, version in {**DISTRIBUTIONS, **REMOVED}.items():
        folder = f"{SITE}/{_folder(name, version)}"
        files[f"{folder}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
        )
        files[f"{folder}/RECORD"] = f"{_folder(name, version)}/METADATA,,\n"
    return files


def _folder(name: str, version: str) -> str:
    return f"{name.replace('-', '_')}-{version}.dist-info"

"""What things are called: types for strings that must never be swapped."""

import re
from typing import NewType

import msgspec

ImagePath = NewType("ImagePath", str)
"""An absolute path inside an image: "/"-separated, no empty, "." or ".." parts, no trailing slash.

Bytes that are not UTF-8 stand as ``\\xNN`` (Python's ``backslashreplace``), in layer entries and in
ELF strings alike, so that equal bytes stay equal and every document can be encoded.
"""

Soname = NewType("Soname", str)
"""A shared library as DT_NEEDED, DT_SONAME or ``dlopen`` names it."""

Digest = NewType("Digest", str)
"""``sha256:`` and 64 lower-case hexadecimal digits."""

DiffID = NewType("DiffID", str)
"""The digest of a layer's uncompressed tar (OCI image specification, config.md)."""

ModuleName = NewType("ModuleName", str)
"""A dotted Python module name, absolute."""

DistributionName = NewType("DistributionName", str)
"""A Python distribution's name, normalised as PEP 503 says."""

PackageName = NewType("PackageName", str)
"""A Debian binary package's name, without architecture."""

Purl = NewType("Purl", str)
"""A canonical package URL."""

ROOT = ImagePath("/")

_SEPARATORS = re.compile(r"[-_.]+")


def distribution_name(text: str) -> DistributionName:
    """Return a distribution's name as it is compared (PEP 503): lower case, one hyphen between words."""
    return DistributionName(_SEPARATORS.sub("-", text).lower())


class Platform(msgspec.Struct, frozen=True, order=True):
    """An OCI platform; `variant` is empty where there is none."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def __str__(self) -> str:
        """Return the form that ``--platform`` takes."""
        parts = (self.os, self.architecture, self.variant)
        return "/".join(part for part in parts if part)


class ImageRef(msgspec.Struct, frozen=True):
    """Which image is meant. Its identity is `digest`; `name` is a label for people."""

    transport: str
    name: str
    digest: Digest | None = None
    platform: Platform = Platform()

    def __str__(self) -> str:
        """Return the reference as it was given."""
        return f"{self.transport}:{self.name}" if self.transport else self.name


class Distro(msgspec.Struct, frozen=True):
    """The distribution of an image, from its os-release; empty strings where it does not say."""

    id: str = ""
    version: str = ""
    codename: str = ""
    pretty_name: str = ""

"""Layers in which packages are installed, as dpkg and apt leave them behind."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from tests.support.archives import stanza
from tests.support.elf import LOADER, elf
from tests.support.images import Content

LIBRARIES = "usr/lib"
_INFO = "var/lib/dpkg/info"
_NO_FILES: Mapping[str, Content] = MappingProxyType({})


class Installed(NamedTuple):
    """A package with its files; it came as a dependency where `is_automatic`."""

    name: str
    depends: str = ""
    files: Mapping[str, Content] = _NO_FILES
    section: str = "libs"
    is_automatic: bool = False
    recommends: str = ""
    kib: int = 100


def library(name: str, *, needed: Sequence[str] = ()) -> dict[str, Content]:
    """Return a library where loaders look for it."""
    return {f"{LIBRARIES}/{name}": elf(soname=name, needed=[*needed, "libc.so.6"])}


def program(name: str) -> dict[str, Content]:
    """Return a program on the PATH."""
    return {f"usr/bin/{name}": elf(interpreter=LOADER, needed=["libc.so.6"])}


def dpkg_layer(*new: Installed, below: Sequence[Installed] = ()) -> dict[str, Content]:
    """Return a layer that installs packages where those `below` are there already."""
    files: dict[str, Content] = {}
    for package in new:
        files |= package.files
        files[f"{_INFO}/{package.name}.list"] = _list(package)
    every = (*below, *new)
    files["var/lib/dpkg/status"] = "".join(map(_stanza, every)) + _stanza(Installed("libc6"))
    marks = (
        f"Package: {each.name}\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        for each in every
        if each.is_automatic
    )
    files["var/lib/apt/extended_states"] = "".join(marks)
    return files


def _list(package: Installed) -> str:
    folders = {f"/{path.rpartition('/')[0]}" for path in package.files}
    return "".join(f"{path}\n" for path in ["/.", *sorted(folders), *(f"/{path}" for path in package.files)])


def _stanza(package: Installed) -> str:
    text = stanza(
        package.name,
        "1.0",
        kib=package.kib,
        Status="install ok installed",
        Section=package.section,
        Depends=package.depends,
        Recommends=package.recommends,
    )
    return f"{text}\n"

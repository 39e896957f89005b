"""What dpkg leaves behind when it has installed packages: its status, lists, and alternatives."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from examples.fleet.builder.deb import Deb
from examples.fleet.builder.elf_soname import is_library_name, soname
from examples.fleet.builder.filesystem import LayerWriter, Owner
from fleet_audit.audit.apt.debian.control import fields, stanzas

STATUS = "var/lib/dpkg/status"
INFO = "var/lib/dpkg/info"
EXTENDED_STATES = "var/lib/apt/extended_states"

_FIELD_ORDER = (
    "Package",
    "Essential",
    "Protected",
    "Status",
    "Priority",
    "Section",
    "Installed-Size",
    "Origin",
    "Maintainer",
    "Bugs",
    "Architecture",
    "Multi-Arch",
    "Source",
    "Version",
    "Replaces",
    "Provides",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Breaks",
    "Conflicts",
    "Enhances",
    "Conffiles",
    "Description",
)
"""The order of dpkg's own table (dpkg, lib/dpkg/parse.c); other fields follow at the end."""


class Unpacked(msgspec.Struct, frozen=True):
    """One package as it was unpacked."""

    stanza: str
    paths: tuple[str, ...]
    info: dict[str, bytes]
    key: str


def unpack(layer: LayerWriter, deb: Deb) -> Unpacked:
    """Write the package's files, and return what dpkg is to know of it."""
    conffiles = dict.fromkeys(deb.info.get("conffiles", b"").decode().split("\n"), "")
    conffiles.pop("", None)
    paths: list[str] = []
    for member, body in deb.members():
        path = member.name.rstrip("/")
        paths.append("/." if path in ("", ".") else f"/{path}")
        if f"/{path}" in conffiles:
            conffiles[f"/{path}"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if path in ("", "."):
            continue
        owner = Owner(member.uid, member.gid)
        mtime = int(member.mtime)
        if member.isdir():
            layer.folder(path, mode=member.mode, owner=owner, mtime=mtime)
        elif member.issym():
            layer.symlink(path, member.linkname, mtime=mtime)
        elif member.islnk():
            layer.hardlink(path, member.linkname.removeprefix("./"), mtime=mtime)
        elif member.isreg():
            layer.file(path, body, mode=member.mode, owner=owner, mtime=mtime, soname=_soname(path, body))
    return Unpacked(_stanza(deb.control, conffiles), tuple(paths), deb.info, _key(deb.control))


def register(layer: LayerWriter, unpacked: Sequence[Unpacked], automatic: Iterable[str]) -> None:
    """Write the status of all packages, the files of the new ones, and which came as dependencies."""
    known = {fields(text)["Package"]: text for text in stanzas([layer.files.read(STATUS)])}
    known |= {fields(package.stanza)["Package"]: package.stanza for package in unpacked}
    layer.file(STATUS, "".join(f"{known[name].strip()}\n\n" for name in sorted(known)).encode())
    for package in sorted(unpacked, key=lambda package: package.key):
        layer.file(f"{INFO}/{package.key}.list", "".join(f"{path}\n" for path in package.paths).encode())
        for name, body in sorted(package.info.items()):
            is_script = body.startswith(b"#!")
            layer.file(f"{INFO}/{package.key}.{name}", body, mode=0o755 if is_script else 0o644)
    _mark_automatic(layer, automatic)


def prepare(layer: LayerWriter) -> None:
    """Write what dpkg expects to be there before its first package."""
    for folder in ("alternatives", "info", "parts", "triggers", "updates"):
        layer.folder(f"var/lib/dpkg/{folder}")
    layer.file(f"{INFO}/format", b"1\n")
    for name in ("available", "diversions", "statoverride"):
        layer.file(f"var/lib/dpkg/{name}", b"")
    layer.file("var/lib/dpkg/arch", b"amd64\n")


def _mark_automatic(layer: LayerWriter, automatic: Iterable[str]) -> None:
    names = {fields(text)["Package"] for text in stanzas([layer.files.read(EXTENDED_STATES)])}
    names.update(automatic)
    if names:
        text = "".join(f"Package: {n}\nArchitecture: amd64\nAuto-Installed: 1\n\n" for n in sorted(names))
        layer.file(EXTENDED_STATES, text.encode())


def _stanza(control: Mapping[str, str], conffiles: Mapping[str, str]) -> str:
    known = {**control, "Status": "install ok installed"}
    if conffiles:
        known["Conffiles"] = "".join(
            f"\n{path} {digest or 'newconffile'}" for path, digest in conffiles.items()
        )
    names = [name for name in _FIELD_ORDER if name in known]
    names += sorted(known.keys() - set(_FIELD_ORDER))
    return "\n".join(_field(name, known[name]) for name in names)


def _field(name: str, value: str) -> str:
    first, *rest = value.split("\n")
    lines = [f"{name}: {first}".rstrip(), *(f" {line or '.'}" for line in rest)]
    return "\n".join(lines)


def _key(control: Mapping[str, str]) -> str:
    """Return how dpkg names the package's files: with the architecture where several may be installed."""
    if control.get("Multi-Arch") == "same":
        return f"{control['Package']}:{control['Architecture']}"
    return control["Package"]


def _soname(path: str, body: bytes) -> str | None:
    name = path.rpartition("/")[2]
    return soname(name, body) if is_library_name(name) else None

"""What one word of an installation asks for: a package, at one version or at any, or sources at a commit.

Rules: apt-get(8), apk(8), dnf(8) "Specifying packages", pip's "Requirement Specifiers" and "VCS Support",
npm's "npm install", "go install", "cargo install", conda's "Package match specifications".
"""

import re
from collections.abc import Callable, Mapping

import msgspec

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_VERSION_TAG = re.compile(r"(?:[A-Za-z][\w.+-]*[-_/])?[vVrR]?\d+(?:[._-][A-Za-z0-9]+)+")
_MAX_TEXT = 400
"""Characters that no name with a version has: what is longer is none."""

_DEB = re.compile(r"(?P<name>[a-z0-9][a-z0-9+.-]*[a-z0-9+])(?::[a-z0-9-]+)?(?P<rest>[=/].*)?", re.DOTALL)
_APK = re.compile(r"(?P<name>[a-zA-Z0-9_][\w+.-]*)(?:@[\w.-]+)?(?P<rest>[=<>~].*)?", re.DOTALL)
_RPM = re.compile(r"(?P<name>[A-Za-z0-9_][\w+.()-]*)", re.DOTALL)
_RPM_VERSION = re.compile(r"-(?:\d+:)?\d[\w.~^+]*-\d[\w.~^+]*$|-\d+(?:\.\w+)+$")
_PIP = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)[ \t]*(?:\[[^\]]*\])?[ \t]*(?P<rest>[^;]*)(?:;.*)?",
    re.DOTALL,
)
_PIP_EXACT = re.compile(r"(?:^|,)[ \t]*={2,3}[ \t]*[^,*\s]+[ \t]*(?=,|$)")
_UV_TOOL = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)@(?P<version>[\w.+!-]+)")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+[a-z+]+:(?://)?[^\s]*|git@[^\s]+", re.IGNORECASE)
_NPM = re.compile(r"(?P<name>@?[A-Za-z0-9][\w./-]*)(?:@(?P<version>[^\s]*))?")
_EXACT_VERSION = re.compile(r"=?v?\d+(?:\.\d+)*(?:[-+.]?[A-Za-z][\w.+-]*|[-+][\w.+-]+)?")
_THREE_NUMBERS = re.compile(r"=?v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?")
_LOCAL = (".", "/", "~", "file:")
_FILES = (".deb", ".rpm", ".apk", ".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".gem")


class Wanted(msgspec.Struct, frozen=True):
    """A package by name, or sources by address: `reference` is what is taken, `is_commit` if it is fixed."""

    name: str
    requirement: str
    is_pinned: bool = False
    is_address: bool = False
    reference: str = ""
    is_commit: bool = False


def wanted(manager: str, text: str) -> Wanted | None:
    """Return what a word asks of a manager; None where that is a local file, or no package that is known."""
    text = text.strip()
    if not text or len(text) > _MAX_TEXT or text.startswith(_LOCAL):
        return None
    if "://" in text or _VCS.match(text) is not None:
        return sources(text)
    if text.lower().endswith(_FILES):
        return None
    read = _READERS.get(manager)
    return None if read is None else read(text)


def sources(text: str) -> Wanted | None:
    """Return what an address of a repository asks for (``git+https://…@REF``); None for other addresses."""
    bare = text.rpartition(" @ ")[2] if " @ " in text else text
    if _VCS.match(bare) is None:
        return None
    address = bare.partition("#")[0]
    last = address.partition("://")[2] or address.partition("+")[2]
    _, at, reference = last.partition("/")[2].rpartition("@")
    reference = reference if at else ""
    return Wanted(
        _named_by(bare, last), text, is_address=True, reference=reference, is_commit=is_fixed(reference)
    )


def _named_by(address: str, last: str) -> str:
    egg = re.search(r"[#&]egg=([\w.-]+)", address)
    if egg is not None:
        return egg[1]
    path = last.rpartition("@")[0] if "@" in last.partition("/")[2] else last
    return path.rstrip("/").rpartition("/")[2].removesuffix(".git")


def is_fixed(reference: str) -> bool:
    """Say whether a reference names a commit; a tag of a version is taken for one, as its makers mean it."""
    return _COMMIT.fullmatch(reference) is not None or _VERSION_TAG.fullmatch(reference) is not None


def _deb(text: str) -> Wanted | None:
    if text.endswith(("-", "^")):
        # apt-get(8): a minus behind the name removes, a caret names a task.
        return None
    found = _DEB.fullmatch(text.removesuffix("+") if text.count("+") == 1 and text.endswith("+") else text)
    if found is None:
        return None
    rest = found["rest"] or ""
    return Wanted(found["name"], text, is_pinned=len(rest) > 1 and rest[0] == "=")


def _apk(text: str) -> Wanted | None:
    found = _APK.fullmatch(text)
    if found is None:
        return None
    rest = found["rest"] or ""
    return Wanted(found["name"], text, is_pinned=len(rest) > 1 and rest[0] in "=~")


def _rpm(text: str) -> Wanted | None:
    if _RPM.fullmatch(text) is None:
        return None
    version = _RPM_VERSION.search(text)
    name = text if version is None else text[: version.start()]
    return Wanted(name, text, is_pinned=version is not None)


def _zypper(text: str) -> Wanted | None:
    name, equals, version = text.partition("=")
    if _RPM.fullmatch(name) is None:
        return None
    return Wanted(name, text, is_pinned=bool(equals and version))


def _pip(text: str) -> Wanted | None:
    tool = _UV_TOOL.fullmatch(text)
    if tool is not None:
        return Wanted(tool["name"], text, is_pinned=_EXACT_VERSION.fullmatch(tool["version"]) is not None)
    found = _PIP.fullmatch(text)
    if found is None:
        return None
    rest = found["rest"].strip().strip("()")
    if rest and rest[0] not in "=<>!~@":
        return None
    return Wanted(found["name"], text, is_pinned=rest[:1] == "@" or _PIP_EXACT.search(rest) is not None)


def _npm(text: str) -> Wanted | None:
    found = _NPM.fullmatch(text)
    if found is None or ("/" in found["name"] and not found["name"].startswith("@")):
        # A name with a slash is a repository on GitHub.
        return None
    version = found["version"] or ""
    return Wanted(found["name"], text, is_pinned=_THREE_NUMBERS.fullmatch(version) is not None)


def _gem(text: str) -> Wanted | None:
    name, colon, version = text.partition(":")
    is_pinned = bool(colon) and _EXACT_VERSION.fullmatch(version) is not None
    return Wanted(name, text, is_pinned=is_pinned) if re.fullmatch(r"[\w.-]+", name) else None


def _go(text: str) -> Wanted | None:
    name, at, version = text.partition("@")
    if not at:
        # Without a version the module of the current folder decides ("go install").
        return None
    return Wanted(name, text, is_pinned=is_fixed(version) or _EXACT_VERSION.fullmatch(version) is not None)


def _cargo(text: str) -> Wanted | None:
    name, at, version = text.partition("@")
    is_pinned = bool(at) and _THREE_NUMBERS.fullmatch(version) is not None
    return Wanted(name, text, is_pinned=is_pinned) if re.fullmatch(r"[\w-]+", name) else None


def _conda(text: str) -> Wanted | None:
    name, equals, version = text.rpartition("::")[2].partition("=")
    if re.fullmatch(r"[\w.-]+", name) is None:
        return None
    is_exact = _EXACT_VERSION.fullmatch(version.lstrip("=").partition("=")[0]) is not None
    return Wanted(name, text, is_pinned=bool(equals) and is_exact)


_READERS: Mapping[str, Callable[[str], Wanted | None]] = {
    "apt": _deb,
    "apk": _apk,
    "dnf": _rpm,
    "zypper": _zypper,
    "pip": _pip,
    "npm": _npm,
    "gem": _gem,
    "go": _go,
    "cargo": _cargo,
    "conda": _conda,
}

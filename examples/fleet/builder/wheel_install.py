"""How a wheel is installed (wheel specification, pip), into Debian's place for local packages."""

import base64
import configparser
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import msgspec
from packaging.utils import canonicalize_name

from examples.fleet.builder.elf_soname import is_library_name, soname
from examples.fleet.builder.failure import BuildError
from examples.fleet.builder.filesystem import LayerWriter

PREFIX = PurePosixPath("usr/local")
SITE = PREFIX / "lib/python3.11/dist-packages"
"""Where pip of Debian 12 installs as root (scheme ``posix_local``)."""

_LAUNCHER = """\
#!/usr/bin/python3
import re
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit({function}())
"""


class _Member(msgspec.Struct, frozen=True):
    path: PurePosixPath
    body: bytes
    is_executable: bool = False


class Wheel:
    """An opened wheel file."""

    def __init__(self, path: Path) -> None:
        """Open `path`; raise BuildError where it is no wheel."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as e:
            raise BuildError(str(path), f"is no wheel: {e}") from e
        self.path = path
        self.name, self.version = path.name.split("-")[:2]
        self.dist_info = self._dist_info()

    def __enter__(self) -> "Wheel":
        """Return the wheel itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._zip.close()

    def members(self) -> Iterator[tuple[str, bytes, bool]]:
        """Yield name, body and executable bit of each file but RECORD; raise where RECORD disagrees."""
        recorded = self._recorded()
        for info in self._zip.infolist():
            if info.is_dir() or info.filename == f"{self.dist_info}/RECORD":
                continue
            body = self._zip.read(info)
            promised = recorded.get(info.filename, "")
            if promised and promised != record_digest(body):
                raise BuildError(f"{self.path.name}: {info.filename}", "differs from what RECORD says")
            yield info.filename, body, bool(info.external_attr >> 16 & 0o111)

    def _recorded(self) -> dict[str, str]:
        text = self._zip.read(f"{self.dist_info}/RECORD").decode()
        return {row[0]: row[1] for row in csv.reader(text.splitlines()) if len(row) == 3}

    def _dist_info(self) -> str:
        wanted = canonicalize_name(self.name)
        folders = {name.partition("/")[0] for name in self._zip.namelist()}
        for folder in sorted(folders):
            if folder.endswith(".dist-info") and canonicalize_name(folder.rsplit("-", 2)[0]) == wanted:
                return folder
        raise BuildError(str(self.path), "is no wheel: it has no .dist-info folder")


def install(layer: LayerWriter, wheel: Wheel) -> None:
    """Write the wheel's files where pip would put them, with RECORD, INSTALLER and console scripts."""
    records: list[tuple[str, str, int]] = []
    for member in _installed(wheel):
        name = member.path.name
        mode = 0o755 if member.is_executable else 0o644
        library = soname(name, member.body) if is_library_name(name) else None
        layer.file(str(member.path), member.body, mode=mode, soname=library)
        records.append((_relative(member.path), record_digest(member.body), len(member.body)))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows(sorted(records))
    record = SITE / wheel.dist_info / "RECORD"
    writer.writerow((_relative(record), "", ""))
    layer.file(str(record), table.getvalue().encode())


def record_digest(body: bytes) -> str:
    """Return a digest as RECORD writes it: ``sha256=`` and unpadded URL-safe base64."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=")
    return f"sha256={digest.decode()}"


def _installed(wheel: Wheel) -> Iterator[_Member]:
    entry_points = ""
    for name, body, is_executable in wheel.members():
        if name == f"{wheel.dist_info}/entry_points.txt":
            entry_points = body.decode()
        yield _placed(wheel, name, body, is_executable=is_executable)
    yield _Member(SITE / wheel.dist_info / "INSTALLER", b"pip\n")
    yield _Member(SITE / wheel.dist_info / "REQUESTED", b"")
    for script, target in _console_scripts(entry_points):
        yield _Member(PREFIX / "bin" / script, _launcher(target), is_executable=True)


def _placed(wheel: Wheel, name: str, body: bytes, *, is_executable: bool) -> _Member:
    parts = PurePosixPath(name).parts
    if ".." in parts or name.startswith("/"):
        raise BuildError(f"{wheel.path.name}: {name}", "leads out of the place of installation")
    if not parts[0].endswith(".data") or len(parts) < 3:
        return _Member(SITE / name, body, is_executable)
    scheme, rest = parts[1], PurePosixPath(*parts[2:])
    folders = {
        "purelib": SITE,
        "platlib": SITE,
        "data": PREFIX,
        "scripts": PREFIX / "bin",
        "headers": PREFIX / "include/python3.11" / wheel.name,
    }
    if scheme not in folders:
        raise BuildError(
            f"{wheel.path.name}: {name}", f"is for a place that installers do not know: {scheme}"
        )
    if scheme != "scripts":
        return _Member(folders[scheme] / rest, body, is_executable)
    if body.startswith(b"#!python"):
        body = b"#!/usr/bin/python3" + body[body.index(b"\n") :]
    return _Member(folders[scheme] / rest, body, is_executable=True)


def _console_scripts(text: str) -> list[tuple[str, str]]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # names of scripts keep their case
    parser.read_string(text)
    return sorted(parser["console_scripts"].items()) if parser.has_section("console_scripts") else []


def _launcher(target: str) -> bytes:
    module, _, function = target.partition("[")[0].strip().partition(":")
    first = function.partition(".")[0]
    return _LAUNCHER.format(module=module, first=first, function=function).encode()


def _relative(path: PurePosixPath) -> str:
    if path.is_relative_to(SITE):
        return str(path.relative_to(SITE))
    return "../../../" + str(path.relative_to(PREFIX))

"""Builds tiny Debian packages, archives of them, and wheels."""

import base64
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.trees import Link

ASSUMED = "1.0-1"
"""The version of a package where the test does not care."""

Files = Mapping[str, bytes | str | Link]


def tar_of(files: Files, *, executable: frozenset[str] = frozenset()) -> bytes:
    """Return a tar as dpkg-deb writes it: names begin with ``./``, folders stand before what they hold."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in _folders(files):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            if isinstance(content, Link):
                info.type, info.linkname = tarfile.SYMTYPE, str(content)
                tar.addfile(info)
                continue
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            info.mode = 0o755 if name in executable else 0o644
            tar.addfile(info, io.BytesIO(data))
    return body.getvalue()


def deb(
    name: str,
    files: Files | None = None,
    *,
    version: str = ASSUMED,
    fields: Mapping[str, str] | None = None,
    info: Files | None = None,
) -> bytes:
    """Return a binary package for amd64 with these files, further control fields, and control files."""
    control = {
        "Package": name,
        "Version": version,
        "Architecture": "amd64",
        "Maintainer": "A Person <person@example.org>",
        "Installed-Size": "12",
        **(fields or {}),
        "Description": f"{name} for tests",
    }
    text = "".join(f"{field}: {value}\n" for field, value in control.items())
    return ar(
        {
            "debian-binary": b"2.0\n",
            "control.tar.xz": lzma.compress(tar_of({"control": text, **(info or {})})),
            "data.tar.xz": lzma.compress(tar_of(files or {})),
        }
    )


def ar(members: Mapping[str, bytes]) -> bytes:
    """Return an ar archive (deb(5))."""
    parts = [b"!<arch>\n"]
    for name, body in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(body):<10}`\n".encode()
        parts += [header, body, b"\n" * (len(body) % 2)]
    return b"".join(parts)


def debian_archive(folder: Path, debs: Mapping[str, tuple[bytes, str]], *, suite: str = "bookworm") -> str:
    """Write an archive that offers `debs` (name to body and extra stanza lines); return its address."""
    stanzas = []
    for name, (body, extra) in sorted(debs.items()):
        path = folder / "pool" / f"{name}.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        stanzas.append(
            f"Package: {name}\nVersion: {ASSUMED}\nArchitecture: amd64\nInstalled-Size: 12\n{extra}"
            f"Filename: pool/{name}.deb\nSize: {len(body)}\nSHA256: {hashlib.sha256(body).hexdigest()}\n"
        )
    packages = lzma.compress("\n".join(stanzas).encode())
    suite_folder = folder / "dists" / suite
    index = suite_folder / "main" / "binary-amd64" / "Packages.xz"
    index.parent.mkdir(parents=True)
    index.write_bytes(packages)
    digest = hashlib.sha256(packages).hexdigest()
    (suite_folder / "InRelease").write_text(
        f"Suite: {suite}\nCodename: {suite}\nDate: Sat, 14 Nov 2026 00:00:00 UTC\n"
        f"SHA256:\n {digest} {len(packages)} main/binary-amd64/Packages.xz\n"
    )
    return folder.as_uri()


def wheel(
    name: str, files: Mapping[str, bytes | str], *, version: str = "1.0", entry_points: str = ""
) -> bytes:
    """Return a pure wheel with these files, METADATA and a RECORD that is right."""
    dist_info = f"{name}-{version}.dist-info"
    every: dict[str, bytes | str] = {
        **files,
        f"{dist_info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{dist_info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        every[f"{dist_info}/entry_points.txt"] = entry_points
    bodies = {n: body.encode() if isinstance(body, str) else body for n, body in every.items()}
    record = "".join(f"{n},{record_hash(body)},{len(body)}\n" for n, body in bodies.items())
    bodies[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for member, data in bodies.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    return body.getvalue()


def record_hash(body: bytes) -> str:
    """Return a digest as RECORD writes it."""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")


def _folders(files: Files) -> list[str]:
    found = {"./"}
    for name in files:
        parts = name.split("/")[:-1]
        found |= {"./" + "/".join(parts[:depth]) + "/" for depth in range(1, len(parts) + 1)}
    return sorted(found)

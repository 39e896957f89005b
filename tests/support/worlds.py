"""Builds a small fleet in a folder and runs whole commands on it: manifest, code, images, package archive.

Everything is made in milliseconds: the images hold a few small files, the archive is read from a folder.
"""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

import yaml

from fleet_audit.__main__ import run as run_command
from tests.support.archives import SmallArchive, stanza
from tests.support.elf import LOADER, Symbol, elf
from tests.support.images import OS_RELEASE, Content, Form, ImageBuilder, layer_tar
from tests.support.pythons import LIB, SITE, TAG, distribution

FAMILY, SERVICE = "vision", "face"
APP = "services/face/app.py"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
Document = dict[str, Any]
Files = Mapping[str, Content]

_STDLIB = (
    *("os", "subprocess", "typing", "pathlib", "shutil", "contextlib", "logging/__init__", "json/__init__"),
    *("ctypes/__init__", "ctypes/util", "importlib/__init__", "importlib/util"),
)


def library(path: str, *needed: str) -> dict[str, Content]:
    """Return a shared library named as its path ends."""
    return {path: elf(soname=path.rpartition("/")[2], needed=[*needed, "libc.so.6"])}


def base_files() -> dict[str, Content]:
    """Return the files of a Debian 12 with glibc and a Python 3.11, as an image's lowest layer has them."""
    return {
        "etc/os-release": OS_RELEASE,
        "var/lib/dpkg/status": stanza("libc6", "2.36-9", Status="install ok installed"),
        LOADER[1:]: elf(soname="ld-linux-x86-64.so.2"),
        "lib64/libc.so.6": elf(soname="libc.so.6", version_definitions=["libc.so.6", "GLIBC_2.34"]),
        "usr/local/bin/python3.11": elf(interpreter=LOADER, needed=["libc.so.6"]),
        "usr/sbin/ldconfig": elf(interpreter=LOADER, needed=["libc.so.6"]),
        "usr/bin/apt-get": elf(interpreter=LOADER, needed=["libc.so.6"]),
        f"{LIB[1:]}/lib-dynload/math{TAG}": extension("math"),
        **{f"{LIB[1:]}/{name}.py": "" for name in _STDLIB},
    }


def installed(name: str, files: Files, *, version: str = "1.0", extra: str = "") -> dict[str, Content]:
    """Return the files of a distribution in site-packages, with metadata and RECORD."""
    bodies = {path: body for path, body in files.items() if isinstance(body, str | bytes)}
    found = distribution(name, version, bodies, extra=extra)
    return {f"{SITE[1:]}/{path}": body for path, body in found.items()}


def extension(name: str, *needed: str) -> bytes:
    """Return an extension module that is imported by this name and needs libc and these libraries."""
    return elf(needed=[*needed, "libc.so.6"], symbols=[Symbol(f"PyInit_{name}")])


def opencv(*needed: str) -> dict[str, Content]:
    """Return opencv-python, whose extension module needs these libraries."""
    files: Files = {
        "cv2/__init__.py": "from .cv2 import imread\n",
        "cv2/cv2.abi3.so": extension("cv2", *needed),
    }
    return installed("opencv-python", files, version="4.10.0.84")


def packages() -> SmallArchive:
    """Return an archive with the packages that tests miss; its files are a test's to damage."""
    lib = LIBRARIES
    return SmallArchive("file:///").suite(
        "bookworm",
        stanza("libc6", "2.36-9"),
        stanza("libgl1", "1.6.0-1", kib=200, Depends="libc6, libglvnd0"),
        stanza("libglvnd0", "1.6.0-1", kib=300, Depends="libc6"),
        stanza("libpulse0", "16.1+dfsg1-2", kib=400, Depends="libc6"),
        stanza("ffmpeg", "7:5.1.6-0", kib=2000, Depends="libc6"),
        contents={
            f"{lib}/libGL.so.1": "libs/libgl1",
            f"{lib}/libGL.so.1.7.0": "libs/libgl1",
            f"{lib}/libGLdispatch.so.0": "libs/libglvnd0",
            f"{lib}/libpulse.so.0": "libs/libpulse0",
            "usr/bin/ffmpeg": "video/ffmpeg",
        },
    )


class Answer(NamedTuple):
    """What a command said: its exit code, what went to both streams, and its document where there is one."""

    code: int
    out: str
    err: str
    written: Document | None

    @property
    def document(self) -> Document:
        """Return the JSON document that the command wrote."""
        assert self.written is not None, self.err
        return self.written

    @property
    def needs(self) -> dict[str, Document]:
        """Return the needs by name."""
        return {need["name"]: need for need in self.document["needs"]}

    @property
    def gaps(self) -> dict[str, Document]:
        """Return the gaps by kind."""
        return {gap["kind"]: gap for gap in self.document["gaps"]}

    @property
    def roots(self) -> list[str]:
        """Return the names of the packages that are proposed."""
        return [root.partition("=")[0] for root in self.document["proposal"]["roots"]]


class World:
    """A fleet in a folder. Families' images are layouts below ``images/``, the archive is in ``archive/``."""

    def __init__(self, folder: Path) -> None:
        """Begin with an empty manifest and the archive of `packages`."""
        self.folder = folder / "fleet"
        self.cache = folder / "cache"
        self.folder.mkdir()
        self.archive = write_archive(packages(), folder / "archive")
        self._families: dict[str, Document] = {}
        self._services: list[Document] = []

    def family(
        self, name: str = FAMILY, *layers: Files | bytes, config: Document | None = None, **fields: Any
    ) -> Self:
        """Add a family with an image of `base_files` and these layers; `fields` go to the manifest."""
        if "image" not in fields:
            fields["image"] = self.image(f"images/{name}", *layers, config=config)
        self._families[name] = fields
        return self._saved()

    def service(
        self,
        name: str = SERVICE,
        app: str | bytes = "",
        *,
        family: str = FAMILY,
        folder: str = "",
        **fields: Any,
    ) -> Self:
        """Add a service with its entry ``services/NAME/app.py``; `fields` go to the manifest."""
        place = f"services/{folder or name}"
        self.file(f"{place}/app.py", app)
        service = {"name": name, "family": family, "entry": f"{place}/app.py", "source_paths": [place]}
        self._services.append({**service, **fields})
        return self._saved()

    def file(self, path: str, body: str | bytes = "") -> Self:
        """Write a file of the repository."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body if isinstance(body, bytes) else body.encode())
        return self

    def image(
        self,
        place: str,
        *layers: Files | bytes,
        form: Form = "oci",
        config: Document | None = None,
        **facts: Any,
    ) -> str:
        """Write an image of `base_files` and these layers below the repository; return its reference."""
        builder = small_image(*layers, config=config, **facts)
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        builder.write(self.folder / place, form)
        return f"{form}:{place}"

    def run(self, *words: str) -> Answer:
        """Run a command in this process, with a JSON document beside what goes to the streams."""
        file = self.folder.parent / "document.json"
        file.unlink(missing_ok=True)
        code, out, err = self.say(*words, "-o", f"json={file}")
        return Answer(code, out, err, json.loads(file.read_bytes()) if file.exists() else None)

    @staticmethod
    def say(*words: str) -> tuple[int, str, str]:
        """Run a command as a shell would, with streams that take UTF-8 and nothing else."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            code = run_command(words)
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()

    def _saved(self) -> Self:
        manifest = {"version": 1, "fleet": "small", "families": self._families, "services": self._services}
        return self.file("fleet.yaml", yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True))


def small_image(*layers: Files | bytes, config: Document | None = None, **facts: Any) -> ImageBuilder:
    """Return an image of `base_files` and these layers, in which every file may be executed."""
    raw = (each if isinstance(each, bytes) else layer_tar(each, mode=0o755) for each in layers)
    return ImageBuilder((_base_layer(), *raw), config=config or {}, **facts)


@cache
def _base_layer() -> bytes:
    return layer_tar(base_files(), mode=0o755)


def write_archive(archive: SmallArchive, folder: Path) -> str:
    """Write an archive's files below a folder and return its address."""
    for address, body in archive.files.items():
        path = folder / unquote(urlsplit(address).path).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder.as_uri()

"""Registries on this machine: a real one, one that answers as it is told, and what pushes images to them."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import Compression, ImageBuilder, sha256

PROGRAM = "docker-registry"
USER, PASSWORD = "reader", "open sesame"
_HTPASSWD = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"
"""The password, as bcrypt has it: the only form that the registry reads."""

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_START_SECONDS = 30.0
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:([0-9]+)")


@dataclass(frozen=True)
class Pushed:
    """What is to be stored: blobs by digest, and manifests by digest with their media types, inner first."""

    blobs: Mapping[str, bytes]
    manifests: Mapping[str, tuple[str, bytes]]

    @property
    def digest(self) -> str:
        """Return the digest of what a tag stands for: the last manifest or index."""
        return list(self.manifests)[-1]


def stored_as_oci(builder: ImageBuilder, compression: Compression = "gzip") -> Pushed:
    """Return an image as an OCI manifest with its blobs."""
    blobs, entry = builder.blobs(compression)
    manifest = blobs.pop(entry["digest"])
    return Pushed(blobs, {entry["digest"]: (OCI_MANIFEST, manifest)})


def stored_as_docker(builder: ImageBuilder) -> Pushed:
    """Return an image as docker pushes it (image manifest, version 2, schema 2)."""
    blobs, entry = builder.blobs("gzip")
    document = json.loads(blobs.pop(entry["digest"]))
    document["mediaType"] = DOCKER_MANIFEST
    document["config"]["mediaType"] = _DOCKER_CONFIG
    for layer in document["layers"]:
        layer["mediaType"] = _DOCKER_LAYER
    manifest = json.dumps(document).encode()
    return Pushed(blobs, {sha256(manifest): (DOCKER_MANIFEST, manifest)})


def stored_for_platforms(media_type: str, *images: tuple[str, Pushed], also: Sequence[Any] = ()) -> Pushed:
    """Return an index of images for these architectures of Linux, with whatever `also` stands in it."""
    entries = [
        {
            "mediaType": pushed.manifests[pushed.digest][0],
            "digest": pushed.digest,
            "size": len(pushed.manifests[pushed.digest][1]),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for architecture, pushed in images
    ]
    index = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": [*entries, *also]}).encode()
    return Pushed(
        {digest: blob for _, pushed in images for digest, blob in pushed.blobs.items()},
        {d: m for _, pushed in images for d, m in pushed.manifests.items()}
        | {sha256(index): (media_type, index)},
    )


def layout_image(layout: Path, tag: str) -> Pushed:
    """Return an image of an OCI layout; its blobs are read whole."""
    index = json.loads((layout / "index.json").read_bytes())
    entry = next(e for e in index["manifests"] if tag in e.get("annotations", {}).values())

    def read(digest: str) -> bytes:
        return (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()

    manifest = read(entry["digest"])
    document = json.loads(manifest)
    wanted = [document["config"]["digest"], *(layer["digest"] for layer in document["layers"])]
    return Pushed(
        {digest: read(digest) for digest in wanted},
        {entry["digest"]: (entry.get("mediaType", OCI_MANIFEST), manifest)},
    )


@dataclass(frozen=True)
class RealRegistry:
    """A registry that runs; `host` is what references begin with."""

    host: str
    log: Path
    authorization: str = ""

    def push(self, pushed: Pushed, repository: str, tag: str = "latest") -> str:
        """Store an image (distribution specification, "Push") and return its reference."""
        for digest, blob in pushed.blobs.items():
            place = self._send("POST", f"/v2/{repository}/blobs/uploads/", b"")
            self._send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", blob)
        for digest, (media_type, manifest) in pushed.manifests.items():
            self._send("PUT", f"/v2/{repository}/manifests/{digest}", manifest, media_type)
        media_type, manifest = pushed.manifests[pushed.digest]
        self._send("PUT", f"/v2/{repository}/manifests/{tag}", manifest, media_type)
        return f"registry:{self.host}/{repository}:{tag}"

    def asked(self) -> list[str]:
        """Return what was asked for until now, as the registry logs it: method and path."""
        text = self.log.read_text(encoding="utf-8")
        return re.findall(r'"((?:GET|HEAD) /v2/[^ "]*) HTTP', text)

    def _send(
        self, method: str, place: str, body: bytes, media_type: str = "application/octet-stream"
    ) -> str:
        request = urllib.request.Request(  # noqa: S310  (http, to this machine)
            urllib.parse.urljoin(f"http://{self.host}", place),
            data=body,
            method=method,
            headers={"Content-Type": media_type},
        )
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as response:
            return str(response.headers.get("Location", ""))


@contextmanager
def real_registry(folder: Path, *, is_closed: bool = False) -> Iterator[RealRegistry]:
    """Run Debian's docker-registry on a free port; `is_closed` to all but the one user.

    The test is skipped where the program is not installed.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"{PROGRAM} is not installed (Debian's package has the same name)")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text(f"{USER}:{_HTPASSWD}\n", encoding="utf-8")
    settings: dict[str, Any] = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": "127.0.0.1:0", "secret": "of this test"},
    }
    if is_closed:
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "users")}}
    (folder / "settings.yml").write_text(json.dumps(settings), encoding="utf-8")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  (a server must run beside the test)
            [program, "serve", str(folder / "settings.yml")], stdout=out, stderr=out
        )
    try:
        host = f"127.0.0.1:{_port(process, log)}"
        yield RealRegistry(host, log, basic(USER, PASSWORD) if is_closed else "")
    finally:
        process.terminate()
        process.wait(10)


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        listening = _LISTENING.search(log.read_text(encoding="utf-8"))
        if listening is not None:
            return int(listening[1])
        time.sleep(0.02)
    raise AssertionError(f"{PROGRAM} did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def basic(user: str, password: str) -> str:
    """Return an Authorization header's value."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def write_login(folder: Path, host: str, **entry: str) -> Path:
    """Write docker's file of credentials with one entry, by default the user's; return its folder."""
    said = entry or {"auth": b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: said}}), encoding="utf-8")
    return folder

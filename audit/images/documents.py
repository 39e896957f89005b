"""The JSON documents of images: OCI index, manifest and configuration, and docker's manifest.json."""

import hashlib
import re
from typing import Any, TypeVar

import msgspec

from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.model.identity import Digest, Platform
from fleet_audit.audit.model.image import Healthcheck, ImageConfig

_NANOSECONDS = 1e9
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PlatformDocument(msgspec.Struct, frozen=True):
    """A platform as an index states it."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """Points at a blob (OCI image specification, descriptor.md)."""

    digest: str
    media_type: str = ""
    size: int = -1
    annotations: dict[str, str] | None = None
    platform: PlatformDocument | None = None

    @property
    def names(self) -> dict[str, str]:
        """Return the annotations."""
        return self.annotations or {}


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image manifest or an index: which of them it is shows in what it holds."""

    media_type: str = ""
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    manifests: tuple[Descriptor, ...] | None = None


class DockerImage(msgspec.Struct, frozen=True, rename="pascal"):
    """One image of docker's manifest.json."""

    config: str
    layers: tuple[str, ...] | None = None
    repo_tags: tuple[str, ...] | None = None


class _Healthcheck(msgspec.Struct, frozen=True, rename="pascal"):
    test: tuple[str, ...] | None = None
    interval: int = 0
    timeout: int = 0
    retries: int = 0


class _Runtime(msgspec.Struct, frozen=True, rename="pascal"):
    env: tuple[str, ...] | None = None
    user: str | None = None
    entrypoint: tuple[str, ...] | str | None = None
    cmd: tuple[str, ...] | str | None = None
    working_dir: str | None = None
    labels: dict[str, str | None] | None = None
    exposed_ports: dict[str, Any] | None = None
    volumes: dict[str, Any] | None = None
    healthcheck: _Healthcheck | None = None
    stop_signal: str | None = None
    shell: tuple[str, ...] | None = None
    on_build: tuple[str, ...] | None = None


class _History(msgspec.Struct, frozen=True):
    created_by: str | None = None
    empty_layer: bool = False


class _RootFilesystem(msgspec.Struct, frozen=True):
    diff_ids: tuple[str, ...] | None = None


class ConfigDocument(msgspec.Struct, frozen=True):
    """An image configuration (config.md), with docker's Healthcheck, which the OCI schema lacks."""

    os: str = ""
    architecture: str = ""
    variant: str = ""
    created: str | None = None
    config: _Runtime | None = None
    rootfs: _RootFilesystem = _RootFilesystem()
    history: tuple[_History, ...] | None = None

    @property
    def platform(self) -> Platform:
        """Return what the image was built for."""
        return Platform(self.os or "linux", self.architecture or "amd64", self.variant)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Return the diffID of every layer, lowest first."""
        return self.rootfs.diff_ids or ()

    def created_by(self, count: int) -> tuple[str, ...]:
        """Return the history line of each of `count` layers; empty where the history does not fit."""
        lines = [step.created_by or "" for step in self.history or () if not step.empty_layer]
        return tuple(lines) if len(lines) == count else ("",) * count

    def image_config(self) -> ImageConfig:
        """Return what the image would run."""
        runtime = self.config or _Runtime()
        pairs = (item.partition("=") for item in runtime.env or ())
        return ImageConfig(
            env={name: value for name, _, value in pairs},
            user=runtime.user or "",
            entrypoint=_words(runtime.entrypoint),
            cmd=_words(runtime.cmd),
            working_dir=runtime.working_dir or "/",
            labels={name: value or "" for name, value in (runtime.labels or {}).items()},
            exposed_ports=tuple(sorted(runtime.exposed_ports or ())),
            volumes=tuple(sorted(runtime.volumes or ())),
            healthcheck=_healthcheck(runtime.healthcheck),
            stop_signal=runtime.stop_signal or "",
            shell=runtime.shell or (),
            on_build=runtime.on_build or (),
            created=self.created or "",
        )


def _words(value: tuple[str, ...] | str | None) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return value or ()


def _healthcheck(found: _Healthcheck | None) -> Healthcheck | None:
    if found is None:
        return None
    return Healthcheck(
        test=found.test or (),
        interval_seconds=found.interval / _NANOSECONDS,
        timeout_seconds=found.timeout / _NANOSECONDS,
        retries=found.retries,
    )


DocumentT = TypeVar("DocumentT")


def parse_document(data: bytes, kind: type[DocumentT], *, ref: str, what: str) -> DocumentT:
    """Decode a document; raise ImageError naming `what` and the place of the mistake."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise ImageError(ref, f"its {what} is damaged ({e})", "save the image again") from e


def parse_digest(text: str, *, ref: str, what: str) -> Digest:
    """Return `text` as a digest; raise ImageError where it is none, since it also names a file."""
    if not _DIGEST.fullmatch(text):
        raise ImageError(ref, f"{what} has the digest {text[:80]!r}, which is no sha256 digest")
    return Digest(text)


def check_digest(data: bytes, digest: Digest, *, ref: str, what: str) -> None:
    """Raise ImageError unless `data` has this digest."""
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if found != digest:
        raise ImageError(
            ref, f"{what} has the digest {found}, but is filed as {digest}", "save the image again"
        )

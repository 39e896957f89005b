"""How images in registries are reached: what `images` asks for, and `tools` fetches."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fleet_audit.audit.images.failure import ImageError, LayerUnreadable
from fleet_audit.audit.images.found import Question
from fleet_audit.audit.images.pulled import Pulls, Registry
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.pipeline.run.settings import Settings

PULLED = "registries"
"""The cache's folder for what registries sent."""

_TRANSPORT = "registry:"


def registry_for(reference: str, settings: Settings) -> Registry | None:
    """Return what asks registries for images, where the reference names one."""
    if not reference.startswith(_TRANSPORT):
        return None

    def connect(question: Question) -> Pulls:
        return _Pulling(
            question.ref, question.place, settings.cache_dir / PULLED, is_offline=settings.is_offline
        )

    return connect


class _Pulling:
    """An image of a registry as `images` asks for it; what goes wrong is said as it is of images."""

    def __init__(self, ref: str, place: str, folder: Path, *, is_offline: bool) -> None:
        from fleet_audit.audit.tools.registry import RegistryImage  # noqa: PLC0415  (an HTTP client takes 15 ms)
        from fleet_audit.audit.tools.registry_reference import parse_reference  # noqa: PLC0415  (the same)

        self._ref = ref
        self._made_of = (ref, place, folder)
        self._is_offline = is_offline
        self._image = RegistryImage(parse_reference(place), folder, os.environ, is_offline=is_offline)

    def __reduce__(self) -> tuple[Callable[..., "_Pulling"], tuple[str, str, Path]]:
        # Connections cannot be handed to another process, and secrets should not be: it finds its own.
        return partial(_Pulling, is_offline=self._is_offline), self._made_of

    def named(self) -> bytes:
        with self._as_image_error():
            return self._image.named()

    def manifest(self, digest: Digest) -> bytes:
        with self._as_image_error():
            return self._image.manifest(digest)

    def document(self, digest: Digest, *, limit: int) -> bytes:
        with self._as_image_error():
            return self._image.document(digest, limit=limit)

    def blob(self, digest: Digest, size: int) -> Iterator[bytes]:
        with _as_layer_error():
            yield from self._image.blob(digest, size)

    def blob_file(self, digest: Digest, size: int) -> Path:
        with _as_layer_error():
            return self._image.blob_file(digest, size)

    @contextmanager
    def _as_image_error(self) -> Iterator[None]:
        from fleet_audit.audit.tools.fetch import FetchError  # noqa: PLC0415  (as above)

        try:
            yield
        except FetchError as e:
            raise ImageError(self._ref, str(e)) from e


@contextmanager
def _as_layer_error() -> Iterator[None]:
    from fleet_audit.audit.tools.fetch import FetchError  # noqa: PLC0415  (as above)

    try:
        yield
    except FetchError as e:
        raise LayerUnreadable(f"cannot be pulled: {e}") from e

"""What syft answers for one image, or why it does not."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.pipeline.scene import Scene
from fleet_audit.audit.pipeline.shared import Shared
from fleet_audit.audit.tools import syft
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.scanner import Scanner

VERSIONS = "scanners"
SCANS = "scans"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_TARGETS = {"docker-archive": "docker-archive:", "oci-archive": "oci-archive:", "dir": "dir:"}


class SyftAnswer(msgspec.Struct, frozen=True):
    """syft's document, where there is one, and what is to be said of it."""

    document: syft.SyftDocument | None = None
    tool: ToolUse | None = None
    gaps: tuple[Gap, ...] = ()


def syft_answer(reference: str, scene: Scene, shared: Shared, *, named: str = "") -> SyftAnswer:
    """Return what syft says of the image at `reference`; a gap where it is absent or fails.

    `named` is the program to ask. Nothing is downloaded, and no network used.
    """
    folder = shared.settings.cache_dir / VERSIONS
    try:
        scanner = syft.find_syft(os.environ, named=named, versions=FolderStore(folder))
        if scanner is None:
            return SyftAnswer(gaps=(_gap(f"it was not found; {syft.ADVICE}"),))
        document = _scanned(scanner, reference, scene, shared)
    except ToolError as e:
        return SyftAnswer(gaps=(_gap(str(e)),))
    return SyftAnswer(document, ToolUse(syft.NAME, document.descriptor.version))


def _gap(why: str) -> Gap:
    return Gap("sbom", GapKind.TOOL_FAILED, syft.NAME, f"{why}; what only syft finds is not listed")


def _scanned(scanner: Scanner, reference: str, scene: Scene, shared: Shared) -> syft.SyftDocument:
    folder = shared.settings.cache_dir / SCANS
    with _target(scene, folder) as target:
        if target is None:
            raise ToolError((syft.NAME,), f"cannot read {reference} by itself; save the image to a file")
        return syft.scan(scanner, target, folder=folder, jobs=shared.settings.jobs)


@contextmanager
def _target(scene: Scene, folder: Path) -> Iterator[str | None]:
    """Give the image as syft is to name it; None where it cannot read it."""
    ref = scene.image.identity.ref
    if ref.transport != "oci":
        beginning = _TARGETS.get(ref.transport)
        yield None if beginning is None else f"{beginning}{os.path.abspath(ref.name)}"
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".image-") as place:
        _single_image(Path(ref.name), Path(place), ref.digest)
        yield f"oci-dir:{place}"


def _single_image(layout: Path, place: Path, digest: Digest | None) -> None:
    """Make a layout of one image out of one that may hold several, which syft refuses."""
    if not layout.is_dir():
        layout = Path(str(layout).rpartition(":")[0])
    algorithm, _, name = (digest or "").partition(":")
    size = (layout / "blobs" / algorithm / name).stat().st_size
    manifest = {"mediaType": _MANIFEST, "digest": digest, "size": size}
    (place / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    (place / "index.json").write_bytes(msgspec.json.encode({"schemaVersion": 2, "manifests": [manifest]}))
    (place / "blobs").symlink_to((layout / "blobs").resolve())

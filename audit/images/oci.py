"""Finds an image in an OCI layout, folder or archive (OCI image specification, image-layout.md)."""

from collections.abc import Sequence

from fleet_audit.audit.images.blobs import Container
from fleet_audit.audit.images.documents import (
    ConfigDocument,
    Descriptor,
    Manifest,
    check_digest,
    parse_digest,
    parse_document,
)
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.found import FoundImage, FoundLayer, Question
from fleet_audit.audit.model.identity import DiffID, Digest, Platform
from fleet_audit.audit.model.image import Layer

REF_NAME = "org.opencontainers.image.ref.name"
FULL_NAME = "io.containerd.image.name"
_ATTESTATION = "vnd.docker.reference.type"
_MAX_NESTING = 8
_MAX_MANIFESTS = 1000

_LAYER_TYPES = frozenset(
    {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    }
)


def find_oci_image(container: Container, question: Question) -> FoundImage:
    """Return the image that `question` means; its digest is the manifest's.

    Raises ImageError where there is none, where several fit, and where a document is damaged.
    """
    ref = question.ref
    if not container.has("index.json"):
        raise ImageError(ref, "has no index.json: it is no OCI layout", "name another transport")
    index = parse_document(container.document("index.json"), Manifest, ref=ref, what="index.json")
    named = _named(index.manifests or (), question)
    leaves = [leaf for entry in named for leaf in _leaves(container, entry, ref, _MAX_NESTING)]
    digest, manifest = _chosen(container, leaves, question)
    return _described(container, digest, manifest, question)


def find_variants(container: Container, question: Question) -> tuple[tuple[Platform, ...], int]:
    """Return the platforms that an image is stored for, sorted, and how many attestations stand beside it.

    Attestations are what BuildKit stores in the same index: an SBOM, or how the image was made. Raises
    ImageError where there is no such image, or a document is damaged.
    """
    ref = question.ref
    index = parse_document(container.document("index.json"), Manifest, ref=ref, what="index.json")
    entries = _named(index.manifests or (), question)
    leaves = [leaf for entry in entries for leaf in _leaves(container, entry, ref, _MAX_NESTING)]
    present = [(entry, manifest) for entry, _, manifest in leaves if manifest.config is not None]
    platforms = {_platform(container, entry, manifest, ref) for entry, manifest in present}
    listed = [
        child for entry in (*(index.manifests or ()), *entries) for child in _listed(container, entry, ref)
    ]
    attestations = {child.digest for child in listed if _ATTESTATION in child.names}
    return tuple(sorted(platforms)), len(attestations)


def _listed(container: Container, entry: Descriptor, ref: str) -> tuple[Descriptor, ...]:
    """Return an entry, and those that it lists where it is an index itself."""
    name = blob_name(parse_digest(entry.digest, ref=ref, what="an entry of its index"))
    if _ATTESTATION in entry.names or not container.has(name):
        return (entry,)
    manifest = parse_document(container.document(name), Manifest, ref=ref, what=f"manifest {entry.digest}")
    return (entry, *(manifest.manifests or ())[:_MAX_MANIFESTS])


def _label(entry: Descriptor) -> str:
    return entry.names.get(FULL_NAME) or entry.names.get(REF_NAME) or entry.digest


def _named(entries: Sequence[Descriptor], question: Question) -> list[Descriptor]:
    """Return the entries of the layout's index that the choice names; without one, the only name's."""
    images = [entry for entry in entries[:_MAX_MANIFESTS] if _ATTESTATION not in entry.names]
    if not images:
        raise ImageError(question.ref, "its index.json lists no image")
    labels = sorted({_label(entry) for entry in images})
    if question.choice:
        chosen = [entry for entry in images if _is_called(entry, question.choice)]
        if not chosen and question.choice.startswith("sha256:"):
            return images
        if not chosen:
            raise ImageError(
                question.ref, f"holds no image called {question.choice}", f"there is {', '.join(labels)}"
            )
        return chosen
    names = {entry.names.get(FULL_NAME) or entry.names.get(REF_NAME) for entry in images}
    if len(names) > 1:
        raise ImageError(question.ref, "holds several images", f"add one of :{', :'.join(labels)}")
    return images


def _is_called(entry: Descriptor, choice: str) -> bool:
    full = entry.names.get(FULL_NAME, "")
    return choice in (entry.names.get(REF_NAME), full, familiar(full), entry.digest)


def familiar(name: str) -> str:
    """Return an image's name as people type it: without docker's default registry and library."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def _leaves(
    container: Container, entry: Descriptor, ref: str, depth: int
) -> list[tuple[Descriptor, Digest, Manifest]]:
    """Return the manifests below an index entry; an empty one stands for each that is not there."""
    if _ATTESTATION in entry.names:
        return []
    digest = parse_digest(entry.digest, ref=ref, what="an entry of its index")
    name = blob_name(digest)
    if not container.has(name):
        return [(entry, digest, Manifest())]
    data = container.document(name)
    check_digest(data, digest, ref=ref, what=f"the manifest {name}")
    manifest = parse_document(data, Manifest, ref=ref, what=f"manifest {digest}")
    if manifest.manifests is None:
        return [(entry, digest, manifest)]
    if depth == 0:
        raise ImageError(ref, f"its indexes are nested more than {_MAX_NESTING} deep")
    below = manifest.manifests[:_MAX_MANIFESTS]
    return [leaf for child in below for leaf in _leaves(container, child, ref, depth - 1)]


def blob_name(digest: Digest) -> str:
    """Return where a layout keeps a blob."""
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _chosen(
    container: Container, leaves: Sequence[tuple[Descriptor, Digest, Manifest]], question: Question
) -> tuple[Digest, Manifest]:
    ref = question.ref
    by_digest = {digest: (entry, manifest) for entry, digest, manifest in leaves}
    if question.choice in by_digest:
        by_digest = {Digest(question.choice): by_digest[Digest(question.choice)]}
    present = {d: pair for d, pair in by_digest.items() if pair[1].config is not None}
    if not present:
        what = "lists only manifests that it does not hold" if by_digest else "lists no image manifest"
        raise ImageError(ref, what, "save the image again")
    platforms = {d: _platform(container, *pair, ref) for d, pair in present.items()}
    wanted = question.platform or (Platform() if len(present) > 1 else None)
    fitting = [d for d, platform in platforms.items() if wanted is None or fits(platform, wanted)]
    offered = ", ".join(sorted({str(platform) for platform in platforms.values()}))
    if not fitting:
        raise ImageError(ref, f"has no image for {wanted}", f"there is {offered}: choose with --platform")
    if len(fitting) > 1:
        raise ImageError(
            ref, f"holds {len(fitting)} images for {wanted}", f"add one of :{', :'.join(sorted(fitting))}"
        )
    return fitting[0], present[fitting[0]][1]


def _platform(container: Container, entry: Descriptor, manifest: Manifest, ref: str) -> Platform:
    stated = entry.platform
    if stated is not None and stated.os and stated.architecture:
        return Platform(stated.os, stated.architecture, stated.variant)
    return _config(container, manifest, ref).platform


def fits(platform: Platform, wanted: Platform) -> bool:
    """Say whether an image for `platform` is what `wanted` asks for; an unstated variant fits any."""
    same = (platform.os, platform.architecture) == (wanted.os, wanted.architecture)
    return same and wanted.variant in ("", platform.variant)


def _config(container: Container, manifest: Manifest, ref: str) -> ConfigDocument:
    if manifest.config is None:
        raise ImageError(ref, "its manifest names no configuration")
    digest = parse_digest(manifest.config.digest, ref=ref, what="its configuration")
    data = container.document(blob_name(digest))
    check_digest(data, digest, ref=ref, what="its configuration")
    return parse_document(data, ConfigDocument, ref=ref, what="configuration")


def _described(container: Container, digest: Digest, manifest: Manifest, question: Question) -> FoundImage:
    ref = question.ref
    config = _config(container, manifest, ref)
    layers = manifest.layers or ()
    check_layers(len(layers), config, question)
    lines = config.created_by(len(layers))
    found = tuple(
        _layer(container, descriptor, diff_id, line, ref)
        for descriptor, diff_id, line in zip(layers, config.diff_ids, lines, strict=True)
    )
    return FoundImage(digest, config.platform, config.image_config(), found)


def check_layers(count: int, config: ConfigDocument, question: Question) -> None:
    """Raise ImageError unless manifest and configuration agree on the number of layers, within limits."""
    if count != len(config.diff_ids):
        raise ImageError(
            question.ref,
            f"its manifest lists {count} layers, but its configuration {len(config.diff_ids)}",
            "this may be an artifact that is no container image",
        )
    if count > question.limits.layers:
        raise ImageError(question.ref, f"has {count} layers, over the limit of {question.limits.layers}")


def _layer(container: Container, descriptor: Descriptor, diff_id: str, line: str, ref: str) -> FoundLayer:
    digest = parse_digest(descriptor.digest, ref=ref, what="a layer")
    checked = DiffID(parse_digest(diff_id, ref=ref, what="a layer's diffID"))
    blob = container.blob(blob_name(digest))
    layer = Layer(checked, digest, descriptor.media_type, max(descriptor.size, 0), line)
    refusal = ""
    if descriptor.media_type not in _LAYER_TYPES:
        refusal = f"has the media type {descriptor.media_type!r}, which is unknown"
    elif blob is None:
        refusal = "is missing from the layout"
    elif descriptor.size not in (-1, blob.size):
        refusal = f"has {blob.size} bytes, but the manifest says {descriptor.size}"
    return FoundLayer(layer, blob, refusal)

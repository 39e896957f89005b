"""Finds an image in what ``docker save`` writes (moby, image/tarexport).

The archive carries no manifest digest, so the image's digest is its configuration's, which docker calls
the image's ID.
"""

import hashlib
from collections.abc import Sequence

from fleet_audit.audit.images.blobs import Container
from fleet_audit.audit.images.documents import (
    ConfigDocument,
    DockerImage,
    parse_digest,
    parse_document,
)
from fleet_audit.audit.images.failure import ImageError
from fleet_audit.audit.images.found import FoundImage, FoundLayer, Question
from fleet_audit.audit.images.oci import check_layers, familiar, fits
from fleet_audit.audit.model.identity import DiffID, Digest
from fleet_audit.audit.model.image import Layer

LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar"


def find_docker_image(container: Container, question: Question) -> FoundImage:
    """Return the image that `question` means; raises ImageError where there is none or several."""
    ref = question.ref
    if not container.has("manifest.json"):
        raise ImageError(
            ref, "has no manifest.json: it is no docker archive", "an OCI archive is named oci-archive:FILE"
        )
    data = container.document("manifest.json")
    images = parse_document(data, tuple[DockerImage, ...], ref=ref, what="manifest.json")
    image = _chosen(images, question)
    return _described(container, image, question)


def _chosen(images: Sequence[DockerImage], question: Question) -> DockerImage:
    ref = question.ref
    if not images:
        raise ImageError(ref, "its manifest.json lists no image")
    labels = [_label(image, position) for position, image in enumerate(images)]
    if not question.choice:
        if len(images) > 1:
            raise ImageError(ref, "holds several images", f"add one of :{', :'.join(labels)}")
        return images[0]
    if question.choice in (f"@{position}" for position in range(len(images))):
        return images[int(question.choice[1:])]
    wanted = _full(question.choice)
    for image in images:
        if wanted in map(_full, image.repo_tags or ()):
            return image
    raise ImageError(ref, f"holds no image called {question.choice}", f"there is {', '.join(labels)}")


def _label(image: DockerImage, position: int) -> str:
    return ", :".join(image.repo_tags or ()) or f"@{position}"


def _full(name: str) -> str:
    """Return a name without docker's defaults and with its tag, so that equal images compare equal."""
    name = familiar(name.removeprefix("localhost/"))
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _described(container: Container, image: DockerImage, question: Question) -> FoundImage:
    ref = question.ref
    data = container.document(image.config)
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    _check_name(image.config, digest, ref)
    config = parse_document(data, ConfigDocument, ref=ref, what="configuration")
    if question.platform is not None and not fits(config.platform, question.platform):
        raise ImageError(
            ref,
            f"has no image for {question.platform}",
            f"there is {config.platform}: choose with --platform",
        )
    names = image.layers or ()
    check_layers(len(names), config, question)
    lines = config.created_by(len(names))
    found = tuple(
        _layer(container, name, diff_id, line, ref)
        for name, diff_id, line in zip(names, config.diff_ids, lines, strict=True)
    )
    return FoundImage(digest, config.platform, config.image_config(), found)


def _check_name(name: str, digest: Digest, ref: str) -> None:
    """Compare the digest that a configuration's name states with its own; old archives state none."""
    stated = name.rpartition("/")[2].removesuffix(".json")
    if len(stated) == 64 and stated != digest.removeprefix("sha256:"):
        raise ImageError(
            ref, f"its configuration has the digest {digest}, but is filed as {name}", "save the image again"
        )


def _layer(container: Container, name: str, diff_id: str, line: str, ref: str) -> FoundLayer:
    checked = DiffID(parse_digest(diff_id, ref=ref, what="a layer's diffID"))
    blob = container.blob(name)
    refusal = "" if blob is not None else f"is missing from the archive ({name})"
    size = blob.size if blob is not None else 0
    return FoundLayer(Layer(checked, None, LAYER_TYPE, size, line), blob, refusal)

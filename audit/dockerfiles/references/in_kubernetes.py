"""The images that Kubernetes objects and kustomizations name.

Rules: Kubernetes API reference (PodSpec: containers, initContainers, ephemeralContainers, image volumes;
List); kubectl reference, "kustomization", field images. Custom resources are searched at the places where
operators of wide use keep images: containers as in a pod, steps and sidecars (Tekton), ``container`` and
``script`` (Argo), ``spec.image``.
"""

from collections.abc import Iterator

from fleet_audit.audit.configuration.located import Located, View
from fleet_audit.audit.dockerfiles.references.partly_known import OPEN, Place, opened, reference_at
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.references import Reference, ReferenceKind, suffix

_LISTS = frozenset({"containers", "initContainers", "ephemeralContainers", "steps", "sidecars"})
_SINGLE = frozenset({"container", "script"})
_CORE = ("v1", "apps", "batch")
"""The groups of the API that Kubernetes itself has containers in."""

_OPAQUE = frozenset({"metadata", "data", "binaryData", "stringData", "status"})
"""Parts of an object that describe it, or that other programs read."""


def is_object(document: Located) -> bool:
    """Say whether a YAML document is an object of Kubernetes: it has an API version and a kind."""
    view = document.view()
    return bool(view.get("apiVersion").text and view.get("kind").text)


def is_kustomization(path: str, document: Located) -> bool:
    """Say whether a YAML document is a kustomization: by its kind, or else by the name of its file."""
    kind = document.view().get("kind").text
    name = path.rpartition("/")[2]
    return (
        kind in ("Kustomization", "Component")
        if kind
        else name in ("kustomization.yaml", "kustomization.yml")
    )


def references_of_object(path: str, document: Located) -> Iterator[Reference]:
    """Yield the references of an object, also of each in a List.

    In a custom resource a text that is no reference may be something else: an address, a file, a name.
    """
    view = document.view()
    is_core = (view.get("apiVersion").text or "").partition("/")[0] in _CORE
    for reference in _in_object(path, view, is_core=is_core):
        if is_core or not reference.problem:
            yield reference


def _in_object(path: str, view: View, *, is_core: bool) -> Iterator[Reference]:
    image = view.get("spec").get("image")
    if not is_core and image.text and not {"/", ":"}.isdisjoint(image.text):
        yield _reference(path, image, view.get("metadata").get("name").text or "")
    pending = [view]
    while pending:
        here = pending.pop()
        for key, value in here.entries():
            if key in _OPAQUE:
                continue
            if key in _LISTS:
                yield from _images(path, value)
            elif key in _SINGLE and value.get("image").text:
                yield _reference(path, value.get("image"), value.get("name").text or "")
            elif key == "volumes":
                yield from _volumes(path, value)
            if isinstance(value.value, dict | list):
                pending.append(value)
        pending += (each for each in here.elements() if isinstance(each.value, dict | list))


def _images(path: str, containers: View) -> Iterator[Reference]:
    for container in containers.elements():
        if container.get("image").text:
            yield _reference(path, container.get("image"), container.get("name").text or "")


def _volumes(path: str, volumes: View) -> Iterator[Reference]:
    for volume in volumes.elements():
        image = volume.get("image").get("reference")
        if image.text:
            yield _reference(path, image, volume.get("name").text or "")


def _reference(path: str, image: View, name: str) -> Reference:
    written = image.text or ""
    place = Place(_location(path, image), ReferenceKind.KUBERNETES, name)
    return reference_at(place, opened(written), written)


def _location(path: str, view: View) -> SourceLocation:
    return SourceLocation(path, view.located.line(view.path))


def references_of_kustomization(path: str, document: Located) -> Iterator[Reference]:
    """Yield what the ``images`` of a kustomization make of the names that they change.

    A tag that is not given is that of the object, which is not known here. Flux keeps the same list below
    ``spec`` (fluxcd.io, "Kustomization").
    """
    view = document.view()
    for image in (*view.get("images").elements(), *view.get("spec").get("images").elements()):
        name, new = image.get("name").text, image.get("newName")
        if not name or not (new.text or image.get("newTag").written or image.get("digest").text):
            continue
        tag, digest = image.get("newTag").written, image.get("digest").text or ""
        # A digest takes the place of the tag (kustomize, transformer "image").
        behind = suffix("" if digest else tag or OPEN, digest)
        shown = new if new.text else image.get("newTag") if tag else image.get("digest")
        place = Place(_location(path, shown), ReferenceKind.KUSTOMIZE, name)
        yield reference_at(place, opened((new.text or name) + behind))

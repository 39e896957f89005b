"""What Kubernetes objects start from images: the containers of their pods.

Rules: Kubernetes API reference, Container: ``command`` stands for the image's ENTRYPOINT and ``args`` for its
CMD, which does not count where a command is given ("Define a Command and Arguments for a Container").
"""

import posixpath
from collections.abc import Iterator

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.drafting.composed import PORTS_END, Composed
from fleet_audit.audit.dockerfiles.kinds import FileRole
from fleet_audit.audit.dockerfiles.references.in_kubernetes import is_object
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import full_name
from fleet_audit.audit.model.draft import Fields, Guess
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation

_POD = ("spec",)
_TEMPLATES = {
    "Pod": _POD,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
} | dict.fromkeys(
    ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"),
    ("spec", "template", "spec"),
)
"""Where the pod stands in each kind of object."""

MAX_OBJECTS = 2000


def deployed_services(repository: Repository) -> tuple[Composed, ...]:
    """Return the containers that the repository's Kubernetes objects start, in order of files."""
    found: dict[tuple[str, str], Composed] = {}
    for path in repository.files(FileRole.YAML):
        if "containers" not in (repository.text(path) or ""):
            continue
        read = repository.yaml(path, kind=GapKind.NOT_EXAMINED)
        for document in (read.documents if read is not None else ())[:MAX_OBJECTS]:
            if is_object(document):
                for service in _of_object(path, document.view()):
                    found.setdefault((service.folder, service.name), service)
    return tuple(found.values())


def _of_object(path: str, view: View) -> Iterator[Composed]:
    pod = view
    for step in _TEMPLATES.get(view.get("kind").text or "", ("",)):
        pod = pod.get(step)
    containers = [*pod.get("containers").elements()]
    for container in containers:
        own = view.get("metadata").get("name") if len(containers) == 1 else container.get("name")
        image = full_name(container.get("image").text or "")
        if own.text and image:
            location = SourceLocation(path, container.located.line(container.path))
            yield Composed(
                name=own.text,
                folder=posixpath.dirname(path) or ".",
                location=location,
                image=image,
                entrypoint=_words(container.get("command")),
                command=_words(container.get("args")),
                fields=_fields(container, location),
            )


def _words(view: View) -> tuple[str, ...] | None:
    # What a variable stands for ($(NAME)) is not followed.
    return tuple(word for word, _ in view.texts()) if isinstance(view.value, list) else None


def _fields(container: View, location: SourceLocation) -> Fields:
    ports = [port.get("containerPort").value for port in container.get("ports").elements()]
    known = [port for port in ports if isinstance(port, int) and 0 < port < PORTS_END]
    return {"ports": Guess({"svc": known[0]}, f"the container at {location}")} if known else {}

"""What ``uses`` names: an action of a repository, one of this repository, an image.

Rules: docs.github.com, "Workflow syntax for GitHub Actions", ``jobs.<job_id>.steps[*].uses`` and
``jobs.<job_id>.uses``.
"""

import posixpath

from fleet_audit.audit.model.workflows import ActionKind, ActionUse, Written

_IMAGE = "docker://"


def below(folder: str, path: str) -> str | None:
    """Return a path relative to a folder, both below the repository's root; None where it leads out of it."""
    found = posixpath.normpath(posixpath.join(folder, path))
    return None if found.startswith(("/", "../")) or found == ".." else found


def read_use(written: Written) -> ActionUse:
    """Return what a text behind ``uses`` names; local ones are relative to the repository's root."""
    text = written.text.strip()
    if text.startswith(_IMAGE):
        return ActionUse(ActionKind.DOCKER, written, name=text.removeprefix(_IMAGE))
    if text.startswith("./"):
        path = below(".", text)
        kind = ActionKind.UNKNOWN if path is None or "${{" in text else ActionKind.LOCAL
        return ActionUse(kind, written, path=path or "")
    name, at, ref = text.partition("@")
    parts = name.split("/", 2)
    if not at or not ref or len(parts) < 2 or "${{" in text:
        return ActionUse(ActionKind.UNKNOWN, written)
    repository = f"{parts[0]}/{parts[1]}".lower()
    return ActionUse(ActionKind.REPOSITORY, written, repository, parts[2] if len(parts) == 3 else "", ref)

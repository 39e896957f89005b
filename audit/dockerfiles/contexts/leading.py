"""Where in the repository the paths lead by which builds name their contexts and Dockerfiles."""

import posixpath
import re

import msgspec

REPOSITORY = "."
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|git@|github\.com/")


class Place(msgspec.Struct, frozen=True):
    """A path below the repository's root (``.`` for the root), or why it is none.

    `is_open` where it may be one all the same: it holds a value that is not known.
    """

    path: str = ""
    reason: str = ""
    is_open: bool = False

    @property
    def is_known(self) -> bool:
        """Say whether it is a path of the repository."""
        return bool(self.path)


def is_address(written: str) -> bool:
    """Say whether a context is fetched from elsewhere (docs.docker.com, "Build context", remote contexts)."""
    return _ADDRESS.match(written) is not None


def place(folder: str, written: str) -> Place:
    """Return where `written` leads from a folder of the repository."""
    if is_address(written):
        return Place(reason=f"{written} is an address")
    if written.startswith(("/", "~")) or "\\" in written:
        return Place(reason=f"{written} is a path of the machine that builds")
    path = posixpath.normpath(posixpath.join(folder, written))
    if path == ".." or path.startswith("../"):
        return Place(reason=f"{written} leads out of the repository")
    return Place(path)


def dockerfile_place(context: Place, written: str) -> Place:
    """Return where a Dockerfile stands that is named from its context, as compose and bake name it.

    One that is not named stands in the context: where that is not known, the Dockerfile is no more open.
    """
    if not context.is_known and not written.startswith("/"):
        return Place(reason=context.reason, is_open=context.is_open and bool(written))
    return place(context.path, written or "Dockerfile")

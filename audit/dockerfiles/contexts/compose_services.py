"""The services of compose files as far as they say how an image is built.

Rules: docs.docker.com, Compose file reference, "Services", "Compose Build Specification", "Merge", "Extends",
"Interpolation". Paths are taken from the folder of the file that names them.
"""

from collections.abc import Iterator, Mapping

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.dockerfiles.contexts.interpolation import interpolated
from fleet_audit.audit.dockerfiles.contexts.leading import Place, is_address, place
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.yaml_texts import as_text
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.location import SourceLocation

MAX_EXTENDS = 50

_ADDED_CONTEXTS = ("docker-image://", "target:", "service:", "oci-layout://")


class Said(msgspec.Struct, frozen=True):
    """A value with its place; `text` is None where a variable in it has no known value."""

    text: str | None
    location: SourceLocation


class BuildSection(msgspec.Struct, frozen=True, kw_only=True):
    """A ``build:`` as far as it is given: None, or nothing, for what is not."""

    location: SourceLocation
    context: Place | None = None
    dockerfile: Said | None = None
    inline: Said | None = None
    target: Said | None = None
    args: Mapping[str, str | None] = {}
    platforms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    contexts: Mapping[str, str] = {}

    def over(self, below: "BuildSection") -> "BuildSection":
        """Return this section merged over another: mappings by key, lists one behind the other."""
        return BuildSection(
            location=self.location,
            context=self.context or below.context,
            dockerfile=self.dockerfile or below.dockerfile,
            inline=self.inline or (None if self.dockerfile else below.inline),
            target=self.target or below.target,
            args={**below.args, **self.args},
            platforms=tuple(dict.fromkeys((*below.platforms, *self.platforms))),
            tags=tuple(dict.fromkeys((*below.tags, *self.tags))),
            contexts={**below.contexts, **self.contexts},
        )


class ComposeService(msgspec.Struct, frozen=True, kw_only=True):
    """A service; `has_build` where the file itself says something about building it."""

    build: BuildSection | None = None
    image: Said | None = None
    platform: str = ""
    has_build: bool = False
    drops_build: bool = False

    def over(self, below: "ComposeService") -> "ComposeService":
        """Return this service merged over the same one of a file before."""
        build = self.build
        if build is None and not self.drops_build:
            build = below.build
        elif build is not None and below.build is not None and not self.drops_build:
            build = build.over(below.build)
        return ComposeService(
            build=build,
            image=self.image or below.image,
            platform=self.platform or below.platform,
            has_build=self.has_build,
        )


Services = Mapping[str, ComposeService]


class ComposeReader:
    """Reads compose files: the services of each, what they extend included."""

    def __init__(self, repository: Repository, *, tells: bool = True) -> None:
        """Take the repository; nothing is read before it is asked for.

        What is missing is reported where it `tells`: not where files are read as nobody may read them.
        """
        self._repository = repository
        self._tells = tells
        self._read: dict[str, Mapping[str, View]] = {}
        self._made: dict[tuple[str, str, str], ComposeService] = {}
        """What others extend, by its file, its name and the folder that paths are taken from."""

    def services(self, path: str, folder: str, values: Mapping[str, str]) -> Services:
        """Return the services of a compose file; `folder` is what its paths are taken from."""
        self._made.clear()
        return {
            name: self._service(view, path, folder, values, ((path, name),))
            for name, view in self._views(path).items()
        }

    def _views(self, path: str) -> Mapping[str, View]:
        if path not in self._read:
            self._read[path] = self._services_of(path)
        return self._read[path]

    def _services_of(self, path: str) -> Mapping[str, View]:
        read = self._repository.yaml(path)
        if read is None or not read.documents:
            return {}
        for problem in read.problems:
            # Compose reads nothing of a file in which a key is given twice.
            why = f"compose refuses it: {problem.key}: {problem.message}"
            self._repository.report(path, why, line=problem.line)
        return dict(read.documents[0].view("services").entries())

    def _service(
        self,
        view: View,
        path: str,
        folder: str,
        values: Mapping[str, str],
        chain: tuple[tuple[str, str], ...],
    ) -> ComposeService:
        section = view.get("build")
        tag = view.located.tags.get(section.path, "")
        own = ComposeService(
            build=None if tag == "!reset" else _section(section, path, folder, values),
            image=_said(view.get("image"), path, values),
            platform=interpolated(view.get("platform").text or "", values) or "",
            has_build=section.value is not None,
            drops_build=tag in ("!reset", "!override"),
        )
        extended = self._extended(view.get("extends"), path, folder, values, chain)
        return own if extended is None else own.over(extended)

    def _extended(
        self,
        extends: View,
        path: str,
        folder: str,
        values: Mapping[str, str],
        chain: tuple[tuple[str, str], ...],
    ) -> ComposeService | None:
        name = interpolated(extends.text or extends.get("service").text or "", values)
        if not name:
            return None
        line = extends.located.line(extends.path)
        file = extends.get("file").text
        if file is not None:
            found = self._file(file, folder, values)
            if found is None:
                self._tell(path, line, f"it extends a service of {file}, which is not in the repository")
                return None
            path, folder = found, found.rpartition("/")[0] or "."
        step = (path, name)
        if step in chain or len(chain) > MAX_EXTENDS:
            self._tell(path, line, f"the service {name} extends itself")
            return None
        view = self._views(path).get(name)
        if view is None:
            self._tell(path, line, f"it extends the service {name}, which is not there")
            return None
        if (*step, folder) not in self._made:
            self._made[*step, folder] = self._service(view, path, folder, values, (*chain, step))
        return self._made[*step, folder]

    def _file(self, written: str, folder: str, values: Mapping[str, str]) -> str | None:
        name = interpolated(written, values)
        found = Place() if name is None else place(folder, name)
        return found.path if found.is_known and self._repository.holds(found.path) else None

    def _tell(self, path: str, line: int, why: str) -> None:
        if self._tells:
            self._repository.report(path, why, line=line, kind=GapKind.NOT_EXAMINED)


def _said(view: View, path: str, values: Mapping[str, str]) -> Said | None:
    text = as_text(view.value)
    if text is None or view.value is None:
        return None
    return Said(interpolated(text, values), SourceLocation(path, view.located.line(view.path)))


def _section(view: View, path: str, folder: str, values: Mapping[str, str]) -> BuildSection | None:
    if not isinstance(view.value, str | dict):
        return None
    location = SourceLocation(path, view.located.line(view.path))
    if view.text is not None:
        return BuildSection(location=location, context=_context(view, folder, values))
    return BuildSection(
        location=location,
        context=_context(view.get("context"), folder, values),
        dockerfile=_said(view.get("dockerfile"), path, values),
        inline=_said(view.get("dockerfile_inline"), path, values),
        target=_said(view.get("target"), path, values),
        args=dict(_pairs(view.get("args"), values)),
        platforms=tuple(_texts(view.get("platforms"), values)),
        tags=tuple(_texts(view.get("tags"), values)),
        contexts={
            name: _added(value, folder)
            for name, value in _pairs(view.get("additional_contexts"), values)
            if value
        },
    )


def _context(view: View, folder: str, values: Mapping[str, str]) -> Place | None:
    if view.text is None:
        return None
    text = interpolated(view.text, values)
    if text is None:
        reason = f"{view.text} names a variable that the repository gives no value"
        return Place(reason=reason, is_open=True)
    return place(folder, text)


def _added(written: str, folder: str) -> str:
    if written.startswith(_ADDED_CONTEXTS) or is_address(written):
        return written
    return place(folder, written).path


def _pairs(view: View, values: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield names and values of a mapping, or of a list of ``NAME=value``; None for one from outside."""
    for name, entry in view.entries():
        text = None if entry.value is None else as_text(entry.value)
        yield name, None if text is None else interpolated(text, values)
    for written, _ in view.texts() if view.text is None else ():
        name, equals, text = written.partition("=")
        yield name, interpolated(text, values) if equals else None


def _texts(view: View, values: Mapping[str, str]) -> Iterator[str]:
    for written, _ in view.texts():
        text = interpolated(written, values)
        if text:
            yield text

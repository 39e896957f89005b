"""Scripts and modules that images start and that nothing brings.

Rules: Dockerfile reference, COPY (what a source becomes at its destination); Python's command line (``-m``)
and uvicorn's and gunicorn's (``MODULE:APP``). Nothing is said where anything else may bring the file.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import ContextFiles, Contexts
from fleet_audit.audit.dockerfiles.copying.ignoring import IgnoreRules
from fleet_audit.audit.dockerfiles.copying.matching import has_wildcard
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.running.configuration import Step
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.instructions import run_script
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, own_steps
from fleet_audit.audit.dockerfiles.standards.processes import behind_init
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.running import shell_text
from fleet_audit.audit.model.standards import Observed, StartFile

MAX_COPIED = 500
"""Sources of COPY instructions beyond which an image's start is not followed."""

_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")
_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "daphne"})
_APPLICATION = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):[A-Za-z_][\w.]*(?:\(\))?")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_FLAGS_ALONE = re.compile(r"-[bBdEhiIOPqsSuvVx]+")
_SYSTEM_FOLDERS = ("/bin/", "/sbin/", "/usr/", "/lib", "/etc/", "/opt/", "/docker-entrypoint")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst")
_HARMLESS = frozenset(
    {
        *("apt-get", "apt", "apk", "dpkg", "pip", "pip3", "uv", "rm", "chmod", "chown", "mkdir", "useradd"),
        *("groupadd", "adduser", "addgroup", "usermod", "ldconfig", "set", "echo", "true", "test", "["),
    }
)
"""Programs of RUN instructions that make no file of a service's own."""


class _Wanted(msgspec.Struct, frozen=True):
    """A script or module that is started: any of `candidates` will do."""

    kind: str
    name: str
    candidates: tuple[str, ...]


class _Brought(msgspec.Struct, frozen=True):
    """What a COPY brings from the context: `source` becomes `place`; None for what is not known."""

    source: str | None
    place: str


def start_file(image: MadeImage, bases: Bases, contexts: Contexts) -> Observed | None:
    """Return the script or module that an image's own Dockerfile starts and that is certainly missing."""
    command = image.run.cmd if image.run.cmd is not None else image.run.entrypoint
    folder = image.run.working_dir
    build = image.builds[0] if image.builds else None
    if command is None or build is None or not build.context or "context" in build.unknown:
        return None
    if (
        not image.run.is_whole
        or folder is None
        or not folder.is_known
        or not image.stands_here(command.location)
    ):
        return None
    wanted = _wanted(image, folder.value)
    brought = None if wanted is None else _brought(image, bases)
    if wanted is None or brought is None:
        return None
    rules = contexts.rules(build.context, image.use.path)
    why = _why_missing(wanted, brought, contexts.files(build.context), rules)
    if not why:
        return None
    record = StartFile(
        image=image.name,
        role=image.role,
        kind=wanted.kind,
        name=wanted.name,
        path=wanted.candidates[0],
        is_missing=True,
        reason=why,
        services=image.services,
    )
    return Observed(record, f"image:{image.name}#{wanted.name}", location=command.location)


def started_source(image: MadeImage, bases: Bases, contexts: Contexts) -> str | None:
    """Return the file of the repository that comes to be the script or module that an image starts.

    None where that is not known; who else may bring the file is not asked.
    """
    folder = image.run.working_dir
    build = image.builds[0] if image.builds else None
    if build is None or not build.context or folder is None or not folder.is_known:
        return None
    wanted = _wanted(image, folder.value)
    values = image.use.values()
    copied = [_copied(step, values) for step in own_steps(image, bases) if step.instruction.keyword == "COPY"]
    brought = [each for found in copied if found is not None for each in found]
    files, rules = contexts.files(build.context), contexts.rules(build.context, image.use.path)
    for candidate in () if wanted is None else wanted.candidates:
        for each in brought:
            source = _source(candidate, each, files)
            if source and files.kind(source) is FileKind.FILE and files.find(source, rules).exists:
                return posixpath.normpath(posixpath.join(build.context, source))
    return None


def _source(path: str, brought: _Brought, files: ContextFiles) -> str:
    """Return what of the context would become a file of the image; empty where a COPY does not reach it."""
    place = brought.place.rstrip("/") or "/"
    inside = posixpath.relpath(path, place)
    if brought.source is None or inside.startswith(".."):
        return ""
    if files.kind(brought.source) is FileKind.FOLDER:
        return posixpath.normpath(posixpath.join(brought.source, inside))
    return brought.source if inside in (".", posixpath.basename(brought.source)) else ""


def _wanted(image: MadeImage, folder: str) -> _Wanted | None:
    words = behind_init(image.run.starting)
    if not words or shell_text(words) is not None:
        return None
    program, *arguments = words
    name = program.rpartition("/")[2]
    if _PYTHON.fullmatch(name):
        return _wanted_of_python(arguments, _roots(image, folder), folder)
    if name in _SERVERS:
        found = next((match[1] for word in arguments if (match := _APPLICATION.fullmatch(word))), None)
        has_own_folder = any(word.startswith(("--app-dir", "--chdir", "--pythonpath")) for word in arguments)
        return (
            None if found is None or has_own_folder else _module(found, _roots(image, folder), is_run=False)
        )
    if program.startswith(("/", "./")) and name.endswith((".sh", ".py")):
        return _Wanted("script", program, (posixpath.normpath(posixpath.join(folder, program)),))
    return None


def _wanted_of_python(arguments: Sequence[str], roots: Sequence[str], folder: str) -> _Wanted | None:
    words = [*arguments]
    while words and _FLAGS_ALONE.fullmatch(words[0]):
        words.pop(0)
    match words:
        case ["-m", module, *_] if _MODULE.fullmatch(module):
            return _module(module, roots, is_run=True)
        case [script, *_] if script.endswith(".py"):
            return _Wanted("script", script, (posixpath.normpath(posixpath.join(folder, script)),))
        case _:
            return None


def _module(name: str, roots: Sequence[str], *, is_run: bool) -> _Wanted:
    path = name.replace(".", "/")
    ends = (f"{path}.py", f"{path}/__main__.py" if is_run else f"{path}/__init__.py")
    # An __init__.py is no program, but a namespace package has none.
    return _Wanted("module", name, tuple(posixpath.join(root, end) for root in roots for end in ends))


def _roots(image: MadeImage, folder: str) -> tuple[str, ...]:
    path = image.run.variable("PYTHONPATH")
    named = path.value.split(":") if path is not None and path.is_known else []
    return tuple(
        dict.fromkeys(posixpath.normpath(posixpath.join(folder, root)) for root in [folder, *named] if root)
    )


def _brought(image: MadeImage, bases: Bases) -> tuple[_Brought, ...] | None:
    """Return what the instructions of an image and those below it bring; None where that is not known."""
    found: list[_Brought] = []
    values = image.use.values()
    for step in own_steps(image, bases):
        keyword = step.instruction.keyword
        if keyword == "RUN" and not _is_harmless(step):
            return None
        if keyword in ("COPY", "ADD"):
            copied = _copied(step, values)
            if copied is None or len(found) > MAX_COPIED:
                return None
            found += copied
    own = image.use.path
    for use, stage in bases.lineage(image.making):
        if use.path != own and any(each.keyword in ("COPY", "ADD", "ONBUILD") for each in stage.instructions):
            places = [
                each.words[-1]
                for each in stage.instructions
                if each.keyword in ("COPY", "ADD") and each.words
            ]
            if any(not place.startswith("/") for place in places):
                return None
            found += [_Brought(None, place) for place in places]
    return tuple(found)


def _is_harmless(step: Step) -> bool:
    calls = [called(command) for command in run_script(step.instruction).commands]
    return bool(calls) and all(call is not None and _makes_nothing(call) for call in calls)


def _makes_nothing(call: Call) -> bool:
    words = [word.value for word in call.arguments]
    return call.program in _HARMLESS or (
        _PYTHON.fullmatch(call.program) is not None and words[:2] == ["-m", "pip"]
    )


def _copied(step: Step, values: Scopes) -> list[_Brought] | None:
    """Return what a COPY or ADD brings; None where its destination is not known."""
    instruction = step.instruction
    expanded = [values.expand(word, instruction) for word in instruction.words]
    if len(expanded) < 2 or not expanded[-1].is_known or step.folder is None:
        return None
    *sources, destination = [word.value for word in expanded]
    place = posixpath.join(step.folder, destination)
    is_folder = destination.endswith("/") or destination in (".", "..") or len(sources) > 1
    is_known = all(word.is_known for word in expanded)
    if (
        not is_known
        or instruction.flag("from")
        or instruction.heredocs
        or instruction.flag("parents") is not None
    ):
        return [_Brought(None, posixpath.normpath(place))]
    return [
        _one(source, place, is_folder=is_folder, is_add=instruction.keyword == "ADD") for source in sources
    ]


def _one(source: str, place: str, *, is_folder: bool, is_add: bool) -> _Brought:
    is_fetched = is_add and ("://" in source or source.endswith(_ARCHIVES) or source.startswith("git@"))
    if is_fetched or has_wildcard(source):
        return _Brought(None, posixpath.normpath(place))
    clean = posixpath.normpath(posixpath.join("/", source)).lstrip("/")
    # A folder's content goes to the destination, a file goes into one that is written as a folder.
    return _Brought(clean, posixpath.normpath(place) + ("/" if is_folder else ""))


def _why_missing(
    wanted: _Wanted, brought: Sequence[_Brought], files: ContextFiles, rules: IgnoreRules
) -> str:
    """Say why none of the candidates is in the image; empty where one is, or may be."""
    reasons: list[str] = []
    for candidate in wanted.candidates:
        for each in brought:
            reason = _absent(candidate, each, files, rules)
            if reason is None:
                return ""
            reasons.append(reason)
    told = next((reason for reason in reasons if reason), "")
    return told or ("nothing copies it" if _is_own(wanted, brought) else "")


def _is_own(wanted: _Wanted, brought: Sequence[_Brought]) -> bool:
    """Say whether what is started is the service's own: a module may be installed besides."""
    if wanted.kind == "script":
        return not wanted.candidates[0].startswith(_SYSTEM_FOLDERS)
    tops = {candidate[: -len(end)] for candidate, end in _tops(wanted)}
    return any(each.place.startswith(top) for each in brought for top in tops)


def _tops(wanted: _Wanted) -> Iterator[tuple[str, str]]:
    """Yield each candidate with its part behind the folder of the module's first name."""
    top, dot, _ = wanted.name.partition(".")
    for candidate in wanted.candidates if dot else ():
        at = candidate.index(f"/{top}/") + len(top) + 2
        yield candidate, candidate[at:]


def _absent(path: str, brought: _Brought, files: ContextFiles, rules: IgnoreRules) -> str | None:
    """Say why a COPY does not bring a file although it brings the folder that it would lie in.

    Empty where it brings neither, None where it brings the file or that is not known.
    """
    place = brought.place.rstrip("/") or "/"
    inside = posixpath.relpath(path, place)
    is_below = not inside.startswith("..")
    if brought.source is None:
        return None if is_below else ""
    if files.kind(brought.source) is not FileKind.FOLDER:
        lies_at = (
            posixpath.join(place, posixpath.basename(brought.source))
            if brought.place.endswith("/")
            else place
        )
        return None if path in (lies_at, posixpath.join(place, posixpath.basename(brought.source))) else ""
    if not is_below:
        return ""
    source = posixpath.normpath(posixpath.join(brought.source, inside))
    found = files.find(source, rules)
    if found.exists is not False:
        return None
    folder = posixpath.dirname(source)
    is_folder_there = not folder or files.kind(folder) is FileKind.FOLDER
    return (
        f"{source} is not in the context" + (f": {found.reason}" if found.reason else "")
        if is_folder_there
        else ""
    )

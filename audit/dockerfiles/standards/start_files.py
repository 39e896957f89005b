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
from fleet_audit.audit.dockerfiles.language.structure import Instruction, Stage
from fleet_audit.audit.dockerfiles.pinning.origins import Origins
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.running.inits import behind_init
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.instructions import run_script
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Command, Redirect, Script
from fleet_audit.audit.dockerfiles.standards.bringing import Brought, copied, why_absent
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, own_steps
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.location import SourceLocation
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
_HARMLESS = frozenset(
    {
        *("apt-get", "apt", "apk", "dpkg", "rm", "chmod", "chown", "mkdir", "useradd"),
        *("groupadd", "adduser", "addgroup", "usermod", "ldconfig", "set", "echo", "true", "test", "["),
    }
)
"""Programs of RUN instructions that make no file of a service's own."""

_INSTALLERS = frozenset({"pip", "pip3", "uv"})
_ELSEWHERE = ("-t", "--target", "--prefix", "--root", "-e", "--editable", "--src")
"""Options of pip that put packages, or their sources, elsewhere than among those of the interpreter."""


class _Wanted(msgspec.Struct, frozen=True):
    """A script or module that is started: any of `candidates` will do."""

    kind: str
    name: str
    candidates: tuple[str, ...]


def start_file(image: MadeImage, bases: Bases, contexts: Contexts, mounted: Sequence[str]) -> Observed | None:
    """Return the script or module that an image's own Dockerfile starts and that is certainly missing.

    `mounted` are the places in the container that those who start it bring, as far as that is known.
    """
    command = image.run.cmd if image.run.cmd is not None else image.run.entrypoint
    folder = image.run.working_dir
    build = image.builds[0] if image.builds else None
    if build is None or not build.context or "context" in build.unknown or not image.run.is_whole:
        return None
    if command is None or not image.stands_here(command.location) or folder is None or not folder.is_known:
        return None
    wanted = _wanted(image, folder.value)
    brought = None if wanted is None else _brought(image, bases)
    if wanted is None or brought is None or any(_is_mounted(wanted, place) for place in mounted):
        return None
    rules = contexts.rules(build.context, image.use.path)
    why = _why_missing(wanted, brought, contexts.files(build.context), rules)
    return _told(image, wanted, why, command.location) if why else None


def _is_mounted(wanted: _Wanted, place: str) -> bool:
    return any(path == place or path.startswith(f"{place.rstrip('/')}/") for path in wanted.candidates)


def _told(image: MadeImage, wanted: _Wanted, why: str, location: SourceLocation | None) -> Observed:
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
    return Observed(record, f"image:{image.name}#{wanted.name}", location=location)


def started_source(image: MadeImage, repository: Repository) -> str | None:
    """Return the file of the repository that comes to be the script or module that an image starts.

    None where that is not known; who else may bring the file is not asked.
    """
    folder, stage = image.run.working_dir, image.use.stage
    contexts = [build.context for build in image.builds if build.context]
    if stage is None or folder is None or not folder.is_known or not contexts:
        return None
    wanted = _wanted(image, folder.value)
    origins = Origins(repository, image.use.dockerfile, image.use.values, contexts)
    found = (origins.find(path, stage, end_of(stage)) for path in (wanted.candidates if wanted else ()))
    return next((path for path in found if path is not None), None)


def copied_script(image: MadeImage, repository: Repository, program: str) -> str | None:
    """Return the text of a shell script that a Dockerfile copies; None where it is not known to be one."""
    stage, folder = image.use.stage, image.run.working_dir
    contexts = [build.context for build in image.builds if build.context]
    if stage is None or "/" not in program or not contexts:
        return None
    path = posixpath.normpath(posixpath.join("/" if folder is None else folder.value, program))
    origins = Origins(repository, image.use.dockerfile, image.use.values, contexts)
    found = origins.find(path, stage, end_of(stage))
    text = None if found is None else repository.text(found)
    first = (text or "").partition("\n")[0].rstrip()
    return text if first.startswith("#!") and first.endswith("sh") else None


def end_of(stage: Stage) -> Instruction:
    """Return an instruction behind the last one of a stage, for which all that is copied is there."""
    last = stage.instructions[-1]
    return msgspec.structs.replace(last, line=last.last_line + 1, flags=())


def _wanted(image: MadeImage, folder: str) -> _Wanted | None:
    words = behind_init(image.run.starting)
    text = shell_text(words)
    words = words if text is None else _only_command(text)
    if not words:
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


def _only_command(text: str) -> tuple[str, ...]:
    """Return the words of a script that is one command without variables; empty for any other."""
    items = read_script(text).items
    call = called(items[0]) if len(items) == 1 and isinstance(items[0], Command) else None
    words = () if call is None else (call.word, *call.arguments)
    values = tuple(word.value for word in words if word.value is not None and not word.is_pattern)
    return values if len(values) == len(words) else ()


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


def _brought(image: MadeImage, bases: Bases) -> tuple[Brought, ...] | None:
    """Return what the instructions of an image and those below it bring; None where that is not known."""
    found: list[Brought] = []
    values = image.use.values
    for step in own_steps(image, bases):
        keyword = step.instruction.keyword
        if keyword == "RUN" and not _is_harmless(run_script(step.instruction)):
            return None
        if keyword in ("COPY", "ADD"):
            brought = copied(step, values)
            if brought is None or len(found) > MAX_COPIED:
                return None
            found += brought
    for use, stage in bases.lineage(image.making):
        if use.path == image.use.path:
            continue
        places = _places_below(stage, bases.runs(use, stage))
        if places is None:
            return None
        found += places
    return tuple(found)


def _places_below(stage: Stage, runs: Sequence[tuple[Instruction, Script]]) -> list[Brought] | None:
    """Return where a stage of an image below puts something; None where that is not known."""
    kept = (each.trigger.keyword for each in stage.instructions if each.trigger is not None)
    if any(keyword in ("COPY", "ADD", "RUN") for keyword in kept):
        return None
    if not all(_is_harmless(script) for _, script in runs):
        return None
    copies = [each for each in stage.instructions if each.keyword in ("COPY", "ADD") and each.words]
    places = [each.words[-1] for each in copies]
    return [Brought(None, place) for place in places] if all(p.startswith("/") for p in places) else None


def _is_harmless(script: Script) -> bool:
    """Say whether a RUN is read, and makes no file of a service's own."""
    calls = [called(command) for command in script.commands]
    is_read = bool(calls) and all(call is not None and _makes_nothing(call) for call in calls)
    return is_read and not any(map(_writes_file, _redirects(script)))


def _redirects(script: Script) -> Iterator[Redirect]:
    for command, around in script.walk():
        yield from command.redirects
        for block in around:
            yield from block.redirects


def _writes_file(redirect: Redirect) -> bool:
    target = redirect.target.value or ""
    is_stream = redirect.operator == ">&" and (target.isdigit() or target == "-")
    return not redirect.operator.startswith("<") and not is_stream and not target.startswith("/dev/")


def _makes_nothing(call: Call) -> bool:
    words = [word.value for word in call.arguments]
    is_installer = call.program in _INSTALLERS or (
        _PYTHON.fullmatch(call.program) is not None and words[:2] == ["-m", "pip"]
    )
    if is_installer:
        return not any((word or "-t").startswith(_ELSEWHERE) for word in words)
    return call.program in _HARMLESS


def _why_missing(wanted: _Wanted, brought: Sequence[Brought], files: ContextFiles, rules: IgnoreRules) -> str:
    """Say why none of the candidates is in the image; empty where one is, or may be."""
    reasons: list[str] = []
    for candidate in wanted.candidates:
        for each in brought:
            reason = why_absent(candidate, each, files, rules)
            if reason is None:
                return ""
            reasons.append(reason)
    told = next((reason for reason in reasons if reason), "")
    return told or ("nothing copies it" if _is_own(wanted, brought, files) else "")


def _is_own(wanted: _Wanted, brought: Sequence[Brought], files: ContextFiles) -> bool:
    """Say whether what is started belongs to the code that is copied.

    A module may be installed besides, and where no folder of code is copied at all, it is brought otherwise.
    """
    folders = [
        each.place.rstrip("/")
        for each in brought
        if each.source is not None and files.kind(each.source) is FileKind.FOLDER
    ]
    if wanted.kind == "script":
        path = wanted.candidates[0]
        tops = {posixpath.join("/", path.split("/")[1], "")}
        return not path.startswith(_SYSTEM_FOLDERS) and any(
            f"{each}/".startswith(tuple(tops)) for each in folders
        )
    tops = {candidate[: -len(end)] for candidate, end in _tops(wanted)}
    return any(f"{each}/".startswith(top) for each in folders for top in tops)


def _tops(wanted: _Wanted) -> Iterator[tuple[str, str]]:
    """Yield each candidate with its part behind the folder of the module's first name."""
    top, dot, _ = wanted.name.partition(".")
    for candidate in wanted.candidates if dot else ():
        at = candidate.index(f"/{top}/") + len(top) + 2
        yield candidate, candidate[at:]

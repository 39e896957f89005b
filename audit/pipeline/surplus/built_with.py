"""Where an image's own build uses packages that nothing needs once it is built."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from fleet_audit.audit.apt.surplus.surplus import Brought
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.shell.calls import Call
from fleet_audit.audit.images.tree import FileTree, basename, parent
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.identity import ImagePath, PackageName
from fleet_audit.audit.pipeline.surplus.brought import OwnDockerfile
from fleet_audit.audit.pipeline.surplus.mentions import calls_of, texts_above

_INSTALLERS = frozenset({"pip", "pip3", "pipenv", "pipx", "poetry", "pdm", "uv"})
"""Programs that build what has no wheel, and run a compiler without a word of it in the Dockerfile."""

_PYTHON = "python"
_MODULES = frozenset({"build", "pip", "pipenv", "pdm", "poetry", "uv"})
_ONLY_WHEELS = ("--only-binary=:all:", "--only-binary :all:", "--no-build ")


def build_uses(
    dockerfiles: Mapping[str, Sequence[OwnDockerfile]],
    brought: Mapping[PackageName, Brought],
    files: Mapping[PackageName, Sequence[ImagePath]],
    for_building: Collection[PackageName],
) -> dict[PackageName, str]:
    """Return where the RUNs of the family that brought a package use it, as ``path:line runs make``.

    `files` are those of the packages in question. Of those `for_building`, what a Dockerfile installs by name
    may also be used by what installs Python packages from source behind that.
    """
    found: dict[PackageName, str] = {}
    for family, each in dockerfiles.items():
        own = [name for name in files if name in brought and brought[name].origin == family]
        programs = _programs(own, files)
        for path, instruction, call in _calls(each):
            place = f"{path}:{instruction.line}"
            if (name := programs.get(call.program)) is not None:
                found.setdefault(name, f"{place} runs {call.program}")
            elif may_compile(call):
                why = f"{place} runs {call.program}, which may compile"
                there = (name for name in own if _is_there(brought[name], path, instruction))
                found = {name: why for name in there if name in for_building} | found
    return dict(sorted(found.items()))


def _is_there(came: Brought, path: str, instruction: Instruction) -> bool:
    line = came.dockerfile
    return line is not None and line.path == path and line.line <= instruction.last_line


def _programs(
    names: Iterable[PackageName], files: Mapping[PackageName, Sequence[ImagePath]]
) -> dict[str, PackageName]:
    return {basename(path): name for name in names for path in files[name] if parent(path).endswith("bin")}


def _calls(dockerfiles: Iterable[OwnDockerfile]) -> Iterator[tuple[str, Instruction, Call]]:
    for file in dockerfiles:
        for instruction, call in calls_of(file.instructions):
            yield file.path, instruction, call


def may_compile(call: Call) -> bool:
    """Say whether a call may build Python packages from source."""
    words = [word.text for word in call.arguments]
    text = " ".join(words) + " "
    if any(option in text for option in _ONLY_WHEELS):
        return False
    if call.program.startswith(_PYTHON):
        at = words.index("-m") + 1 if "-m" in words else len(words)
        return "setup.py" in text or (at < len(words) and words[at] in _MODULES)
    return call.program in _INSTALLERS


def compiling_above(fleet: Fleet, family: str, sources: FileTree) -> str:
    """Return where what is built on a family may compile, as ``path:line runs pip``; else nothing."""
    for path, text in texts_above(fleet, family, sources):
        for instruction, call in calls_of(parse(text).instructions):
            if may_compile(call):
                return f"{path}:{instruction.line} runs {call.program}"
    return ""

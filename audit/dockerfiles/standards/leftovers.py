"""What only the build of an image needs and what stays in it.

A file that a later layer removes stays in the layer that brought it, and is pulled with it (OCI image
specification, layer.md, whiteouts): only what the same RUN removes is gone. Rules: Docker's "Building best
practices" (multi-stage builds, apt-get); pip's and uv's documentation on caching; BuildKit's
``RUN --mount=type=cache``.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec

from fleet_audit.audit.dockerfiles.copying.context_files import Contexts
from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role, own_steps
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.model.standards import Leftover, Observed

COMPILER: Final = "compiler"
HEADERS: Final = "headers"
TOOL: Final = "build-tool"
LISTS: Final = "package-lists"
PIP_CACHE: Final = "pip-cache"
REPOSITORY: Final = "repository"

_COMPILERS = re.compile(
    r"(?:build-essential|build-base|base-devel|clang(?:-\d+)?|rustc|cargo|golang(?:-go|-[\d.]+)?|gcc-c\+\+"
    r"|(?:gcc|g\+\+|gfortran|gnat|cpp)(?:-\d+)?(?:-[\w-]+-linux-gnu\w*|-multilib)?"
    r"|nvidia-cuda-toolkit|cuda-nvcc(?:-[\d-]+)?|nasm|yasm)"
)
_TOOLS = frozenset(
    {
        *("make", "cmake", "ninja-build", "ninja", "meson", "autoconf", "automake", "libtool", "pkg-config"),
        *(
            "pkgconf",
            "bison",
            "flex",
            "swig",
            "scons",
            "bazel",
            "patch",
            "dpkg-dev",
            "debhelper",
            "devscripts",
        ),
    }
)
_HEADERS = re.compile(r".+-(?:dev|devel)(?:-[\w.]+)?")

_HISTORY = ".git"
_WHOLE_CONTEXT = frozenset({".", "./", "/", "/.", "./."})
_INSTALLERS = {
    "apt-get": ("install",),
    "apt": ("install",),
    "aptitude": ("install",),
    "apk": ("add",),
    "yum": ("install",),
    "dnf": ("install",),
    "microdnf": ("install",),
    "zypper": ("install", "in"),
}
_REMOVALS = frozenset({"remove", "purge", "autoremove", "del", "erase"})
_LISTS_FOLDER = "/var/lib/apt/lists"
_PIP_CACHES = (".cache/pip", ".cache")
_UV_CACHES = (".cache/uv", ".cache")
_FALSE = frozenset({"", "0", "false", "no", "off", "n", "f"})
_APT_MOUNTS = ("/var/lib/apt", _LISTS_FOLDER, "/var/lib")


class _Layer(msgspec.Struct, frozen=True):
    """One RUN of the stages that become the image: its calls, and the folders that are kept elsewhere."""

    instruction: Instruction
    calls: tuple[Call, ...]
    mounted: tuple[str, ...]
    values: Scopes


def history_copies(image: MadeImage, bases: Bases, contexts: Contexts) -> Iterator[Observed]:
    """Yield the COPY that brings the history of the repository (``.git``) into the image."""
    build = image.builds[0] if image.builds else None
    if image.role is Role.OTHER or build is None or not build.context or "context" in build.unknown:
        return
    files, rules = contexts.files(build.context), contexts.rules(build.context, image.use.path)
    if files.kind(_HISTORY) is None or rules.leaves_out(_HISTORY):
        return
    for step in own_steps(image, bases):
        instruction = step.instruction
        is_copied = instruction.keyword in ("COPY", "ADD") and instruction.flag("from") is None
        if is_copied and any(word in _WHOLE_CONTEXT for word in instruction.words[:-1]):
            record = Leftover(
                image=image.name,
                role=image.role,
                kind=REPOSITORY,
                what=_HISTORY,
                stages=len(image.use.dockerfile.stages),
                services=image.services,
            )
            place = SourceLocation(image.use.path, instruction.line)
            yield Observed(record, f"image:{image.name}#{_HISTORY}", location=place)


def leftovers(image: MadeImage, bases: Bases, *, kept: Collection[str]) -> Iterator[Observed]:
    """Yield what the image's own Dockerfile leaves in it; `kept` are packages that the manifest wants there.

    Of an image of which the manifest does not speak nothing is said: it may be there to build others.
    """
    if image.role is Role.OTHER:
        return
    for layer in _layers(image, bases):
        for kind, what, line in _left(layer, image.run, kept):
            record = Leftover(
                image=image.name,
                role=image.role,
                kind=kind,
                what=what,
                stages=len(image.use.dockerfile.stages),
                services=image.services,
            )
            place = SourceLocation(image.use.path, line)
            yield Observed(record, f"image:{image.name}#{kind}:{what}", location=place)


def _layers(image: MadeImage, bases: Bases) -> Iterator[_Layer]:
    stage = image.use.stage
    if stage is None:
        return
    values = image.use.values()
    for each in reversed([*values.lineage(stage)]):
        kept = {each.line for each in each.instructions if each.trigger is not None}
        for instruction, script in bases.runs(image.use, each):
            if instruction.line in kept:
                continue
            calls = tuple(call for command in script.commands if (call := called(command)) is not None)
            yield _Layer(instruction, calls, tuple(_mounted(instruction)), values)


def _mounted(instruction: Instruction) -> Iterator[str]:
    """Yield the folders whose content a RUN keeps elsewhere than in its layer."""
    for mount in instruction.flag_values("mount"):
        options = dict(option.partition("=")[::2] for option in mount.split(","))
        if options.get("type") in ("cache", "tmpfs"):
            target = options.get("target") or options.get("dst") or options.get("destination") or ""
            yield target.rstrip("/")


def _left(layer: _Layer, run: RunConfiguration, kept: Collection[str]) -> Iterator[tuple[str, str, int]]:
    yield from _left_packages(layer, kept)
    if (call := _lists_call(layer)) is not None:
        yield LISTS, _LISTS_FOLDER, call.word.line
    if (call := _cache_call(layer, run)) is not None:
        yield PIP_CACHE, f"the cache of {call.program}", call.word.line


def _left_packages(layer: _Layer, kept: Collection[str]) -> Iterator[tuple[str, str, int]]:
    removed = {word for call in layer.calls if _verb(call) in _REMOVALS for word in _operands(call, layer)}
    if any(_marks(call, _words(call, layer)) for call in layer.calls) and any(
        _verb(call) in _REMOVALS for call in layer.calls
    ):
        return
    for call in layer.calls:
        if not is_package_installation(call):
            continue
        for word, line in zip(_words(call, layer), (word.line for word in call.arguments), strict=True):
            name = re.split(r"[=:]", word, maxsplit=1)[0]
            kind = _kind(name)
            if kind and name not in kept and not _is_removed(name, removed):
                yield kind, name, line


def _marks(call: Call, words: Sequence[str]) -> bool:
    """Say whether a call gives packages a mark by which others remove them."""
    return call.program == "apt-mark" or (call.program == "apk" and bool({"--virtual", "-t"} & {*words}))


def _is_removed(name: str, removed: Collection[str]) -> bool:
    return name in removed or any("$" in word or word.endswith("*") for word in removed)


def _kind(package: str) -> str:
    if _COMPILERS.fullmatch(package):
        return COMPILER
    if package in _TOOLS:
        return TOOL
    return HEADERS if _HEADERS.fullmatch(package) else ""


def _lists_call(layer: _Layer) -> Call | None:
    """Return the update of package lists whose lists stay in the layer."""
    update = next((c for c in layer.calls if c.program in ("apt-get", "apt") and _verb(c) == "update"), None)
    if update is None or any(folder in _APT_MOUNTS for folder in layer.mounted):
        return None
    removes = any(
        call.program in ("rm", "find") and any(_is_lists(word) for word in _words(call, layer))
        for call in layer.calls
    )
    return None if removes or _runs_unknown(layer) else update


def _is_lists(word: str) -> bool:
    return word.startswith((_LISTS_FOLDER, "/var/lib/apt/*")) or word.rstrip("/*") in (
        "/var/lib/apt",
        "/var/lib",
    )


def _cache_call(layer: _Layer, run: RunConfiguration) -> Call | None:
    """Return the installation of distributions whose downloads stay in the layer."""
    for call in layer.calls:
        words = _words(call, layer)
        tool = _installing_tool(call.program, words)
        if not tool or "--no-cache-dir" in words or "--no-cache" in words or "-n" in words[:1]:
            continue
        variable, caches = ("PIP_NO_CACHE_DIR", _PIP_CACHES) if tool == "pip" else ("UV_NO_CACHE", _UV_CACHES)
        is_off = _is_on(layer, run, variable)
        if is_off or _is_cleared(layer, caches) or _runs_unknown(layer):
            continue
        return call
    return None


def is_package_installation(call: Call) -> bool:
    """Say whether a call installs packages of the distribution."""
    return _verb(call) in _INSTALLERS.get(call.program, ())


def is_pip_installation(call: Call) -> bool:
    """Say whether a call installs Python distributions."""
    return bool(_installing_tool(call.program, tuple(word.value or "" for word in call.arguments)))


def _installing_tool(program: str, words: Sequence[str]) -> str:
    """Return ``pip`` or ``uv`` where a call installs with it."""
    if re.fullmatch(r"pip(?:3(?:\.\d+)?)?", program):
        return "pip" if "install" in words[:3] else ""
    if program == "uv":
        return "uv" if words[:2] == ("pip", "install") or words[:1] == ("sync",) else ""
    if re.fullmatch(r"python(?:3(?:\.\d+)?)?", program) and "pip" in words[:4]:
        at = words.index("pip")
        return "pip" if words[at - 1] == "-m" and "install" in words[at + 1 : at + 3] else ""
    return ""


def _is_on(layer: _Layer, run: RunConfiguration, variable: str) -> bool:
    """Say whether a switch is set for a RUN, or may be, by an image below of which nothing is known.

    What pip makes of a text that means no has changed from release to release; it counts as set.
    """
    found = layer.values.value(variable, layer.instruction)
    if found is None:
        inherited = run.variable(variable)
        if inherited is None:
            return not run.is_whole
        found = inherited.value
    return found.lower() not in _FALSE or variable == "PIP_NO_CACHE_DIR"


def _is_cleared(layer: _Layer, caches: Sequence[str]) -> bool:
    if any(folder.endswith((*caches, "/root", "/pip", "/uv")) for folder in layer.mounted):
        return True
    for call in layer.calls:
        words = _words(call, layer)
        if call.program == "rm" and any(word.rstrip("/*").endswith(tuple(caches)) for word in words):
            return True
        if "cache" in words and ("purge" in words or "clean" in words):
            return True
    return False


def _runs_unknown(layer: _Layer) -> bool:
    """Say whether a RUN starts a script, which may clear what it leaves."""
    return any(call.program.endswith(".sh") for call in layer.calls)


def _verb(call: Call) -> str:
    return next((word.value or "" for word in call.arguments if not word.text.startswith("-")), "")


def _words(call: Call, layer: _Layer) -> tuple[str, ...]:
    values = layer.values
    return tuple(
        word.expanded(lambda name: values.value(name, layer.instruction)) or word.text
        for word in call.arguments
    )


def _operands(call: Call, layer: _Layer) -> tuple[str, ...]:
    return tuple(word for word in _words(call, layer) if not word.startswith("-"))[1:]

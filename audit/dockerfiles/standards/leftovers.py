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

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.pinning.managers import Installing, installing
from fleet_audit.audit.dockerfiles.pinning.packages import wanted
from fleet_audit.audit.dockerfiles.running.bases import Bases
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.standards.images import MadeImage, Role
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.model.standards import Leftover, Observed

COMPILER: Final = "compiler"
HEADERS: Final = "headers"
TOOL: Final = "build-tool"
LISTS: Final = "package-lists"
PIP_CACHE: Final = "pip-cache"

_COMPILERS = re.compile(
    r"(?:build-essential|build-base|base-devel|clang(?:-\d+)?|rustc|cargo|golang(?:-go|-[\d.]+)?|gcc-c\+\+"
    r"|(?:gcc|g\+\+|gfortran|gnat|cpp)(?:-\d+)?(?:-[\w-]+-linux-gnu\w*|-multilib)?"
    r"|nvidia-cuda-toolkit|cuda-nvcc(?:-[\d-]+)?|nasm|yasm)"
)
_TOOLS = frozenset(
    {
        *("autoconf", "automake", "bazel", "bison", "cmake", "debhelper", "devscripts", "dpkg-dev", "flex"),
        *("libtool", "make", "meson", "ninja", "ninja-build", "patch", "pkg-config", "pkgconf", "scons"),
        "swig",
    }
)
_HEADERS = re.compile(r".+-(?:dev|devel)(?:-[\w.]+)?")

_PACKAGE_MANAGERS = frozenset({"apt", "apk", "dnf", "zypper"})
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

    def lookup(self, name: str) -> str | None:
        """Return the value of a variable in the RUN."""
        return self.values.value(name, self.instruction)

    @property
    def installed(self) -> Iterator[Installing]:
        """Yield what the RUN installs by name."""
        yield from (found for call in self.calls if (found := installing(call, self.lookup)) is not None)


def leftovers(
    image: MadeImage, bases: Bases, *, kept: Collection[str], carried: Sequence[str] = ()
) -> Iterator[Observed]:
    """Yield what the image's own Dockerfile leaves in it; `kept` are packages that the manifest wants there.

    `carried` is what an image of others, that it starts from itself, brings and only a build needs.

    Of an image of which the manifest does not speak nothing is said: it may be there to build others.
    """
    if image.role is Role.OTHER:
        return
    if carried and bases.making(lowest := image.run.lowest) is None:
        line = next(
            (stage.line for stage in image.use.lineage if image.use.values.base(stage).value == lowest), 0
        )
        if line:
            yield _observed(image, COMPILER, f"{', '.join(carried)} of {lowest}", line)
    for layer in _layers(image, bases):
        for kind, what, line in _left(layer, image.run, kept):
            yield _observed(image, kind, what, line)


def _observed(image: MadeImage, kind: str, what: str, line: int) -> Observed:
    record = Leftover(
        image=image.name,
        role=image.role,
        kind=kind,
        what=what,
        stages=len(image.use.dockerfile.stages),
        services=image.services,
    )
    place = SourceLocation(image.use.path, line)
    return Observed(record, f"image:{image.name}#{kind}:{what}", location=place)


def _layers(image: MadeImage, bases: Bases) -> Iterator[_Layer]:
    values = image.use.values
    for each in reversed(image.use.lineage):
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
    if (found := _cached(layer, run)) is not None:
        yield PIP_CACHE, f"the cache of {found.program}", found.word.line


def _left_packages(layer: _Layer, kept: Collection[str]) -> Iterator[tuple[str, str, int]]:
    removed = {word for call in layer.calls if _verb(call) in _REMOVALS for word in _operands(call, layer)}
    if any(_marks(call, _words(call, layer)) for call in layer.calls) and any(
        _verb(call) in _REMOVALS for call in layer.calls
    ):
        return
    for found in layer.installed:
        for word in found.packages if found.manager in _PACKAGE_MANAGERS else ():
            package = wanted(found.manager, word.expanded(layer.lookup) or word.text)
            kind = _kind(package.name) if package is not None else ""
            if (
                package is not None
                and kind
                and package.name not in kept
                and not _is_removed(package.name, removed)
            ):
                yield kind, package.name, word.line


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


def _cached(layer: _Layer, run: RunConfiguration) -> Installing | None:
    """Return the installation of distributions whose downloads stay in the layer."""
    for found in layer.installed:
        if found.manager != "pip" or found.option("--no-cache-dir", "--no-cache"):
            continue
        is_uv = found.program.startswith("uv")
        variable, caches = ("UV_NO_CACHE", _UV_CACHES) if is_uv else ("PIP_NO_CACHE_DIR", _PIP_CACHES)
        if not (_is_on(layer, run, variable) or _is_cleared(layer, caches) or _runs_unknown(layer)):
            return found
    return None


def _is_on(layer: _Layer, run: RunConfiguration, variable: str) -> bool:
    """Say whether a switch is set for a RUN, or may be, by an image below of which nothing is known.

    What pip makes of a text that means no has changed from release to release; it counts as set.
    """
    found = layer.lookup(variable)
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
    return tuple(word.expanded(layer.lookup) or word.text for word in call.arguments)


def _operands(call: Call, layer: _Layer) -> tuple[str, ...]:
    return tuple(word for word in _words(call, layer) if not word.startswith("-"))[1:]

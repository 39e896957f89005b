"""Which services an image runs, or could run, by what the knowledge base says of them."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.running.inits import behind_init
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.knowledge.rows import ServiceSigns
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.inspection import DetectedService, Sign
from fleet_audit.audit.model.running import SHELLS, shell_text

MAX_SOURCE = 1 << 20
MAX_DEPTH = 4
"""Scripts that start scripts that are followed."""

_PYTHON = re.compile(r"python(?:\d(?:\.\d+)?)?")


class Seen(msgspec.Struct, frozen=True):
    """What is seen of an image, each by its name and with where it shows.

    `imports` are the top-level modules that the program imports which is started. `has_file` says whether a
    path is there.
    """

    programs: Mapping[str, str] = {}
    packages: Mapping[str, str] = {}
    distributions: Mapping[str, str] = {}
    imports: Mapping[str, str] = {}
    ports: Mapping[int, str] = {}
    has_file: Callable[[str], bool] | None = None


def detected(seen: Seen, rows: Iterable[ServiceSigns]) -> tuple[DetectedService, ...]:
    """Return the services of which something is seen, the surest first."""
    found = [service for row in rows if (service := _of_row(seen, row)) is not None]
    order = list(Confidence)
    return tuple(sorted(found, key=lambda each: (order.index(each.confidence), each.kind, each.id)))


def _of_row(seen: Seen, row: ServiceSigns) -> DetectedService | None:
    programs = _signs("program", row.programs, seen.programs)
    packages = _signs("package", row.packages, seen.packages)
    installed = [*packages, *_signs("distribution", row.distributions, seen.distributions)]
    imports = _signs("import", (name.replace("-", "_") for name in row.distributions), seen.imports)
    ports = [Sign("port", str(port), seen.ports[port]) for port in row.ports if port in seen.ports]
    files = [Sign("file", path) for path in row.files if seen.has_file is not None and seen.has_file(path)]
    if programs:
        confidence = Confidence.CERTAIN
    elif imports or (installed and (ports or (packages and files))):
        confidence = Confidence.LIKELY
    elif installed:
        confidence = Confidence.POSSIBLE
    else:
        return None
    signs = (*programs, *imports, *installed, *ports, *files)
    return DetectedService(row.id, row.kind, row.name, confidence, signs)


def _signs(kind: str, names: Iterable[str], seen: Mapping[str, str]) -> list[Sign]:
    return [Sign(kind, name, seen[name]) for name in names if name in seen]


ReadScript = Callable[[str], str | None]
"""Returns the text of a script in the image; None where it is none, or cannot be read."""


def started_programs(words: Sequence[str], where: str, read: ReadScript) -> dict[str, str]:
    """Return the programs that a command starts, by name, with where that shows.

    A module that Python runs counts by its first name. Shell scripts are followed: `where` is then theirs.
    """
    found: dict[str, str] = {}
    for name, place in _started(words, where, read, MAX_DEPTH):
        found.setdefault(name, place)
    return found


def _started(words: Sequence[str], where: str, read: ReadScript, depth: int) -> Iterator[tuple[str, str]]:
    command = behind_init(words)
    if not command or depth == 0:
        return
    text = shell_text(tuple(command))
    if text is not None:
        yield from _of_script(text, where, "", read, depth)
        return
    program, *arguments = command
    name = program.rpartition("/")[2]
    yield name, where
    if _PYTHON.fullmatch(name):
        yield from _of_python(arguments, where)
        return
    path, given = _script_of(program, arguments)
    script = read(path) if path else None
    if script is None:
        return
    yield from _of_script(script, where, path, read, depth)
    # What a script is given to start are its own words.
    if given and '"$@"' in script:
        yield from _started(given, where, read, depth - 1)


def _script_of(program: str, arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the script that a command may be, and the words that it is given."""
    if program.rpartition("/")[2] not in SHELLS:
        return program, arguments
    at = next((at for at, word in enumerate(arguments) if not word.startswith("-")), None)
    if at is None:
        return "", ()
    # A shell looks for a script in the working folder first, not in PATH.
    script = arguments[at]
    return script if "/" in script else f"./{script}", arguments[at + 1 :]


def _of_python(arguments: Sequence[str], where: str) -> Iterator[tuple[str, str]]:
    for at, word in enumerate(arguments[:-1]):
        if word == "-m":
            yield arguments[at + 1].partition(".")[0], where
            return
        if not word.startswith("-"):
            return


def _of_script(text: str, where: str, path: str, read: ReadScript, depth: int) -> Iterator[tuple[str, str]]:
    for command in read_script(text).commands:
        call = called(command)
        if call is None:
            continue
        place = f"{path}:{command.line}" if path else where
        words = [call.word.value or call.program, *(word.value or word.text for word in call.arguments)]
        yield from _started(words, place, read, depth - 1)


def imported_names(source: str, path: str) -> dict[str, str]:
    """Return the top-level modules that a program imports outright, each with its line; none if broken."""
    if len(source) > MAX_SOURCE:
        return {}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, str] = {}
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in names:
            found.setdefault(name.partition(".")[0], f"{path}:{node.lineno}")
    return found

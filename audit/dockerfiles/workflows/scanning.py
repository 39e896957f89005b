"""Which steps judge an image or a source, and whether what they find makes them fail.

What scanners are and what makes them fail is in the knowledge base (rules/knowledge/scanners.yaml).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from fleet_audit.audit.dockerfiles.contexts.commands import ENGINES, behind
from fleet_audit.audit.dockerfiles.language.reference import ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.shell.arguments import Arguments, Syntax
from fleet_audit.audit.dockerfiles.shell.following import Executed, Words, follow
from fleet_audit.audit.dockerfiles.shell.reading import read_script
from fleet_audit.audit.dockerfiles.shell.script import Lookup
from fleet_audit.audit.dockerfiles.shell.symbols import is_known, shown, starts_unknown, symbol
from fleet_audit.audit.dockerfiles.workflows.running import StepRun
from fleet_audit.audit.knowledge.rows import Scanner, ScannerSetting
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.workflows import ActionKind, ActionUse

UNREAD = symbol("a configuration that is not read here")
MAX_SHOWN = 100
_OFF = frozenset({"", "0", "false"})
_SCHEMES = ("registry:", "docker:", "podman:", "image://", "registry://", "local://")
_NO_IMAGE = (
    "dir:",
    "file:",
    "sbom:",
    "purl:",
    "fs://",
    "archive://",
    "sbom://",
    "oci-archive:",
    "oci-dir:",
    "oci:",
    "docker-archive:",
)


def short(text: str) -> str:
    """Return a text in one line, cut where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """One scan. `what` says what is called, `images` what is scanned, symbols in what is not known.

    `fails` says whether it does by what it finds, None where that is not known. `severities` are those that
    it looks at, empty for all. `setting` is the line that keeps it from failing. `command` is the command, in
    a step with a script.
    """

    scanner: Scanner
    what: str
    location: SourceLocation
    images: tuple[str, ...] = ()
    fails: bool | None = None
    severities: str = ""
    fixed_only: bool = False
    setting: SourceLocation | None = None
    command: Executed | None = None


class Scanners:
    """Finds scans, by the rows of the knowledge base and the configuration that the repository holds."""

    def __init__(self, rows: Iterable[Scanner], repository: Repository) -> None:
        """Take the rows, and the repository that scans are in."""
        self._actions: dict[str, Scanner] = {}
        self._commands: dict[str, list[tuple[Words, Scanner, bool]]] = {}
        self._containers: dict[str, Scanner] = {}
        self._syntaxes: dict[str, Syntax] = {}
        self._configured: set[str] = set()
        for row in rows:
            self._actions |= dict.fromkeys(row.actions, row)
            for container in row.containers:
                self._containers[parse_reference(container).name] = row
            for takes_image, calls in ((True, row.images), (False, row.commands)):
                for call in calls:
                    program, *words = call.split()
                    self._commands.setdefault(program, []).append((tuple(words), row, takes_image))
            self._syntaxes[row.id] = _syntax(row)
            if any(repository.holds(file) for file in row.config_files):
                self._configured.add(row.id)

    def in_action(self, run: StepRun) -> Scan | None:
        """Return the scan that an action is."""
        uses = run.step.uses
        if uses is not None and uses.kind is ActionKind.DOCKER:
            return self._in_image(run, uses)
        if uses is None or uses.kind is not ActionKind.REPOSITORY:
            return None
        row = self._actions.get(f"{uses.name}/{uses.path}".rstrip("/"))
        if row is None or not _applies(row, run.given):
            return None
        reader = _InAction(run, is_configured=row.id in self._configured)
        if reader.value(row.format, row) in row.lists:
            return None
        lines = {name: text.location for name, text in run.step.given}
        takes_image = all(run.given.get(name, value) == value for name, value in row.image_when.items())
        images = [run.given[name] for name in row.image_inputs if run.given.get(name)] if takes_image else []
        return Scan(
            scanner=row,
            what=short(shown(" ".join((uses.name, *images)))),
            location=uses.written.location,
            images=tuple(_named_images(images)),
            fails=reader.fails(row),
            severities=reader.value(row.severities, row),
            fixed_only=reader.is_on(row.fixed_only, row),
            setting=lines.get(row.silencing.input) or lines.get(row.failing.input),
        )

    def _in_image(self, run: StepRun, uses: ActionUse) -> Scan | None:
        """Return the scan that an image is whose program gets the step's arguments (``docker://``)."""
        row = self._containers.get(_repository(uses.name))
        if row is None or run.given.get("entrypoint"):
            return None
        script = read_script(f"{_program(row)} {run.given.get('args', '')}")
        commands = follow(script, folder=None, lookup=run.scope.variable)
        found = self.in_command(commands[0], uses.written.location.path) if commands else None
        if found is None:
            return None
        return msgspec.structs.replace(found, location=uses.written.location, command=None)

    def in_command(self, command: Executed, path: str) -> Scan | None:
        """Return the scan that a command of a file is."""
        program, words = self._past_container(command)
        called = self._called(program, words)
        if called is None:
            return None
        row, takes_image, rest = called
        arguments = self._syntaxes[row.id].read(rest)
        if takes_image and not arguments.rest and not arguments.values("--input"):
            return None
        reader = _InCommand(arguments, command.environment, is_configured=row.id in self._configured)
        if reader.value(row.format, row) in row.lists:
            return None
        images = arguments.values(*row.image_options)
        if takes_image and arguments.is_certain and len(arguments.rest) == 1:
            images = arguments.rest
        return Scan(
            scanner=row,
            what=short(shown(" ".join((program, *words)))),
            location=SourceLocation(path, command.line),
            images=tuple(_named_images(images)),
            fails=reader.fails(row),
            severities=reader.value(row.severities, row),
            fixed_only=reader.is_on(row.fixed_only, row),
            command=command,
        )

    def _called(self, program: str, arguments: Words) -> tuple[Scanner, bool, Words] | None:
        for words, row, takes_image in self._commands.get(program, ()):
            rest = self._syntaxes[row.id].behind(arguments, words)
            if rest is not None:
                # Options before the subcommand count, too.
                options = arguments[: len(arguments) - len(rest)]
                return row, takes_image, (*(word for word in options if word not in words), *rest)
        return None

    def _past_container(self, command: Executed) -> tuple[str, Words]:
        """Return the program and its arguments; of ``docker run IMAGE ARGUMENTS`` those in the container."""
        rest = behind(command.arguments, ("run",)) if command.program in ENGINES else None
        for at, word in enumerate(rest or ()):
            row = self._containers.get(_repository(word))
            if row is not None and rest is not None:
                return _program(row), tuple(rest[at + 1 :])
        return command.program, command.arguments


def _program(row: Scanner) -> str:
    """Return the program that a scanner's container starts."""
    return (*row.images, *row.commands)[0].split()[0]


def _repository(word: str) -> str:
    try:
        return parse_reference(word).name
    except ReferenceInvalid:
        return ""


def _syntax(row: Scanner) -> Syntax:
    flags = {*row.flags.split(), *row.fixed_only.options, *row.silencing.options}
    settings = (*row.failing.options, *row.severities.options, *row.format.options, *row.config.options)
    settings += row.image_options
    return Syntax(frozenset({*row.valued.split(), *settings} - flags), frozenset(flags))


def _applies(row: Scanner, given: Mapping[str, str]) -> bool:
    """Say whether an action scans at all with these inputs."""
    return all(
        name not in given or any(item.strip() in values for item in given[name].split(","))
        for name, values in row.only_when.items()
    )


def _named_images(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        scheme = next((scheme for scheme in _SCHEMES if word.startswith(scheme)), "")
        name = word.removeprefix(scheme)
        is_path = name.startswith((".", "/", *_NO_IMAGE)) or name.endswith((".tar", ".tar.gz", ".json"))
        if name and not is_path and "\n" not in name:
            yield name


class _Reader(ABC):
    """What a scan's settings come to: what is given in the call, else a variable, else the default."""

    def __init__(self, environment: Lookup, *, is_configured: bool) -> None:
        self._environment = environment
        self._is_configured = is_configured

    @abstractmethod
    def given(self, setting: ScannerSetting) -> str | None:
        """Return what the call itself says; None where it says nothing."""

    def value(self, setting: ScannerSetting, row: Scanner) -> str:
        """Return a setting's value; a configuration that may say it makes it a symbol."""
        if setting == ScannerSetting():
            return ""
        found = self.given(setting)
        if found is None and setting.variable:
            found = self._environment(setting.variable)
        if found is None and (self._is_configured or self.given(row.config)):
            return UNREAD
        return setting.default if found is None else found

    def is_on(self, setting: ScannerSetting, row: Scanner) -> bool:
        """Say whether a setting certainly is on."""
        value = self.value(setting, row)
        return is_known(value) and value.lower() not in _OFF

    def fails(self, row: Scanner) -> bool | None:
        """Say whether a scan fails by what it finds."""
        value, silencing = self.value(row.failing, row).strip(), self.value(row.silencing, row)
        if not is_known(value) or not is_known(silencing):
            return None
        return value.lower() not in _OFF and silencing.lower() in _OFF


class _InAction(_Reader):
    def __init__(self, run: StepRun, *, is_configured: bool) -> None:
        super().__init__(run.scope.variable, is_configured=is_configured)
        self._given = run.given

    def given(self, setting: ScannerSetting) -> str | None:
        return (self._given.get(setting.input) or None) if setting.input else None


class _InCommand(_Reader):
    def __init__(self, arguments: Arguments, environment: Lookup, *, is_configured: bool) -> None:
        super().__init__(environment, is_configured=is_configured)
        self._arguments = arguments

    def given(self, setting: ScannerSetting) -> str | None:
        if self._arguments.values(*setting.options):
            return self._arguments.last(*setting.options) or "true"
        # A word that is not known may hold any option.
        unknown = any(starts_unknown(word) for word in self._arguments.rest[:-1])
        return UNREAD if unknown and setting.options else None

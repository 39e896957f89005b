"""What one Python file says, whatever image it is in: the value that is cached by the file's digest."""

from enum import StrEnum

import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import LoadMethod, Parser
from fleet_audit.audit.static_imports.source.conditions import Condition, Unknown

RECORD_VERSION = 29
"""Raise whenever the same bytes give another record."""


class BlockKind(StrEnum):
    """What a block of statements stands under."""

    MODULE = "module"
    CLASS = "class"
    FUNCTION = "function"
    IF = "if"
    ELSE = "else"
    TRY = "try"
    EXCEPT = "except"
    TRY_ELSE = "try-else"
    FINALLY = "finally"
    LOOP = "loop"
    WITH = "with"
    CASE = "case"
    REST = "rest"


class Ending(StrEnum):
    """How a block ends early: it leaves for the caller or the loop, or it fails; mostly it does neither."""

    NONE = ""
    LEAVES = "leaves"
    FAILS = "fails"


class Block(msgspec.Struct, frozen=True, gc=False):
    """A block of statements; `parent` and `previous` are indexes into the record's blocks, -1 for none.

    `name` is that of a function or class. `previous` is the branch before this one of the same ``if``,
    or the ``try`` of a handler. `catches` are the exceptions that a handler names, for a ``try`` those
    of all its handlers; a bare ``except`` catches ``BaseException``. `gives_up` holds for a handler
    that raises or exits, and so is no alternative. `ends` says whether the block leaves early; what stands
    behind such a statement is a ``rest``, and `branches` are those before it (none: it never runs).
    `parameters` are those of a function; for a class, the names of those that it derives from.
    """

    kind: BlockKind
    parent: int = -1
    line: int = 0
    name: str = ""
    condition: Condition = Unknown()
    previous: int = -1
    catches: tuple[str, ...] = ()
    gives_up: bool = False
    ends: Ending = Ending.NONE
    branches: tuple[int, ...] = ()
    parameters: tuple[str, ...] = ()


class ImportedName(msgspec.Struct, frozen=True, gc=False):
    """A name of an import statement, and the name that it is bound to."""

    name: str
    alias: str = ""

    @property
    def bound(self) -> str:
        """Return the name that the statement binds."""
        return self.alias or self.name


class ImportStatement(msgspec.Struct, frozen=True, gc=False):
    """``import module`` (`names` empty) or ``from module import names``; `level` counts leading dots.

    ``import a, b`` gives one statement for each.
    """

    module: str
    line: int
    column: int
    block: int
    level: int = 0
    names: tuple[ImportedName, ...] = ()
    alias: str = ""


class Taken(StrEnum):
    """Which of several names a call takes: nobody knows which one, each in turn, or the first that works."""

    ONE = "one"
    EACH = "each"
    FIRST = "first"


class DynamicImportCall(msgspec.Struct, frozen=True, gc=False):
    """A call that imports by name; `modules` is empty where the name could not be evaluated.

    Relative names start from the module's own package. `templates` are names in which ``{parameter}``
    stands for what the function around is given. Where there are no `modules`, `below` are packages of which
    any module may be meant, in own code alone.
    """

    line: int
    block: int
    expression: str
    modules: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    taken: Taken = Taken.ONE


class LoadCall(msgspec.Struct, frozen=True, gc=False):
    """A call that loads a library; any of `names` will do. Empty where they could not be evaluated.

    `is_handled` where the code copes with its absence. `templates` are as in `DynamicImportCall`. Of calls in
    one line, those with the same `choice` stand for one another.
    """

    line: int
    block: int
    method: LoadMethod
    names: tuple[str, ...]
    is_handled: bool = False
    templates: tuple[str, ...] = ()
    choice: int = 0


class PluginCall(msgspec.Struct, frozen=True, gc=False):
    """A look-up of entry points of `groups`, made on `line` of `block`.

    `names` are those that are asked for, none for all; where it `is_chosen` without them, nobody can tell
    which. ``{parameter}`` stands in both for what the function around is given. `loaded_in` is the block
    in which what was found is loaded, -1 where that was not seen; where it `is_survived`, a plugin that
    cannot be imported is passed over.
    """

    line: int
    block: int
    groups: tuple[str, ...]
    names: tuple[str, ...] = ()
    is_chosen: bool = False
    loaded_in: int = -1
    is_survived: bool = False


class RunCall(msgspec.Struct, frozen=True, gc=False):
    """A call that starts, or looks for, a program; any of `programs` may be meant.

    `is_handled` where the code copes with its absence.
    """

    line: int
    block: int
    programs: tuple[str, ...]
    is_lookup: bool = False
    is_handled: bool = False


class PathCall(msgspec.Struct, frozen=True, gc=False):
    """A ``sys.path`` edit. `folders` are POSIX paths in which ``<file>`` stands for the file's own path.

    Relative ones start at the working folder. Empty where they could not be evaluated.
    """

    line: int
    block: int
    expression: str
    folders: tuple[str, ...] = ()
    is_first: bool = False


class FlagAssignment(msgspec.Struct, frozen=True, gc=False):
    """A name bound at module level, on `line` of `block`, to the answer to a question."""

    name: str
    condition: Condition
    block: int
    line: int = 0


class Raise(msgspec.Struct, frozen=True, gc=False):
    """A ``raise`` in `block` of an exception that is named; without its module."""

    exception: str
    block: int


class LocalCall(msgspec.Struct, frozen=True, gc=False):
    """A call of a function or class that the same file defines, at `target`, from `block`."""

    block: int
    target: int


LISTED = "%s[]"
"""The key of what an argument lists: ``names[]`` for each string in ``names=["a", "b"]``."""


class FunctionCall(msgspec.Struct, frozen=True, gc=False):
    """A call of a function of another module; `name` is as the file has it: ``helpers.load``, ``Class.run``.

    `arguments` are the literal strings that it is given, by position (``0``) or keyword, and those in lists
    by `LISTED`.
    """

    name: str
    line: int
    block: int
    arguments: tuple[tuple[str, str], ...] = ()


class AttributeUse(msgspec.Struct, frozen=True, gc=False):
    """An attribute taken from what an import binds: ``name.attribute``, first on `line` of `block`.

    `name` may be dotted itself: ``a.b.c`` takes ``b`` from ``a``, and ``c`` from ``a.b``.
    """

    name: str
    attribute: str
    line: int
    block: int


class NamedText(msgspec.Struct, frozen=True, gc=False):
    """A string that may name a module or something in one: ``package.module``, ``package.module:name``."""

    text: str
    line: int
    block: int


class VariableSet(msgspec.Struct, frozen=True, gc=False):
    """A variable of the environment that is given a value which may name a module.

    Where it `is_default`, a value that the variable has already is left (``os.environ.setdefault``).
    """

    name: str
    value: str
    line: int
    block: int
    is_default: bool = False


class MadeModule(msgspec.Struct, frozen=True, gc=False):
    """A module that a file puts into ``sys.modules`` by its name."""

    name: str
    block: int


class SettingText(msgspec.Struct, frozen=True, gc=False):
    """A string in the value of a setting, which may name a module; `key` is the nearest one before it."""

    text: str
    line: int
    key: str = ""


class Setting(msgspec.Struct, frozen=True, gc=False):
    """A name in capitals that is bound in `block`, outside of functions and classes.

    `texts` are the strings in its value, `refers` the other such names in it. It `adds` where what the name
    stood for before is kept.
    """

    name: str
    line: int
    block: int
    texts: tuple[SettingText, ...] = ()
    refers: tuple[str, ...] = ()
    adds: bool = False


class LazyNames(msgspec.Struct, frozen=True, gc=False):
    """What a package's ``__getattr__`` serves: (name, module, block) for each name, where a table has it.

    Modules are as the table has them: absolute, or relative to the package with or without a leading dot.
    The block is the one that the entry is made in. `uses_stub` says that the table stands in the ``.pyi``
    file beside it (lazy_loader.attach_stub).
    """

    names: tuple[tuple[str, str, int], ...] = ()
    uses_stub: bool = False


class SyntaxFault(msgspec.Struct, frozen=True):
    """Why a file is no valid Python: `line` from 1, and the parser's reason."""

    line: int
    error: str


class PragmaComment(msgspec.Struct, frozen=True, gc=False):
    """A comment on `line` that waives `rules` for the lines `first` to `last`, for none where they are 0.

    `problem` says why it waives nothing.
    """

    line: int
    first: int
    last: int
    rules: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""


class SourceRecord(msgspec.Struct, frozen=True):
    """Everything that the analysis wants to know of one file. Block 0 is the module.

    `bindings` are the names bound at module level other than by imports. `is_open` says that more names
    may be there than the text shows (``__getattr__``, ``globals()``, a module put in sys.modules).
    `uses`, `variables`, `settings`, `made` and `pragmas` are kept of own code alone.
    `exports` is ``__all__`` where it is a literal. `is_cut` holds where the file has more calls than are
    looked at; `last_line` is where looking ended, 0 for the end of the file. `skimmed` are the first and last
    lines of what no parser reads in own code that does not parse.
    """

    parser: Parser
    blocks: tuple[Block, ...]
    imports: tuple[ImportStatement, ...] = ()
    dynamic: tuple[DynamicImportCall, ...] = ()
    loads: tuple[LoadCall, ...] = ()
    runs: tuple[RunCall, ...] = ()
    plugins: tuple[PluginCall, ...] = ()
    path_edits: tuple[PathCall, ...] = ()
    flags: tuple[FlagAssignment, ...] = ()
    raises: tuple[Raise, ...] = ()
    calls: tuple[LocalCall, ...] = ()
    function_calls: tuple[FunctionCall, ...] = ()
    uses: tuple[AttributeUse, ...] = ()
    texts: tuple[NamedText, ...] = ()
    variables: tuple[VariableSet, ...] = ()
    settings: tuple[Setting, ...] = ()
    made: tuple[MadeModule, ...] = ()
    bindings: tuple[str, ...] = ()
    exports: tuple[str, ...] | None = None
    lazy: LazyNames | None = None
    is_open: bool = False
    is_cut: bool = False
    last_line: int = 0
    fault: SyntaxFault | None = None
    skimmed: tuple[tuple[int, int], ...] = ()
    pragmas: tuple[PragmaComment, ...] = ()


def parser_of(record: SourceRecord, line: int) -> Parser:
    """Return what read the text around a line of own code."""
    is_skimmed = any(first <= line <= last for first, last in record.skimmed)
    return Parser.SKIM if is_skimmed else record.parser


def is_module_name(name: str) -> bool:
    """Say whether a name, absolute or relative, can be that of a module."""
    return len(name) < 256 and all(part.isidentifier() for part in name.lstrip(".").split("."))


def is_library_name(name: str) -> bool:
    """Say whether a name may be that of a library on Linux."""
    is_foreign = "\\" in name or name.lower().endswith((".dll", ".dylib", ".framework"))
    return bool(name) and not is_foreign and name.isprintable()


def absolute_name(statement_module: str, level: int, package: ModuleName) -> ModuleName | None:
    """Return the absolute name of a relative import made in `package`; None when it leaves the top.

    `package` is the module's ``__package__`` (Language Reference, 5.7; importlib._bootstrap._resolve_name).
    """
    if level == 0:
        return ModuleName(statement_module) if statement_module else None
    parts = package.split(".") if package else []
    if level > len(parts):
        return None
    base = parts[: len(parts) - level + 1]
    return ModuleName(".".join([*base, statement_module] if statement_module else base))

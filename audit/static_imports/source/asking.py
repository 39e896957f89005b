"""Which calls in a file import by name, load libraries, start programs or edit the module search path."""

import bisect
import heapq
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import libcst as cst
import msgspec

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.model.imports import LoadMethod
from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.alternatives import stands_for
from fleet_audit.audit.static_imports.source.command_lines import started_by_arguments, started_by_line
from fleet_audit.audit.static_imports.source.constants import Constants, closing
from fleet_audit.audit.static_imports.source.handlers import Handlers
from fleet_audit.audit.static_imports.source.outline import Outline
from fleet_audit.audit.static_imports.source.packages_meant import PackagesMeant
from fleet_audit.audit.static_imports.source.records import (
    BlockKind,
    DynamicImportCall,
    ImportStatement,
    LazyNames,
    LoadCall,
    PathCall,
    RunCall,
    Taken,
    absolute_name,
    is_library_name,
    is_module_name,
)

_HINTS = (
    b"import_module",
    b"__import__",
    b"CDLL",
    b"PyDLL",
    b"LoadLibrary",
    b"find_library",
    b"dlopen",
    b"subprocess",
    b"popen",
    b"shutil",
    b"os.system",
    b"os.exec",
    b"os.spawn",
    b"posix_spawn",
    b"sys.path",
    b"addsitedir",
    b"lazy",
    b"from os import",
)
_CALLED = (
    rb"import_module|__import__|CDLL|PyDLL|LoadLibrary|find_library|dlopen|Popen|run|call|check_call"
    rb"|check_output|getoutput|getstatusoutput|create_subprocess_exec|create_subprocess_shell|which|system|popen"
    rb"|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|addsitedir|attach|attach_stub"
)
_CALL = re.compile(rb"\b(" + _CALLED + rb")[ \t\x01]*\(")
_IS_CALLED = re.compile(_CALLED.decode())
_RENAMED = re.compile(
    rb"(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*((?:\w+\.)?(?:import_module|__import__))[ \t]*$"
)
"""An importing function under another name, which is the usual reason to assign one."""

_OWNER = re.compile(rb"(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*[ \t\x01]*\.[ \t\x01]*)+$")
_DEFINITION = re.compile(rb"\b(?:def|class)[ \t]+$")
_PATH = re.compile(
    rb"\bsys[ \t]*\.[ \t]*path[ \t]*(?:\.[ \t]*(insert|append|extend)[ \t]*\("
    rb"|(\+=|(?:\[[ \t]*0?[ \t]*:[ \t]*0?[ \t]*\][ \t]*)?=(?!=)))"
)
_LOOPED = re.compile(rb"[ \t\x01]*([\w \t\x01,()]+?)[ \t\x01]in\b")
_COMPREHENSION = re.compile(rb"\bfor[ \t\x01]+([\w \t\x01,()]{1,200}?)[ \t\x01]in\b")
_LONGEST_COMPREHENSION = 2_000
_OWN_PACKAGE = re.compile(r"__(?:name|package|spec)__\b")
_WORD = re.compile(rb"[A-Za-z_]\w*")
_LEAVES_LOOP = re.compile(rb"(?m)^[ \t]*(?:break|return)\b")
MAX_CALLS = 2_000
"""As many calls of each sort are looked at in one file."""

MAX_TEXT = 4 << 20
"""Bytes of calls that are looked at in one file: those inside others count again."""

_LONGEST_OWNER = 200
_MOST_ALIASES = 20
_QUESTIONS_AFTER = 20
_SHOWN = 120

_LOADERS = frozenset({"CDLL", "PyDLL", "LoadLibrary", "dlopen"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_ARGUMENT_LISTS = frozenset({"run", "call", "check_call", "check_output", "Popen"})
_SHELLS = frozenset({"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"})
_STARTERS = ("subprocess.", "os.", "posix.", "asyncio.", "shutil.", "asyncio.subprocess.")
_ABSENT_PROGRAM = frozenset(
    {"FileNotFoundError", "OSError", "EnvironmentError", "IOError", "Exception", "BaseException"}
)
_ABSENT_LIBRARY = frozenset({"OSError", "EnvironmentError", "Exception", "BaseException", "ImportError"})


class Calls(msgspec.Struct, frozen=True):
    """The calls of one file, each kind in the order of the text. Blocks are the outline's."""

    dynamic: tuple[DynamicImportCall, ...] = ()
    loads: tuple[LoadCall, ...] = ()
    runs: tuple[RunCall, ...] = ()
    path_edits: tuple[PathCall, ...] = ()
    lazy: LazyNames | None = None
    is_cut: bool = False

    def blocks(self) -> Iterator[int]:
        """Yield the block of every call."""
        for facts in (self.dynamic, self.loads, self.runs, self.path_edits):
            for fact in facts:
                yield fact.block


def find_calls(
    outlined: Outline,
    imports: tuple[ImportStatement, ...],
    constants: Constants,
    handlers: Handlers,
    *,
    is_own_code: bool,
) -> Calls:
    """Find the calls of one file. What computed names may mean is looked for in a service's own code."""
    if not any(hint in outlined.text.source for hint in _HINTS):
        return Calls()
    return _Finder(outlined, _qualified_names(imports), constants, handlers, is_own_code=is_own_code).find()


def _qualified_names(imports: tuple[ImportStatement, ...]) -> dict[str, str]:
    """Return what each imported name stands for, as ``module.name``."""
    names: dict[str, str] = {}
    for statement in imports:
        if statement.names:
            for name in statement.names:
                names[name.bound] = f"{statement.module}.{name.name}"
        else:
            top = statement.module.partition(".")[0]
            names[statement.alias or top] = statement.module if statement.alias else top
    return names


class _Site(msgspec.Struct, frozen=True):
    """One call: its text, its block, and the qualified name of what is called."""

    start: int
    end: int
    line: int
    block: int
    name: str
    node: cst.Call

    @property
    def last(self) -> str:
        return self.name.rpartition(".")[2]


class _Finder:
    """Looks at every call that may matter, in the order of the text."""

    def __init__(
        self,
        outlined: Outline,
        names: Mapping[str, str],
        constants: Constants,
        handlers: Handlers,
        *,
        is_own_code: bool,
    ) -> None:
        self._is_own_code = is_own_code
        self._outline = outlined
        self._source = outlined.text.source
        self._shadow = outlined.text.shadow
        self._names = dict(names)
        self._constants = constants
        self._handlers = handlers
        self._packages = PackagesMeant(outlined, constants, self._imported)
        self._left = MAX_TEXT
        self._questions = [i for i, span in enumerate(outlined.spans) if span.kind is BlockKind.IF]
        self._dynamic: list[DynamicImportCall] = []
        self._loads: list[LoadCall] = []
        self._loaded_at: list[_Site] = []
        self._runs: list[RunCall] = []
        self._lookups: list[tuple[int, str]] = []
        self._added: list[tuple[int, PathCall]] = []
        self._lazy: LazyNames | None = None

    def find(self) -> Calls:
        """Look through the whole file."""
        found_sites = (self._site(found) for found in self._calls())
        sites = list(islice((site for site in found_sites if site is not None), MAX_CALLS + 1))
        # Lookups come first: a program that is looked for is known to be possibly absent.
        for site in sites:
            if site.name == "shutil.which":
                self._add_lookup(site)
        for site in sites:
            self._add(site)
        self._find_path_edits()
        added = tuple(edit for _, edit in sorted(self._added, key=lambda pair: pair[0]))
        return Calls(
            tuple(self._dynamic),
            self._settled_loads(),
            tuple(self._runs),
            added,
            self._lazy,
            is_cut=max(len(sites), len(added)) > MAX_CALLS or self._left < 0 or self._constants.is_cut,
        )

    def _calls(self) -> Iterable[re.Match[bytes]]:
        """Return what may be a call that matters, by its own name or by another that the file gives it."""
        may_rename = b"import_module" in self._shadow or b"__import__" in self._shadow
        renamed = _RENAMED.finditer(self._shadow) if may_rename else ()
        for found in islice(renamed, _MOST_ALIASES):
            self._names[found[1].decode()] = self._qualified(found[2].decode())
        aliases = [name for name, meant in self._names.items() if _is_alias(name, meant)][:_MOST_ALIASES]
        if not aliases:
            return _CALL.finditer(self._shadow)
        words = b"|".join(re.escape(name.encode()) for name in aliases)
        called = re.compile(rb"\b(" + words + rb")[ \t\x01]*\(").finditer(self._shadow)
        return heapq.merge(_CALL.finditer(self._shadow), called, key=re.Match.start)

    def _site(self, found: re.Match[bytes]) -> _Site | None:
        name_start = found.start()
        before = self._shadow[max(0, name_start - _LONGEST_OWNER) : name_start]
        if _DEFINITION.search(before[-12:]):
            return None
        owner = _OWNER.search(before)
        owned_by = re.sub(rb"[ \t\x01]", b"", owner[0]).decode(errors="replace") if owner else ""
        if not owned_by and before[-1:] == b".":
            owned_by = "?."
        name = self._qualified(owned_by + found[1].decode())
        if not _matters(name):
            return None
        limit = min(len(self._shadow), found.end() + islands.MAX_BYTES)
        if self._left < 0:
            return None
        end = min(closing(self._shadow, found.end(), limit) + 1, limit)
        self._left -= end - name_start
        node = islands.expression(self._source[name_start:end], self._shadow[name_start:end])
        start = name_start - (len(owner[0]) if owner else 0)
        line, block = self._outline.text.line(start), self._outline.block_at(start)
        if isinstance(node, cst.Call):
            return _Site(start, end, line, block, name, node)
        if node is None and name.rpartition(".")[2] in _IMPORTERS:
            # What is too deep or too long to be read imports something all the same.
            self._dynamic.append(DynamicImportCall(line, block, self._text(start, end)))
        return None

    def _qualified(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return self._names.get(first, first) + dot + rest

    def _add(self, site: _Site) -> None:
        if site.last in _IMPORTERS:
            self._add_import(site)
        elif site.last in _LOADERS:
            self._add_load(site, LoadMethod.DLOPEN)
        elif site.last == "find_library":
            self._add_load(site, LoadMethod.FIND_LIBRARY)
        elif site.last == "addsitedir":
            self._add_path(
                site.start, site.end, site.node.args[0].value if site.node.args else None, is_first=False
            )
        elif site.last in ("attach", "attach_stub"):
            self._add_lazy(site)
        elif site.name != "shutil.which":
            self._add_run(site)

    def _add_import(self, site: _Site) -> None:
        first = _argument(site.node, 0, "name")
        modules = () if first is None else self._constants.strings(first, site.start)
        templates = () if first is None or modules else self._constants.templates(first, site.start)
        is_open = self._is_own_code and not modules
        below = self._packages_meant(first, site) if first is not None and is_open else []
        self._dynamic.append(
            DynamicImportCall(
                line=site.line,
                block=site.block,
                expression=self._text(site.start, site.end),
                modules=tuple(self._absolute([m for m in modules if is_module_name(m)], site)),
                templates=templates,
                below=tuple(self._absolute(below, site)),
                taken=Taken.ONE if len(modules) < 2 else self._taken(site),
            )
        )

    def _packages_meant(self, name: cst.BaseExpression, site: _Site) -> list[str]:
        """Return the packages that an import by a computed name takes its modules from."""
        begun = self._packages.by_name(name, site.start)
        return [begun] if begun else list(self._packages.by_listing(site.block))

    def _absolute(self, modules: list[str], site: _Site) -> Iterator[str]:
        """Yield names as the call takes them: relative ones from the package that it is given.

        Those from the module's own package stay relative (importlib.util.resolve_name), and those from a
        package that is not known are left out.
        """
        package = _argument(site.node, 1, "package")
        is_own = package is None or _OWN_PACKAGE.match(cst.Module(()).code_for_node(package))
        for name in modules:
            bare = name.lstrip(".")
            if bare == name or package is None or is_own:
                yield name
                continue
            given = ModuleName(self._package(package, site.start))
            if (found := absolute_name(bare, len(name) - len(bare), given)) is not None:
                yield found

    def _package(self, node: cst.BaseExpression, at: int) -> str:
        """Return the package that `node` names, itself or as a module's own name; empty if unknown."""
        if values := self._constants.strings(node, at):
            return values[0]
        owner, _, attribute = islands.dotted(node).rpartition(".")
        return self._imported(owner) if attribute in ("__name__", "__package__") else ""

    def _imported(self, name: str) -> str:
        """Return what a name that is imported stands for; empty for others."""
        return self._qualified(name) if name.partition(".")[0] in self._names else ""

    def _taken(self, site: _Site) -> Taken:
        """Say which of several names a call in a loop over them takes."""
        words = set(_WORD.findall(self._source, site.start, site.end))
        behind = self._shadow[site.end : self._outline.text.line_end(site.end)][:_LONGEST_COMPREHENSION]
        if any(not words.isdisjoint(_WORD.findall(found[1])) for found in _COMPREHENSION.finditer(behind)):
            return Taken.EACH
        spans = self._outline.spans
        block = site.block
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            looped = _LOOPED.match(self._shadow, *spans[block].header)
            if (
                spans[block].kind is BlockKind.LOOP
                and looped
                and not words.isdisjoint(_WORD.findall(looped[1]))
            ):
                body = self._shadow[spans[block].body : self._outline.end(block)]
                return Taken.FIRST if _LEAVES_LOOP.search(body) else Taken.EACH
            block = spans[block].parent
        return Taken.ONE

    def _add_load(self, site: _Site, method: LoadMethod) -> None:
        first = _argument(site.node, 1 if site.name.endswith("_ctypes.dlopen") else 0, "name")
        if first is None or islands.dotted(first) == "None":
            return
        names = tuple(name for name in self._constants.strings(first, site.start) if is_library_name(name))
        # What is searched for first and named after an ``or`` has an alternative of its own.
        has_alternative = self._handlers.survives(site.block, _ABSENT_LIBRARY) or self._is_before_or(site)
        templates = () if names else self._constants.templates(first, site.start)
        choice = self._choice(site)
        self._loads.append(LoadCall(site.line, site.block, method, names, has_alternative, templates, choice))
        self._loaded_at.append(site)

    def _choice(self, site: _Site) -> int:
        """Return the number of a load in its line, or that of the one which it stands for."""
        if not self._loads or self._loads[-1].line != site.line:
            return 0
        load, at = self._loads[-1], self._loaded_at[-1]
        is_other = site.end <= at.end or stands_for(self._shadow[at.end : site.start])
        return load.choice if is_other else load.choice + 1

    def _settled_loads(self) -> tuple[LoadCall, ...]:
        # Where find_library answers into the same variable, its question is no name to load.
        asked = {
            name for load in self._loads if load.method is LoadMethod.FIND_LIBRARY for name in load.names
        }
        return tuple(
            msgspec.structs.replace(load, names=tuple(name for name in load.names if name not in asked))
            if load.method is LoadMethod.DLOPEN
            else load
            for load in self._loads
        )

    def _is_before_or(self, site: _Site) -> bool:
        return re.match(rb"[ \t\x01]*\bor\b", self._shadow[site.end : site.end + 40]) is not None

    def _add_lookup(self, site: _Site) -> None:
        asked = _argument(site.node, 0, "cmd")
        is_handled = not self._is_demanded(site)
        for program in () if asked is None else self._constants.strings(asked, site.start):
            if is_handled:
                self._lookups.append((self._function(site.block), program))
            self._runs.append(
                RunCall(site.line, site.block, (program,), is_lookup=True, is_handled=is_handled)
            )

    def _is_demanded(self, site: _Site) -> bool:
        """Say whether an ``if`` about this lookup, or about the name that it is put in, raises or exits."""
        line_start = self._shadow.rfind(b"\n", 0, site.start) + 1
        assigned = re.match(
            rb"[ \t]*([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=", self._shadow[line_start : site.start]
        )
        name = None if assigned is None else re.compile(rb"\b" + re.escape(assigned[1]) + rb"\b")
        function = self._function(site.block)
        first = bisect.bisect_right(self._questions, site.start, key=self._header_end)
        for index in self._questions[first : first + _QUESTIONS_AFTER]:
            span = self._outline.spans[index]
            is_here = span.header[0] <= site.start
            is_about = name is not None and name.search(self._shadow[slice(*span.header)]) is not None
            if (is_here or (is_about and self._function(index) == function)) and self._handlers.gives_up(
                index
            ):
                return True
        return False

    def _header_end(self, block: int) -> int:
        return self._outline.spans[block].header[1]

    def _add_run(self, site: _Site) -> None:
        function = self._function(site.block)
        is_survived = self._handlers.survives(site.block, _ABSENT_PROGRAM)
        for alternatives in self._programs(site):
            programs = tuple(dict.fromkeys(program for program in alternatives if _is_program(program)))
            if programs:
                is_looked_for = all((function, program) in self._lookups for program in programs)
                is_handled = is_looked_for or is_survived
                self._runs.append(RunCall(site.line, site.block, programs, is_handled=is_handled))

    def _programs(self, site: _Site) -> list[tuple[str, ...]]:
        """Return each program that a call starts, as what may be meant by it."""
        is_spawn = site.last.startswith("spawn")
        first = _argument(site.node, 1 if is_spawn else 0, "args")
        if first is None:
            return []
        lines = self._constants.command_lines(first, site.start)
        if site.last in _SHELLS or (site.last in _ARGUMENT_LISTS and _has_shell(site.node)):
            started = [tuple(started_by_line(line)) for line in lines]
            # Of several lines one is meant, and what each starts first stands for it.
            return [(each,) for each in started[0]] if len(started) == 1 else [_firsts(started)]
        words = self._constants.arguments(first, site.start) if site.last in _ARGUMENT_LISTS else ()
        inner = [(each,) for each in islice(started_by_arguments(words), 1, None)]
        return [lines, *inner]

    def _function(self, block: int) -> int:
        spans = self._outline.spans
        while block > 0 and spans[block].kind is not BlockKind.FUNCTION:
            block = spans[block].parent
        return block

    def _add_lazy(self, site: _Site) -> None:
        if site.last == "attach_stub":
            self._lazy = LazyNames(uses_stub=True)
            return
        submodules = _argument(site.node, 1, "submodules")
        attributes = _argument(site.node, 2, "submod_attrs")
        names = [(name, name, site.block) for name in self._literals(submodules, site.start)]
        if isinstance(attributes, cst.Dict):
            for element in attributes.elements:
                if isinstance(element, cst.DictElement) and (key := islands.text(element.key)) is not None:
                    names.extend((n, key, site.block) for n in self._literals(element.value, site.start))
        self._lazy = LazyNames(names=tuple(names))

    def _literals(self, node: cst.BaseExpression | None, offset: int) -> tuple[str, ...]:
        return () if node is None else self._constants.strings(node, offset)

    def _find_path_edits(self) -> None:
        for found in islice(_PATH.finditer(self._shadow), MAX_CALLS + 1):
            start, line_end = found.start(), self._outline.text.line_end(found.start())
            if found[2] is not None:
                value = islands.expression(
                    self._source[found.end() : line_end], self._shadow[found.end() : line_end]
                )
                self._add_path(start, line_end, value, is_first=found[2] != b"+=")
                continue
            end = min(closing(self._shadow, found.end(), line_end) + 1, line_end)
            call = islands.expression(self._source[start:end], self._shadow[start:end])
            position = 1 if found[1] == b"insert" else 0
            value = _argument(call, position, "object") if isinstance(call, cst.Call) else None
            self._add_path(start, end, value, is_first=found[1] == b"insert")

    def _add_path(self, start: int, end: int, value: cst.BaseExpression | None, *, is_first: bool) -> None:
        folders = () if value is None else self._constants.strings(_without_path(value), start)
        edit = PathCall(
            self._outline.text.line(start),
            self._outline.block_at(start),
            self._text(start, end),
            tuple(dict.fromkeys(folders)),
            is_first,
        )
        self._added.append((start, edit))

    def _text(self, start: int, end: int) -> str:
        shown = b" ".join(self._source[start:end].split()).decode(errors="replace")
        return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"


def _is_alias(name: str, meant: str) -> bool:
    """Say whether a name stands for a function that is called otherwise, and that matters."""
    last = meant.rpartition(".")[2]
    is_called = last != name and _IS_CALLED.fullmatch(last) is not None
    return is_called and _IS_CALLED.fullmatch(name) is None and _matters(meant)


def _matters(name: str) -> bool:
    last = name.rpartition(".")[2]
    if last in _LOADERS or last in _IMPORTERS or last in ("find_library", "addsitedir"):
        return True
    if last in ("attach", "attach_stub"):
        return "lazy" in name
    return name.startswith(_STARTERS)


def _argument(call: cst.Call, position: int, keyword: str) -> cst.BaseExpression | None:
    plain = [argument for argument in call.args if argument.keyword is None]
    if len(plain) > position:
        return None if plain[position].star else plain[position].value
    named = [a.value for a in call.args if a.keyword is not None and a.keyword.value == keyword]
    return named[0] if named else None


def _has_shell(call: cst.Call) -> bool:
    named = [a.value for a in call.args if a.keyword is not None and a.keyword.value == "shell"]
    return bool(named) and islands.dotted(named[0]) != "False"


def _firsts(lines: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(programs[0] for programs in lines if programs)


def _is_program(word: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9_./+\[][-A-Za-z0-9_./+]{0,255}", word)) and not word.endswith("/")


def _without_path(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return what ``[x] + sys.path`` or ``sys.path + [x]`` adds."""
    if isinstance(value, cst.BinaryOperation):
        if islands.dotted(value.right) == "sys.path":
            return value.left
        if islands.dotted(value.left) == "sys.path":
            return value.right
    if isinstance(value, cst.List):
        return cst.List([e for e in value.elements if not isinstance(e, cst.StarredElement)])
    return value

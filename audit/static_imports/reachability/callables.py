"""Which function of which module a call runs, through the imports that bind its name."""

from collections.abc import Callable

from fleet_audit.audit.static_imports.resolution.finder import Module, ModuleKind
from fleet_audit.audit.static_imports.source.functions import Invocation, busy_functions, given_to
from fleet_audit.audit.static_imports.source.records import FunctionCall, SourceRecord, absolute_name

_MOST_HOPS = 6
"""From how many modules a name may be passed on before it is looked at no further."""

_Target = tuple[Module, str, int]
"""A module, the name of a function in it, and the index of that function's block."""


class Callables:
    """Finds the functions that lead to imports or loads. Answers are kept."""

    def __init__(
        self, find: Callable[[str], Module | None], record: Callable[[Module], SourceRecord | None]
    ) -> None:
        """Take how modules and their records are found."""
        self._find = find
        self._record = record
        self._known: dict[str, _Target | None] = {}
        self._busy: dict[str, dict[str, tuple[int, ...]]] = {}
        self._bindings: dict[str, dict[str, str]] = {}

    def target(
        self, module: Module, record: SourceRecord, call: FunctionCall
    ) -> tuple[Module, Invocation] | None:
        """Return what `call`, made in `module`, runs; None where that leads nowhere, or is not known."""
        first, dot, rest = call.name.partition(".")
        bound = self._bound(module, record).get(first)
        is_own = bound is None
        found = self._own(module, record, call.name) if is_own else self._passed_on(f"{bound}{dot}{rest}")
        if found is None:
            return None
        target, name, function = found
        target_record = self._record(target)
        given = () if target_record is None else given_to(target_record.blocks, function, call)
        return target, Invocation(name, given=given)

    def full_names(self, module: Module, record: SourceRecord, call: FunctionCall) -> tuple[str, ...]:
        """Return the full names of what is called: as its import has it, and where that passes it on."""
        first, dot, rest = call.name.partition(".")
        name = self._bound(module, record).get(first)
        names: list[str] = []
        while name is not None and len(names) < _MOST_HOPS:
            names.append(f"{name}{dot}{rest}")
            owner, _, last = name.rpartition(".")
            passing = self._find(owner) if owner else None
            passed_on = None if passing is None else self._record(passing)
            known = None if passing is None or passed_on is None else self._bound(passing, passed_on)
            name = None if known is None else known.get(last)
        return tuple(dict.fromkeys(names))

    def _own(self, module: Module, record: SourceRecord, name: str) -> _Target | None:
        functions = self._busy_of(module, record).get(name)
        return None if functions is None else (module, name, functions[-1])

    def _passed_on(self, dotted: str) -> _Target | None:
        if dotted not in self._known:
            self._known[dotted] = self._look_up(dotted, _MOST_HOPS)
        return self._known[dotted]

    def _look_up(self, dotted: str, hops: int) -> _Target | None:
        parts = dotted.split(".")
        for count in range(len(parts) - 1, 0, -1):
            module = self._find(".".join(parts[:count]))
            if module is not None:
                return self._inside(module, parts[count:], hops)
        return None

    def _inside(self, module: Module, names: list[str], hops: int) -> _Target | None:
        record = self._record(module) if module.kind is ModuleKind.SOURCE else None
        if record is None or hops == 0:
            return None
        if (found := self._own(module, record, ".".join(names))) is not None:
            return found
        bound = self._bound(module, record).get(names[0])
        return None if bound is None else self._look_up(".".join((bound, *names[1:])), hops - 1)

    def _busy_of(self, module: Module, record: SourceRecord) -> dict[str, tuple[int, ...]]:
        key = f"{module.name} {module.file}"
        if key not in self._busy:
            self._busy[key] = busy_functions(record)
        return self._busy[key]

    def _bound(self, module: Module, record: SourceRecord) -> dict[str, str]:
        """Return what each name stands for that an import binds, as a full dotted name."""
        key = f"{module.name} {module.file}"
        if key not in self._bindings:
            bound: dict[str, str] = {}
            for statement in record.imports:
                base = absolute_name(statement.module, statement.level, module.package)
                if base is None:
                    continue
                for item in statement.names:
                    bound[item.bound] = f"{base}.{item.name}"
                if not statement.names:
                    top = base.partition(".")[0]
                    bound[statement.alias or top] = base if statement.alias else top
            self._bindings[key] = bound
        return self._bindings[key]

"""The condition of an ``if`` as a value, read from its expression."""

import functools
import re

import libcst as cst

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.static_imports.source.conditions import (
    AllOf,
    AnyOf,
    Available,
    Condition,
    Constant,
    Flag,
    NameIs,
    Not,
    RunAsMain,
    SystemCheck,
    TypeChecking,
    Unknown,
    VersionCheck,
)
from fleet_audit.audit.static_imports.source.environment import comparison as environment_comparison
from fleet_audit.audit.static_imports.source.environment import truth, variable
from fleet_audit.audit.static_imports.source.islands import dotted, expression, text, texts

_OPERATORS: dict[type[cst.BaseCompOp], str] = {
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}
_SYSTEM = {
    "sys.platform": "sys.platform",
    "platform": "sys.platform",
    "os.name": "os.name",
    "sys.implementation.name": "sys.implementation.name",
    "implementation.name": "sys.implementation.name",
}
_SYSTEM_CALLS = frozenset({"platform.system", "platform.python_implementation"})
_NEVER = frozenset({"TYPE_CHECKING", "MYPY"})
_VERSION = frozenset({"sys.version_info", "version_info"})
_FINDERS = frozenset({"importlib.util.find_spec", "util.find_spec", "find_spec", "pkgutil.find_loader"})
_PROBE = re.compile(
    r"_*(?:is_|has_|have_|check_)?(?:package|module|library|lib|dependency)_?"
    r"(?:is_)?(?:available|installed|importable|present|exists|found)"
    r"|_*(?:has|have|can_import|is_importable|is_installed|is_available)_?(?:package|module|library)?"
)
"""Names of functions that packages write to ask whether the module that they are given can be imported."""

_ATTRIBUTES = {
    ("sys", "pypy_version_info"): False,
    ("sys", "pypy_translation_info"): False,
    ("sys", "frozen"): False,
    ("sys", "_MEIPASS"): False,
    ("sys", "gettotalrefcount"): False,
    ("sys", "getwindowsversion"): False,
    ("sys", "winver"): False,
    ("os", "fork"): True,
    ("os", "register_at_fork"): True,
    ("os", "sched_getaffinity"): True,
    ("os", "startfile"): False,
    ("signal", "SIGALRM"): True,
    ("socket", "AF_UNIX"): True,
    ("select", "epoll"): True,
    ("select", "kqueue"): False,
}
"""Attributes of the standard library that CPython on Linux has, or has not."""

_CONSTANTS = {
    ("None", "is not"): True,
    ("None", "!="): True,
    ("None", "is"): False,
    ("None", "=="): False,
    ("True", "is"): True,
    ("True", "=="): True,
    ("False", "is"): False,
    ("False", "=="): False,
}
"""What a comparison with a constant asks: the other side itself, or its opposite."""

_MEMBERSHIP = {"==": True, "in": True, "!=": False, "not in": False}

MAX_DEPTH = 40
"""How deeply questions may be joined; what is below is unknown."""


_LONGEST_KEPT = 200
"""Longer questions, in bytes, are hardly asked twice."""


def asked(source: bytes, shadow: bytes) -> Condition:
    """Return what the text of an expression asks; `Unknown` where it cannot be parsed."""
    return _kept(source, shadow) if len(source) <= _LONGEST_KEPT else _asked(source, shadow)


def _asked(source: bytes, shadow: bytes) -> Condition:
    parsed = expression(source, shadow)
    return Unknown() if parsed is None else condition(parsed)


# The same few questions are asked in most files: of TYPE_CHECKING, of versions, of arguments.
_kept = functools.lru_cache(maxsize=4_096)(_asked)


def condition(node: cst.BaseExpression, depth: int = MAX_DEPTH) -> Condition:
    """Return what `node` asks; `Unknown` for whatever is not recognised."""
    if depth == 0:
        return Unknown()
    match node:
        case cst.Comparison():
            return _comparison(node, depth)
        case cst.Call():
            return _call(node, depth)
        case cst.Subscript():
            # What a probe returns first is mostly whether the module is there; its version comes after.
            return condition(node.value, depth - 1) if isinstance(node.value, cst.Call) else Unknown()
        case cst.UnaryOperation() | cst.BooleanOperation() | cst.NamedExpr():
            return _joined(node, depth - 1)
        case _:
            return _name(node)


def _joined(node: cst.UnaryOperation | cst.BooleanOperation | cst.NamedExpr, depth: int) -> Condition:
    match node:
        case cst.UnaryOperation():
            asked = condition(node.expression, depth)
            return Not(asked) if isinstance(node.operator, cst.Not) else Unknown()
        case cst.BooleanOperation():
            both = (condition(node.left, depth), condition(node.right, depth))
            return AllOf(both) if isinstance(node.operator, cst.And) else AnyOf(both)
        case _:
            return condition(node.value, depth)


def _name(node: cst.BaseExpression) -> Condition:
    if isinstance(node, cst.Integer):
        return Constant(node.evaluated_value != 0)
    name = dotted(node)
    if name in ("True", "False", "None", "__debug__"):
        return Constant(name in ("True", "__debug__"))
    if name.rpartition(".")[2] in _NEVER:
        return TypeChecking()
    return Flag(name) if name else Unknown()


def _call(node: cst.Call, depth: int) -> Condition:
    if (asked := variable(node)) is not None:
        return truth(asked)
    name = dotted(node.func)
    words = tuple(word for argument in node.args[:1] for word in texts(argument.value))
    if name in ("sys.platform.startswith", "platform.startswith") and words:
        return SystemCheck("sys.platform", "startswith", words)
    if name == "bool" and len(node.args) == 1:
        return condition(node.args[0].value, depth - 1)
    if name in ("hasattr", "getattr"):
        return _attribute(node)
    return _availability(name, words, has_arguments=bool(node.args))


def _availability(name: str, words: tuple[str, ...], *, has_arguments: bool) -> Condition:
    last = name.rpartition(".")[2]
    if words and (name in _FINDERS or _PROBE.fullmatch(last)):
        return Available(ModuleName(words[0])) if _is_module(words[0]) else Unknown()
    return Flag(f"{name}()") if name and not has_arguments else Unknown()


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _attribute(node: cst.Call) -> Condition:
    """Read ``hasattr(module, name)`` and ``getattr(module, name, False)``."""
    match [argument.value for argument in node.args]:
        case [owner, name, *default] if all(dotted(value) in ("False", "None") for value in default):
            has = _ATTRIBUTES.get((dotted(owner), text(name) or ""))
            return Unknown() if has is None else Constant(has)
        case _:
            return Unknown()


def _comparison(node: cst.Comparison, depth: int) -> Condition:
    if len(node.comparisons) != 1:
        return Unknown()
    operator = _OPERATORS.get(type(node.comparisons[0].operator), "")
    right = node.comparisons[0].comparator
    for read in (_main, _system, environment_comparison, _version):
        if not isinstance(found := read(node.left, operator, right), Unknown):
            return found
    if (values := texts(right)) and (name := dotted(node.left)) and operator in _MEMBERSHIP:
        return NameIs(name, values) if _MEMBERSHIP[operator] else Not(NameIs(name, values))
    if (wanted := _CONSTANTS.get((dotted(right), operator))) is not None:
        asked = condition(node.left, depth - 1)
        return asked if wanted else Not(asked)
    return Unknown()


def _main(left: cst.BaseExpression, operator: str, right: cst.BaseExpression) -> Condition:
    sides = {dotted(left) or text(left), dotted(right) or text(right)}
    if sides != {"__name__", "__main__"}:
        return Unknown()
    return RunAsMain() if operator == "==" else Not(RunAsMain()) if operator == "!=" else Unknown()


def _system(left: cst.BaseExpression, operator: str, right: cst.BaseExpression) -> Condition:
    if text(left) == "__pypy__" and dotted(right) == "sys.builtin_module_names":
        return Constant(operator == "not in")
    values = texts(right)
    attribute = _SYSTEM.get(dotted(left)) or _platform_call(left)
    return SystemCheck(attribute, operator, values) if attribute and values else Unknown()


def _platform_call(node: cst.BaseExpression) -> str:
    name = dotted(node.func) if isinstance(node, cst.Call) else ""
    return name if name in _SYSTEM_CALLS else ""


def _version(left: cst.BaseExpression, operator: str, right: cst.BaseExpression) -> Condition:
    wanted = _numbers(right)
    if not wanted:
        return Unknown()
    if dotted(left) in _VERSION:
        return VersionCheck(operator, wanted)
    if dotted(left) in ("sys.version_info.major", "sys.version_info.minor"):
        return VersionCheck(operator, wanted, 0 if dotted(left).endswith("major") else 1)
    if isinstance(left, cst.Subscript) and dotted(left.value) in _VERSION:
        return _version_part(left, operator, wanted)
    return Unknown()


def _version_part(left: cst.Subscript, operator: str, wanted: tuple[int, ...]) -> Condition:
    match [element.slice for element in left.slice]:
        case [cst.Index(value=cst.Integer(evaluated_value=part))]:
            return VersionCheck(operator, wanted, part)
        # version_info[:2] >= (3, 8) holds exactly where version_info >= (3, 8) does; the others differ.
        case [cst.Slice(lower=None)] if operator in (">=", "<"):
            return VersionCheck(operator, wanted)
        case _:
            return Unknown()


def _numbers(node: cst.BaseExpression) -> tuple[int, ...]:
    items = [element.value for element in node.elements] if isinstance(node, cst.Tuple) else [node]
    numbers = [item.evaluated_value for item in items if isinstance(item, cst.Integer)]
    return tuple(numbers) if len(numbers) == len(items) else ()

"""The condition of an ``if`` as a value, read from its expression."""

import libcst as cst

from fleet_audit.audit.model.identity import ModuleName
from fleet_audit.audit.static_imports.conditions import (
    AllOf,
    AnyOf,
    Available,
    Condition,
    Constant,
    EnvironmentSet,
    Flag,
    Not,
    RunAsMain,
    SystemCheck,
    TypeChecking,
    Unknown,
    VersionCheck,
)
from fleet_audit.audit.static_imports.islands import dotted, text

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
_VARIABLES = frozenset({"os.environ.get", "environ.get", "os.getenv", "getenv"})
_FINDERS = frozenset({"importlib.util.find_spec", "util.find_spec", "find_spec", "pkgutil.find_loader"})


MAX_DEPTH = 40
"""How deeply questions may be joined; what is below is unknown."""


def condition(node: cst.BaseExpression, depth: int = MAX_DEPTH) -> Condition:
    """Return what `node` asks; `Unknown` for whatever is not recognised."""
    if depth == 0:
        return Unknown()
    match node:
        case cst.UnaryOperation(operator=cst.Not()):
            return Not(condition(node.expression, depth - 1))
        case cst.BooleanOperation():
            both = (condition(node.left, depth - 1), condition(node.right, depth - 1))
            return AllOf(both) if isinstance(node.operator, cst.And) else AnyOf(both)
        case cst.Comparison():
            return _comparison(node)
        case _:
            return _call(node) if isinstance(node, cst.Call) else _name(node)


def _name(node: cst.BaseExpression) -> Condition:
    if isinstance(node, cst.Integer):
        return Constant(node.evaluated_value != 0)
    name = dotted(node)
    if name in ("True", "False", "None", "__debug__"):
        return Constant(name in ("True", "__debug__"))
    if name.rpartition(".")[2] in _NEVER:
        return TypeChecking()
    return Flag(name) if name else Unknown()


def _call(node: cst.Call) -> Condition:
    name = dotted(node.func)
    words = tuple(word for argument in node.args for word in _texts(argument.value))
    if name in ("sys.platform.startswith", "platform.startswith") and words:
        return SystemCheck("sys.platform", "startswith", words)
    if name in _FINDERS and words:
        return Available(ModuleName(words[0]))
    if name in _VARIABLES and len(node.args) == 1 and words:
        return EnvironmentSet(words[0])
    return Unknown()


def _comparison(node: cst.Comparison) -> Condition:
    if len(node.comparisons) != 1:
        return Unknown()
    operator = _OPERATORS.get(type(node.comparisons[0].operator), "")
    right = node.comparisons[0].comparator
    name = dotted(node.left)
    if name == "__name__" and text(right) == "__main__":
        return RunAsMain() if operator == "==" else Not(RunAsMain()) if operator == "!=" else Unknown()
    if text(node.left) == "__main__" and dotted(right) == "__name__" and operator == "==":
        return RunAsMain()
    if attribute := _SYSTEM.get(name) or _platform_call(node.left):
        values = _texts(right)
        return SystemCheck(attribute, operator, values) if values else Unknown()
    if dotted(right) == "None" and operator in ("is", "is not", "==", "!="):
        asked = condition(node.left)
        if isinstance(asked, Available):
            return asked if operator in ("is not", "!=") else Not(asked)
    return _version(node.left, operator, right)


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


def _texts(node: cst.BaseExpression) -> tuple[str, ...]:
    if isinstance(node, cst.Tuple | cst.List | cst.Set):
        values = [text(element.value) for element in node.elements]
    else:
        values = [text(node)]
    return tuple(value for value in values if value is not None)

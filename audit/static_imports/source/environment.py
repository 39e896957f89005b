"""What a condition asks of the environment's variables, and what the answer is where they are unset."""

from collections.abc import Mapping

import libcst as cst
import msgspec

from fleet_audit.audit.static_imports.source.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EnvironmentCheck,
    EnvironmentSet,
    Flag,
    NameIs,
    Not,
    Unknown,
)
from fleet_audit.audit.static_imports.source.islands import dotted, text, texts

_GETTERS = frozenset({"os.environ.get", "environ.get", "os.getenv", "getenv"})
_MAPPINGS = frozenset({"os.environ", "environ"})
_CHANGING_CASE = frozenset({"lower", "upper", "strip", "casefold"})
_NUMBERS = frozenset({"int", "float"})
_PASSING = frozenset({"bool", "str"})
_MAX_WRAPPERS = 6


class Variable(msgspec.Struct, frozen=True):
    """A variable that is asked for, and what the code takes where it is unset."""

    name: str
    default: str | None = None
    is_number: bool = False


def variable(node: cst.BaseExpression, wrappers: int = _MAX_WRAPPERS) -> Variable | None:
    """Return the variable whose value `node` is; None for any other expression."""
    if not isinstance(node, cst.Call) or wrappers == 0:
        return None
    name = dotted(node.func)
    if name in _GETTERS:
        return _asked(node)
    if name in _NUMBERS | _PASSING and len(node.args) == 1:
        inner = variable(node.args[0].value, wrappers - 1)
        is_number = name in _NUMBERS
        return None if inner is None else Variable(inner.name, inner.default, is_number or inner.is_number)
    if isinstance(node.func, cst.Attribute) and node.func.attr.value in _CHANGING_CASE and not node.args:
        return variable(node.func.value, wrappers - 1)
    return None


def _asked(call: cst.Call) -> Variable | None:
    match [argument.value for argument in call.args]:
        case [first]:
            name, default = text(first), None
        case [first, second]:
            name, default = text(first), _plain(second)
            if default is None and dotted(second) != "None":
                return None
        case _:
            return None
    return None if name is None else Variable(name, default)


def _plain(node: cst.BaseExpression) -> str | None:
    if isinstance(node, cst.Integer):
        return str(node.evaluated_value)
    if dotted(node) in ("False", "True"):
        return "" if dotted(node) == "False" else "True"
    return text(node)


def truth(asked: Variable) -> Condition:
    """Return the question whether a variable's value is true."""
    if asked.default is None:
        return EnvironmentSet(asked.name)
    is_true = bool(asked.default) and not (asked.is_number and asked.default.strip("0.") == "")
    return EnvironmentCheck(asked.name, is_true)


def comparison(left: cst.BaseExpression, operator: str, right: cst.BaseExpression) -> Condition:
    """Return the question that a comparison asks of a variable; `Unknown` for any other."""
    name = text(left)
    if dotted(right) in _MAPPINGS and name is not None and operator in ("in", "not in"):
        return EnvironmentCheck(name, operator == "not in")
    asked = variable(left)
    if asked is None:
        return Unknown()
    if operator in ("is", "is not", "==", "!=") and dotted(right) == "None":
        is_equal = asked.default is None
    else:
        values = texts(right) or _number(right)
        if not values:
            return Unknown()
        is_equal = asked.default in values
    if operator in ("==", "is", "in"):
        return EnvironmentCheck(asked.name, is_equal)
    if operator in ("!=", "is not", "not in"):
        return EnvironmentCheck(asked.name, not is_equal)
    return Unknown()


def _number(node: cst.BaseExpression) -> tuple[str, ...]:
    return (str(node.evaluated_value),) if isinstance(node, cst.Integer) else ()


def decided(asked: Condition, variables: Mapping[str, Variable]) -> Condition:
    """Return a question with the file's names for variables' values replaced by what they stand for."""
    match asked:
        case Flag(name) if name in variables:
            return truth(variables[name])
        case NameIs(name, values) if name in variables:
            return EnvironmentCheck(variables[name].name, variables[name].default in values)
        case Not(operand):
            return Not(decided(operand, variables))
        case AllOf(operands):
            return AllOf(tuple(decided(operand, variables) for operand in operands))
        case AnyOf(operands):
            return AnyOf(tuple(decided(operand, variables) for operand in operands))
        case _:
            return asked

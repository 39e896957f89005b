"""What an ``if`` asks, kept symbolically so that one record serves every image."""

from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec

from fleet_audit.audit.model.identity import ModuleName


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """``True``, ``False``, ``0`` and their like."""

    value: bool


class TypeChecking(msgspec.Struct, frozen=True, tag="type-checking"):
    """``typing.TYPE_CHECKING``: false whenever the code runs."""


class RunAsMain(msgspec.Struct, frozen=True, tag="main"):
    """``__name__ == "__main__"``."""


class VersionCheck(msgspec.Struct, frozen=True, tag="version"):
    """``sys.version_info OPERATOR wanted``; `part` is the index taken of version_info, -1 for all of it."""

    operator: str
    wanted: tuple[int, ...]
    part: int = -1


class SystemCheck(msgspec.Struct, frozen=True, tag="system"):
    """A question about the operating system; `attribute` is where the code looks."""

    attribute: str
    operator: str
    values: tuple[str, ...]


class Available(msgspec.Struct, frozen=True, tag="available"):
    """``importlib.util.find_spec(module) is not None`` and its like."""

    module: ModuleName


class Flag(msgspec.Struct, frozen=True, tag="flag"):
    """A name that stands for the answer to another question (``WINDOWS``, ``HAS_TORCH``).

    ``has_torch()`` stands for what a function without arguments returns.
    """

    name: str


class EnvironmentSet(msgspec.Struct, frozen=True, tag="environment"):
    """``os.environ.get(variable)``: whether the variable is set to something."""

    variable: str


class EnvironmentCheck(msgspec.Struct, frozen=True, tag="environment-value"):
    """A question about what `variable` holds; `unset` is the answer where nobody sets it."""

    variable: str
    unset: bool


class NameIs(msgspec.Struct, frozen=True, tag="name-is"):
    """Whether what a function is given as `parameter` is one of `values`."""

    parameter: str
    values: tuple[str, ...]


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """A question that the code alone does not answer."""


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The opposite of `operand`."""

    operand: "Condition"


class AllOf(msgspec.Struct, frozen=True, tag="and"):
    """``a and b``."""

    operands: "tuple[Condition, ...]"


class AnyOf(msgspec.Struct, frozen=True, tag="or"):
    """``a or b``."""

    operands: "tuple[Condition, ...]"


Condition = (
    Constant
    | TypeChecking
    | RunAsMain
    | VersionCheck
    | SystemCheck
    | Available
    | Flag
    | EnvironmentSet
    | EnvironmentCheck
    | NameIs
    | Unknown
    | Not
    | AllOf
    | AnyOf
)


def _unknown_flag(_: str) -> bool | None:
    return None


class Circumstances(msgspec.Struct, frozen=True):
    """What decides conditions: the Python version, whether this file is the script, and what is there.

    `flag` answers for a name of the file; `environment` are the variables that the image sets. Others are
    unset, or, where `is_open`, may be set by whoever starts the container. `given` is what is known of
    the arguments that functions are called with.
    """

    version: tuple[int, ...]
    is_script: bool
    has_module: Callable[[ModuleName], bool]
    flag: Callable[[str], bool | None] = _unknown_flag
    environment: frozenset[str] = frozenset()
    is_open: bool = False
    given: Mapping[str, str] = {}


_LINUX = {
    "sys.platform": "linux",
    "os.name": "posix",
    "platform.system": "Linux",
    "platform.python_implementation": "CPython",
    "sys.implementation.name": "cpython",
}
"""What an image's Python answers: only CPython on Linux is looked for."""


def holds(condition: Condition, world: Circumstances) -> bool | None:
    """Decide `condition`; None where nothing here decides it. Images are Linux, so systems are decided."""
    answer: bool | None
    match condition:
        case Constant(value):
            answer = value
        case RunAsMain():
            answer = world.is_script
        case Available(module):
            answer = world.has_module(module)
        case VersionCheck() | SystemCheck():
            answer = _python_holds(condition, world.version)
        case Flag(name):
            answer = world.flag(name)
        case EnvironmentSet() | EnvironmentCheck():
            answer = _environment_holds(condition, world)
        case NameIs(parameter, values):
            given = world.given.get(parameter)
            answer = None if given is None else given in values
        case TypeChecking() | Unknown():
            answer = None if isinstance(condition, Unknown) else False
        case Not() | AllOf() | AnyOf():
            answer = _combined(condition, world)
        case _:
            assert_never(condition)
    return answer


def _environment_holds(check: EnvironmentSet | EnvironmentCheck, world: Circumstances) -> bool | None:
    if check.variable not in world.environment:
        unset = isinstance(check, EnvironmentCheck) and check.unset
        return None if world.is_open else unset
    # What an image sets is known by name; a variable that is set to nothing is not among them.
    return True if isinstance(check, EnvironmentSet) else None


def _combined(condition: Not | AllOf | AnyOf, world: Circumstances) -> bool | None:
    if isinstance(condition, Not):
        inner = holds(condition.operand, world)
        return None if inner is None else not inner
    deciding = isinstance(condition, AnyOf)
    answers = [holds(operand, world) for operand in condition.operands]
    if deciding in answers:
        return deciding
    return None if None in answers else not deciding


def _python_holds(check: VersionCheck | SystemCheck, version: tuple[int, ...]) -> bool | None:
    return _version_holds(check, version) if isinstance(check, VersionCheck) else _system_holds(check)


def _version_holds(check: VersionCheck, version: tuple[int, ...]) -> bool | None:
    # version_info has five parts; a comparison with a shorter tuple sees it as the greater one.
    have = (*version, *(0,) * (3 - len(version)), 0xF0, 0)
    if check.part >= 0:
        have = have[check.part : check.part + 1]
    return _compared(have, check.operator, check.wanted)


def _compared(have: tuple[int, ...], operator: str, wanted: tuple[int, ...]) -> bool | None:
    answers = {
        "<": have < wanted,
        "<=": have <= wanted,
        ">": have > wanted,
        ">=": have >= wanted,
        "==": have == wanted,
        "!=": have != wanted,
    }
    return answers.get(operator)


def _system_holds(check: SystemCheck) -> bool | None:
    have = _LINUX.get(check.attribute)
    if have is None:
        return None
    answers = {
        "==": have in check.values,
        "in": have in check.values,
        "!=": have not in check.values,
        "not in": have not in check.values,
        "startswith": have.startswith(check.values),
    }
    return answers.get(check.operator)

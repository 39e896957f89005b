"""A rule's own parameters, and what a policy or a sample may put in their place."""

from collections.abc import Mapping

from fleet_audit.audit.configuration.schema import suggestion
from fleet_audit.audit.policy.conditions import Parameter


def merged(defaults: Mapping[str, Parameter], changes: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Return parameters with changes; a whole number given for a fraction becomes one."""
    result = dict(defaults)
    for key, value in changes.items():
        result[key] = float(value) if _is_fraction(defaults[key]) and isinstance(value, int) else value
    return result


def _is_fraction(value: Parameter) -> bool:
    return isinstance(value, float)


def misfit(key: str, value: object, defaults: Mapping[str, Parameter]) -> str:
    """Say why a value cannot replace a parameter; empty where it can."""
    if key not in defaults:
        return f"the rule has no parameter of this name{suggestion(key, defaults)}"
    wanted, given = _kind(defaults[key]), _kind(value)
    if given == wanted or (wanted == "a fraction" and given == "a whole number"):
        return ""
    return f"must be {wanted} as in the rule, is {given}"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a fraction"
        case str():
            return "a text"
        case tuple() | list():
            return "a list of texts"
        case _:
            return "something else"

"""Shapes of configuration: every deviation from a type at once, in words for people.

The JSON schema that msgspec derives from a struct is the only description of a shape; editors are given
the same one. Mappings with fixed keys also take free text under `FREE_KEYS` and under keys that start
with ``x-``.
"""

import difflib
import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from fleet_audit.audit.configuration.located import KeyPath, Located, Value
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError

T = TypeVar("T")
Schema = dict[str, Any]

FREE_KEYS = ("source", "published_by", "note")
FREE_PATTERN = f"^(x-.*|{'|'.join(FREE_KEYS)})$"

_FREE = re.compile(FREE_PATTERN)
_SHOWN = 60

MAX_PROBLEMS = 500
MAX_COMPARED = 500
MAX_COMPARED_LENGTH = 100


@cache
def schema_of(root: type) -> Schema:
    """Return the JSON schema of a struct type, free keys allowed wherever keys are fixed; to be read only."""
    schema: Schema = msgspec.json.schema(root)
    for definition in schema.get("$defs", {}).values():
        if definition.get("additionalProperties") is False:
            definition["patternProperties"] = {FREE_PATTERN: True}
    return schema


def published_schema(root: type, *, title: str = "", about: str = "") -> bytes:
    """Return the schema of a type as a document for editors, indented and ended by a line end.

    `about` takes the place of the type's own description, for a type that has none.
    """
    head: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title or root.__name__,
    }
    document = {**head, "description": about or inspect.cleandoc(root.__doc__ or ""), **schema_of(root)}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def convert(located: Located, root: type[T], *, at: KeyPath = (), also: Iterable[Problem] = ()) -> T:
    """Return the value that stands at a path as a `root`, free keys dropped.

    Raises ConfigurationError with every deviation from the type, and with the problems in `also`, which
    the caller found in the same file by other means.
    """
    shape: type = root  # mypy does not take a `type[T]` for hashable
    schema = schema_of(shape)
    value = located.view(*at).value
    problems = first_problems(chain(also, _deviations(located, schema, at)), located.name)
    if problems:
        raise ConfigurationError(problems)
    try:
        return msgspec.convert(_fitted(value, schema, schema), root)
    except msgspec.ValidationError as e:
        raise ConfigurationError((located.problem(at, str(e)),)) from e


def first_problems(problems: Iterable[Problem], file: str) -> list[Problem]:
    """Return the problems; of very many the first, and one that says that there are more."""
    found = list(islice(problems, MAX_PROBLEMS + 1))
    if len(found) > MAX_PROBLEMS:
        found[MAX_PROBLEMS] = Problem(
            file, 0, "", f"these are the first {MAX_PROBLEMS} problems; there are more"
        )
    return found


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" where a known word is close, else nothing."""
    candidates = [name for name in islice(known, MAX_COMPARED) if len(name) <= MAX_COMPARED_LENGTH]
    close = difflib.get_close_matches(word[:MAX_COMPARED_LENGTH], candidates, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _deviations(located: Located, schema: Schema, at: KeyPath) -> Iterator[Problem]:
    import jsonschema_rs  # noqa: PLC0415  (only what reads configuration pays for it)

    value = located.view(*at).value
    for error in jsonschema_rs.iter_errors(schema, value, draft=jsonschema_rs.Draft202012):
        yield from _described(error, located, schema, at)


def _described(error: "ValidationError", located: Located, schema: Schema, at: KeyPath) -> Iterator[Problem]:
    path = (*at, *error.instance_path)
    facts = error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            known = _known_keys(_definition_at(schema, error.schema_path))
            for key in facts["unexpected"]:
                yield located.problem((*path, key), f"unknown key{suggestion(key, known)}")
        case "required":
            yield located.problem(path, f"'{facts['property']}' is missing")
        case "anyOf":
            yield from _best_branch(error, located, schema, at)
        case _:
            yield located.problem(path, _message(error, facts, located, path))


def _best_branch(
    error: "ValidationError", located: Located, schema: Schema, at: KeyPath
) -> Iterator[Problem]:
    """Explain the alternative that the value meant: the one that accepts its type; else name all types."""
    branches: list[list[ValidationError]] = error.kind.as_dict()["context"]
    here = error.instance_path
    meant = [b for b in branches if not any(e.kind.name == "type" and e.instance_path == here for e in b)]
    if meant:
        for deviation in meant[0]:
            yield from _described(deviation, located, schema, at)
        return
    path = (*at, *here)
    wanted = {word for branch in branches for deviation in branch for word in _wanted(deviation)}
    yield located.problem(path, _expectation(sorted(wanted, key=_null_last), located, path))


def _wanted(error: "ValidationError") -> list[str]:
    return list(error.kind.as_dict()["types"]) if error.kind.name == "type" else []


def _null_last(word: str) -> tuple[bool, str]:
    return (word == "null", word)


def _message(error: "ValidationError", facts: Mapping[str, Any], located: Located, path: KeyPath) -> str:
    shown = _shown(located, path)
    match error.kind.name:
        case "type":
            return _expectation(facts["types"], located, path)
        case "enum":
            options = [str(option) for option in facts["options"]]
            return f"{shown} is not one of {', '.join(options)}{suggestion(str(error.instance), options)}"
        case "pattern":
            return f"{shown} does not have the form {facts['pattern']}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            word = "at least" if "inimum" in error.kind.name else "at most"
            return f"{shown} is out of range: {word} {facts['limit']}"
        case "minLength" | "minItems" | "minProperties":
            return "must not be empty" if facts["limit"] == 1 else f"needs at least {facts['limit']} entries"
        case _:
            return error.message[:300]


_NAMES = {
    "string": "a string",
    "boolean": "a boolean",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing (null)",
}


def _expectation(wanted: Collection[str], located: Located, path: KeyPath) -> str:
    kinds = [kind for kind in wanted if kind != "integer" or "number" not in wanted]
    names = " or ".join(_NAMES.get(kind, kind) for kind in kinds)
    return f"expected {names}, got {_shown(located, path)}{_advice(kinds, located, path)}"


def _advice(kinds: list[str], located: Located, path: KeyPath) -> str:
    value = located.view(*path).value
    text = located.marks[path].text if path in located.marks else ""
    if "string" in kinds and isinstance(value, bool | int | float):
        return f"; write it in quotes: '{text}'"
    if "boolean" in kinds and text.lower() in ("yes", "no", "on", "off"):
        return f"; write {'true' if text.lower() in ('yes', 'on') else 'false'}"
    if "array" in kinds and isinstance(value, str):
        return f"; write it as a list: [{text[:_SHOWN]}]"
    return ""


def _shown(located: Located, path: KeyPath) -> str:
    match located.view(*path).value:
        case str() as text:
            return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
        case bool() as truth:
            return "true" if truth else "false"
        case int() | float() as number:
            text = located.marks[path].text if path in located.marks else ""
            return f"the number {text or number}"
        case None:
            return "nothing"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _definition_at(schema: Schema, path: Iterable[str | int]) -> Schema:
    """Return the schema that holds the keyword at the end of a schema path."""
    at: Any = schema
    for step in list(path)[:-1]:
        at = at[step]
        if isinstance(at, dict) and "$ref" in at:
            at = _resolve(at, schema)
    return at if isinstance(at, dict) else {}


def _known_keys(definition: Schema) -> list[str]:
    return list(definition.get("properties", {}))


def _resolve(definition: Schema, root: Schema) -> Schema:
    reference = definition.get("$ref")
    if reference is None:
        return definition
    resolved: Schema = root["$defs"][reference.rpartition("/")[2]]
    return resolved


def _branch(value: Value, definition: Schema, root: Schema) -> Schema:
    """Return the alternative of an ``anyOf`` that a value of this type means, else the definition itself."""
    alternatives = [_resolve(branch, root) for branch in definition.get("anyOf", ())]
    for wanted in _types_of(value):
        for branch in alternatives:
            if branch.get("type") == wanted:
                return branch
    return definition


def _types_of(value: Value) -> tuple[str, ...]:
    """Return the types of JSON schema that a value may be of, the nearest first."""
    match value:
        case dict():
            return ("object",)
        case list():
            return ("array",)
        case float():
            return ("number", "integer")
        case _:
            return ("integer",)


def _fitted(value: Value, definition: Schema, root: Schema) -> Value:
    """Drop free keys where keys are fixed, and write 2.0 as 2 where JSON schema lets it be an integer."""
    definition = _branch(value, _resolve(definition, root), root)
    if isinstance(value, float) and definition.get("type") == "integer":
        return int(value)
    if isinstance(value, list):
        return [_fitted(element, definition.get("items", {}), root) for element in value]
    if not isinstance(value, dict):
        return value
    properties: Schema = definition.get("properties", {})
    other = definition.get("additionalProperties", {})
    return {
        key: _fitted(child, properties.get(key, other if isinstance(other, dict) else {}), root)
        for key, child in value.items()
        if key in properties or other is not False or not _FREE.match(key)
    }

"""The language of conditions: CEL over typed records (the Common Expression Language specification).

This module alone knows the engine. The types of the records are declared to it, so that a misspelt field
is an error when a rule is loaded. The engine gives an evaluation error back as a value of type ERROR;
here it always becomes `ConditionFailed` and is never taken for an answer.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from fleet_audit.audit.configuration.schema import suggestion

if TYPE_CHECKING:
    from cel_expr_python import cel

Parameter = str | bool | int | float | tuple[str, ...]

MAX_EXPRESSION = 4000
MAX_SENTENCE = 2000
MAX_TOGETHER = 60
"""CEL's whole numbers have 64 bits."""


class ConditionInvalid(Exception):
    """An expression does not compile; the text says why and shows the place.

    `offset` is that of the character in the expression, None where all of it is meant.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        """Take the sentence and the place."""
        super().__init__(message)
        self.offset = offset


class ConditionFailed(Exception):
    """An expression that compiled could not be evaluated on these facts."""


class Record:
    """A record as the engine holds it; made once and shared by all conditions on it."""

    def __init__(self, name: str, message: Any) -> None:
        """Take the record's name in conditions and the engine's message."""
        self.name = name
        self.message = message
        self._alone: tuple[cel.Env, cel.Activation] | None = None

    def activation(self, environment: "cel.Env", parameters: Mapping[str, Parameter]) -> "cel.Activation":
        """Return the words of a condition with their values; that of the record alone is kept."""
        if not parameters and self._alone is not None and self._alone[0] is environment:
            return self._alone[1]
        data: dict[str, Any] = {self.name: self.message}
        for name, parameter in parameters.items():
            data[f"params.{name}"] = list(parameter) if isinstance(parameter, tuple) else parameter
        activation = environment.Activation(data)
        if not parameters:
            self._alone = (environment, activation)
        return activation


class Condition:
    """A compiled expression."""

    def __init__(self, environment: "cel.Env", expression: "cel.Expression", gives: "cel.Type") -> None:
        """Take the expression, where it was compiled, and the type that it has when it has a value."""
        self._environment = environment
        self._expression = expression
        self._gives = gives

    def value(self, record: Record, parameters: Mapping[str, Parameter]) -> Any:
        """Return the expression's value; raise ConditionFailed where it has none."""
        try:
            value = self._expression.eval(record.activation(self._environment, parameters))
        except (RuntimeError, ValueError, TypeError) as e:
            raise ConditionFailed(str(e)[:300]) from e
        if value.type() != self._gives:
            raise ConditionFailed(str(value.value())[:300])
        return value.value()


class Question(Condition):
    """An expression that is true or false."""

    def ask(self, record: Record, parameters: Mapping[str, Parameter]) -> bool:
        """Return the answer; raise ConditionFailed where there is none."""
        return self.value(record, parameters) is True


class Questions(Condition):
    """Several conditions that are asked at once: most of what an answer costs is the asking."""

    def ask(self, record: Record) -> int:
        """Return a number whose bits are the answers, the first the lowest; 0 where none of them holds.

        Raises ConditionFailed where one of them has no answer.
        """
        return int(self.value(record, {}))


class Sentence(Condition):
    """An expression that makes a text."""

    def say(self, record: Record, parameters: Mapping[str, Parameter]) -> str:
        """Return the text, cut to MAX_SENTENCE characters; raise ConditionFailed where there is none."""
        text = str(self.value(record, parameters))
        return text if len(text) <= MAX_SENTENCE else text[: MAX_SENTENCE - 1] + "…"


class Language:
    """The words that conditions may use: the fields of the record types, and a rule's own parameters."""

    def __init__(self, records: Mapping[str, type[msgspec.Struct]]) -> None:
        """Take each record's type by its name in conditions."""
        self._records = dict(records)
        self._environments: dict[tuple[str, tuple[tuple[str, str], ...]], cel.Env] = {}
        self._compiled: dict[tuple[cel.Env, str], cel.Expression] = {}

    def record(self, name: str, facts: msgspec.Struct) -> Record:
        """Return a record of the type that was declared as `name`, for conditions."""
        values = msgspec.structs.asdict(facts)
        try:
            message = self._messages[name](**values)
        except (UnicodeError, ValueError):
            message = self._messages[name](**{field: _encodable(value) for field, value in values.items()})
        return Record(name, message)

    def question(self, text: str, *, subject: str, parameters: Mapping[str, Parameter]) -> Question:
        """Compile a condition on one record; raise ConditionInvalid where it is none."""
        from cel_expr_python import cel  # noqa: PLC0415  (only what judges pays for the engine)

        environment, expression = self._compile(text, subject, parameters)
        _demand(expression, cel.Type.BOOL, "true or false")
        return Question(environment, expression, cel.Type.BOOL)

    def questions(self, texts: Sequence[str], *, subject: str) -> Questions:
        """Compile up to MAX_TOGETHER conditions without parameters as one; each has compiled alone before."""
        from cel_expr_python import cel  # noqa: PLC0415  (only what judges pays for the engine)

        bits = (f"(({text}) ? {1 << place} : 0)" for place, text in enumerate(texts))
        together = " + ".join(bits)
        environment, expression = self._compile(together, subject, {}, limit=len(together))
        return Questions(environment, expression, cel.Type.INT)

    def sentence(self, text: str, *, subject: str, parameters: Mapping[str, Parameter]) -> Sentence:
        """Compile a text about one record; raise ConditionInvalid where it is none."""
        from cel_expr_python import cel  # noqa: PLC0415  (only what judges pays for the engine)

        environment, expression = self._compile(text, subject, parameters)
        _demand(expression, cel.Type.STRING, "a text")
        return Sentence(environment, expression, cel.Type.STRING)

    def _compile(
        self, text: str, subject: str, parameters: Mapping[str, Parameter], limit: int = MAX_EXPRESSION
    ) -> "tuple[cel.Env, cel.Expression]":
        if len(text) > limit:
            raise ConditionInvalid(f"is longer than {limit} characters")
        environment = self._environment(subject, parameters)
        key = (environment, text)
        try:
            if key not in self._compiled:
                self._compiled[key] = environment.compile(text)
        except (RuntimeError, ValueError) as e:
            raise _refused(str(e), text, self._words(subject, parameters)) from e
        return environment, self._compiled[key]

    def _words(self, subject: str, parameters: Mapping[str, Parameter]) -> list[str]:
        fields = self._records[subject].__struct_fields__
        own = (f"{subject}.{field}" for field in fields)
        return [*fields, *own, *(f"params.{name}" for name in parameters), subject]

    def _environment(self, subject: str, parameters: Mapping[str, Parameter]) -> "cel.Env":
        from cel_expr_python import cel  # noqa: PLC0415  (only what judges pays for the engine)
        from cel_expr_python.ext import ext_strings  # noqa: PLC0415  (the same)

        types = {f"params.{name}": _cel_type(value) for name, value in parameters.items()}
        key = (subject, tuple((name, kind.name()) for name, kind in sorted(types.items())))
        if key not in self._environments:
            self._environments[key] = cel.NewEnv(
                descriptor_pool=self._pool,
                variables={subject: cel.Type(f"facts.{subject}"), **types},
                extensions=[ext_strings.ExtStrings()],
            )
        return self._environments[key]

    @cached_property
    def _pool(self) -> Any:
        from google.protobuf import descriptor_pb2, descriptor_pool  # noqa: PLC0415  (for the engine)

        file = descriptor_pb2.FileDescriptorProto(name="facts.proto", package="facts", syntax="proto3")
        for name, record in self._records.items():
            message = file.message_type.add(name=name)
            for number, field in enumerate(msgspec.structs.fields(record), start=1):
                kind, label = _field_type(field.type)
                message.field.add(name=field.name, number=number, type=kind, label=label)
        pool = descriptor_pool.DescriptorPool()
        pool.AddSerializedFile(file.SerializeToString())
        return pool

    @cached_property
    def _messages(self) -> dict[str, Any]:
        from google.protobuf import message_factory  # noqa: PLC0415  (for the engine)

        return {
            name: message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"facts.{name}"))
            for name in self._records
        }


@cache
def _field_type(declared: Any) -> tuple[Any, Any]:
    """Return a field's type and label for its descriptor (descriptor.proto, FieldDescriptorProto)."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field  # noqa: PLC0415  (for the engine)

    match msgspec.inspect.type_info(declared):
        case msgspec.inspect.StrType():
            return Field.TYPE_STRING, Field.LABEL_OPTIONAL
        case msgspec.inspect.BoolType():
            return Field.TYPE_BOOL, Field.LABEL_OPTIONAL
        case msgspec.inspect.IntType():
            return Field.TYPE_INT64, Field.LABEL_OPTIONAL
        case msgspec.inspect.FloatType():
            return Field.TYPE_DOUBLE, Field.LABEL_OPTIONAL
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StrType()):
            return Field.TYPE_STRING, Field.LABEL_REPEATED
        case other:
            raise TypeError(f"facts cannot hold {other}")


def _cel_type(value: Parameter) -> "cel.Type":
    from cel_expr_python import cel  # noqa: PLC0415  (only what judges pays for the engine)

    match value:
        case bool():
            return cel.Type.BOOL
        case int():
            return cel.Type.INT
        case float():
            return cel.Type.DOUBLE
        case str():
            return cel.Type.STRING
        case _:
            return cel.Type.List(cel.Type.STRING)


def _demand(expression: "cel.Expression", wanted: "cel.Type", words: str) -> None:
    if (given := expression.return_type()) != wanted:
        raise ConditionInvalid(f"must give {words}, gives {given.name().lower()}")


def _encodable(value: Any) -> Any:
    """Return text that UTF-8 can carry; a lone surrogate is shown as its escape."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    return [_encodable(part) for part in value] if isinstance(value, tuple) else value


_PLACE = re.compile(r"<input>:(\d+):(\d+): ")
_UNDEFINED = re.compile(r"(?:undefined field|undeclared reference to) '([\w.]{1,80})'")


def _refused(message: str, expression: str, words: list[str]) -> ConditionInvalid:
    """Return the engine's complaint as a sentence, with the line it is about and a mark below the place."""
    text = message.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
    lines = [line.removeprefix("ERROR: ") for line in text.splitlines()]
    sentence = _PLACE.sub("", lines[0]).replace(" (in container '')", "")
    if found := _UNDEFINED.search(sentence):
        sentence += suggestion(found[1], words)
    shown = (line.removeprefix(" | ") for line in lines[1:] if line.startswith(" | "))
    return ConditionInvalid("\n    ".join((sentence, *shown)), _offset(lines[0], expression))


def _offset(complaint: str, expression: str) -> int | None:
    place = _PLACE.search(complaint)
    if place is None:
        return None
    line, column = int(place[1]), int(place[2])
    before = expression.split("\n")[: line - 1]
    return sum(len(each) + 1 for each in before) + column - 1

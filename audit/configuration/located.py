"""YAML whose values know their lines.

`load` reads YAML into plain values and remembers the line of each. Plain words are read as YAML 1.2's core
schema reads them (section 10.3.2), so that ``on``, ``yes`` and ``12:30`` are text; keys are always text.
The file may come from anyone: its size, its depth and what its aliases expand to are bounded.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fleet_audit.audit.configuration.problems import ConfigurationError, Problem

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from yaml import Event

MAX_BYTES = 4 << 20
MAX_DEPTH = 50
MAX_VALUES = 200_000
"""Values after aliases are expanded; a manifest of a thousand services has about 40,000."""

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]
KeyPath = tuple[str | int, ...]


class Mark(msgspec.Struct, frozen=True, gc=False):
    """Where a value begins, and a scalar's text as it was written.

    `start` and `end` bound a scalar's characters in its file, quotes and block headers included.
    """

    line: int
    text: str = ""
    start: int = 0
    end: int = 0


class Located(msgspec.Struct, frozen=True):
    """A value read from `name`, and the mark of every value in it by its path.

    `tags` are those of `load_foreign`, by the path of the value that bears one. `source` is the file's text
    where places within values are to be found.
    """

    name: str
    value: Value
    marks: dict[KeyPath, Mark]
    tags: dict[KeyPath, str] = {}
    source: str = ""

    def line(self, path: KeyPath) -> int:
        """Return the line of the value at `path`, or of the nearest value around it; 0 where none is."""
        while path and path not in self.marks:
            path = path[:-1]
        mark = self.marks.get(path)
        return 0 if mark is None else mark.line

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Return a problem with the value at `path`."""
        return Problem(self.name, self.line(path), dotted(path), message)

    def problem_within(self, path: KeyPath, offset: int, message: str) -> Problem:
        """Return a problem with the character at `offset` of the text at `path`, at its line and column."""
        mark = self.marks.get(path)
        place = None if mark is None else place_within(mark, offset, self.source)
        if place is None:
            return self.problem(path, message)
        line, column = place
        return Problem(self.name, line, dotted(path), message, column)

    def view(self, *path: str | int) -> "View":
        """Return what stands at `path`, whatever it is."""
        return View(self, path, _value_at(self.value, path))


class View:
    """A value that may be of any type or absent: for checks that go on beside type errors.

    Each question returns nothing where the value is not of the type that it asks for.
    """

    def __init__(self, located: Located, path: KeyPath, value: Value) -> None:
        """Take the file, the path in it, and what stands there."""
        self.located = located
        self.path = path
        self.value = value

    def get(self, key: str) -> "View":
        """Return what stands under `key`."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return View(self.located, (*self.path, key), value)

    def entries(self) -> Iterator[tuple[str, "View"]]:
        """Yield the entries of a mapping."""
        if isinstance(self.value, dict):
            for key in self.value:
                yield key, self.get(key)

    def elements(self) -> Iterator["View"]:
        """Yield the elements of a list."""
        if isinstance(self.value, list):
            for index, value in enumerate(self.value):
                yield View(self.located, (*self.path, index), value)

    def texts(self) -> Iterator[tuple[str, "View"]]:
        """Yield each text of a list of texts, or the text itself."""
        if isinstance(self.value, str):
            yield self.value, self
        for element in self.elements():
            if isinstance(element.value, str):
                yield element.value, element

    @property
    def text(self) -> str | None:
        """Return the value where it is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def written(self) -> str:
        """Return a scalar as it stands in the file (1.20 is not 1.2); empty for null and all else."""
        if self.value is None or isinstance(self.value, list | dict):
            return ""
        return self.located.marks[self.path].text

    def problem(self, message: str) -> Problem:
        """Return a problem with this value."""
        return self.located.problem(self.path, message)


class File(msgspec.Struct, frozen=True):
    """A file as it was read: how messages call it, and its bytes, cut off behind MAX_BYTES."""

    name: str
    body: bytes


def read_file(path: "Path | Traversable", *, name: str = "") -> File:
    """Read a file; `name` is how messages call it, its path unless given. Raises ConfigurationError."""
    label = name or str(path)
    try:
        with path.open("rb") as file:
            return File(label, file.read(MAX_BYTES + 1))
    except OSError as e:
        raise _refusal(label, 0, f"cannot be read: {e.strerror}") from e


def load_file(path: "Path | Traversable", *, name: str = "") -> Located:
    """Read a YAML file; `name` is as for `read_file`. Raises ConfigurationError."""
    return located(read_file(path, name=name))


def located(file: File) -> Located:
    """Return what a file says. Raises ConfigurationError where it is no YAML."""
    try:
        text = file.body.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = file.body.count(b"\n", 0, e.start) + 1
        raise _refusal(file.name, line, "is not UTF-8 text") from e
    return load(text, name=file.name)


def load(text: str, *, name: str) -> Located:
    """Read one YAML document; an empty one is None. Raises ConfigurationError where it cannot be read."""
    roots = _read(text, _Reader(name))
    expansion = _Expansion(name)
    value = expansion.expand(roots[0], ()) if roots else None
    if expansion.problems:
        raise ConfigurationError(expansion.problems)
    return Located(name, value, expansion.marks, source=text)


def place_within(mark: Mark, offset: int, source: str) -> tuple[int, int] | None:
    """Return the line and column, from 1, of a character of a scalar's text; None where that is not known.

    Folding and indentation change a text's white space alone (YAML 1.2.2, section 6.5), so that its other
    characters are counted. Where escapes stand in the text, there is no telling.
    """
    raw = source[mark.start : mark.end]
    begin = raw.find("\n") + 1 if raw[:1] in "|>" else 1 if raw[:1] in "\"'" else 0
    end = len(raw) - 1 if raw[:1] in "\"'" else len(raw)
    places = [at for at in range(begin, end) if not raw[at].isspace()]
    characters = [at for at, character in enumerate(mark.text) if not character.isspace()]
    if [raw[at] for at in places] != [mark.text[at] for at in characters] or not places:
        return None
    before = bisect_left(characters, offset)
    at = mark.start + (places[before] if before < len(places) else places[-1] + 1)
    return source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)


class Foreign(msgspec.Struct, frozen=True):
    """The documents of a YAML file that is another program's, and what is doubtful in it."""

    documents: tuple[Located, ...]
    problems: tuple[Problem, ...] = ()


def load_foreign(text: str, *, name: str) -> Foreign:
    """Read a YAML file that other programs are configured with: several documents, merge keys, any tag.

    A key that is given twice is a problem, and its last value holds, as most programs take it. Merge keys
    (yaml.org/type/merge.html) are put in place: what a mapping says itself comes before what it merges, and
    the first merged before the next. Raises ConfigurationError where the file is no YAML or too large.
    """
    documents = []
    problems: list[Problem] = []
    count = 0
    for root in _read(text, _Reader(name, is_foreign=True)):
        expansion = _Expansion(name, is_foreign=True, count=count)
        value = expansion.expand(root, ())
        documents.append(Located(name, value, expansion.marks, expansion.tags))
        problems += expansion.problems
        count = expansion.count
    return Foreign(tuple(documents), tuple(problems))


def _read(text: str, reader: "_Reader") -> "list[_Node]":
    import yaml  # noqa: PLC0415  (most commands read no configuration; this keeps --help quick)

    name = reader.name
    if len(text) > MAX_BYTES:
        raise _refusal(name, 0, f"has more than {MAX_BYTES} characters; that is no configuration")
    loader: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            reader.take(event)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 0
        raise _refusal(name, line, f"is not valid YAML: {e.problem or e.context}") from e
    except (yaml.YAMLError, UnicodeError) as e:
        why = str(getattr(e, "reason", "") or "a character that YAML does not allow")
        raise _refusal(name, 0, f"is not valid YAML: {why}") from e
    return reader.roots


def dotted(path: KeyPath) -> str:
    """Return a path as people write it: ``services[3].ports.svc``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _value_at(value: Value, path: KeyPath) -> Value:
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _refusal(name: str, line: int, message: str) -> ConfigurationError:
    return ConfigurationError((Problem(name, line, "", message),))


class _Node(msgspec.Struct):
    """A node as it was written; shared by every alias to it."""

    line: int
    text: str = ""
    tag: str = ""
    is_plain: bool = False
    start: int = 0
    end: int = 0
    pairs: list[tuple["_Node", "_Node"]] | None = None
    elements: list["_Node"] | None = None
    pending_key: "_Node | None" = None

    def add(self, node: "_Node") -> None:
        if self.elements is not None:
            self.elements.append(node)
        elif self.pending_key is None:
            self.pending_key = node
        elif self.pairs is not None:
            self.pairs.append((self.pending_key, node))
            self.pending_key = None


class _Reader:
    """Builds nodes from parser events: its own stack, so that no nesting reaches Python's or C's."""

    def __init__(self, name: str, *, is_foreign: bool = False) -> None:
        self.name = name
        self.roots: list[_Node] = []
        """The documents that are read so far."""
        self._is_foreign = is_foreign
        self._stack: list[_Node] = []
        self._anchors: dict[str, _Node] = {}
        self._count = 0
        self._documents = 0

    def take(self, event: "Event") -> None:
        """Take the next event."""
        import yaml  # noqa: PLC0415  (loaded by `load` already)

        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                self._anchors.clear()
                if self._documents > 1 and not self._is_foreign:
                    raise _refusal(self.name, line, "a second document begins; one file holds one document")
            case yaml.AliasEvent():
                self._place(self._anchored(event.anchor, line))
            case yaml.ScalarEvent():
                is_plain = event.style is None or event.style == ""
                tag, start, end = self._tag(event.tag, line), *_span(event)
                self._remember(event.anchor, _Node(line, event.value, tag, is_plain, start, end))
            case yaml.SequenceStartEvent():
                self._open(event.anchor, _Node(line, tag=self._tag(event.tag, line), elements=[]))
            case yaml.MappingStartEvent():
                self._open(event.anchor, _Node(line, tag=self._tag(event.tag, line), pairs=[]))
            case yaml.CollectionEndEvent():
                self._stack.pop()
            case _:
                pass

    def _anchored(self, anchor: str | None, line: int) -> _Node:
        node = self._anchors.get(anchor or "")
        if node is None:
            raise _refusal(self.name, line, f"alias *{anchor} has no anchor before it")
        if any(node is opened for opened in self._stack):
            raise _refusal(self.name, line, f"alias *{anchor} contains itself")
        return node

    def _tag(self, tag: str | None, line: int) -> str:
        if tag is None or tag == "!":
            return ""
        if not self._is_foreign:
            raise _refusal(self.name, line, f"tag {tag!r} is not read here; write a plain or quoted value")
        return tag

    def _open(self, anchor: str | None, node: _Node) -> None:
        self._remember(anchor, node)
        self._stack.append(node)
        if len(self._stack) > MAX_DEPTH:
            raise _refusal(self.name, node.line, f"is nested more than {MAX_DEPTH} levels deep")

    def _remember(self, anchor: str | None, node: _Node) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        self._place(node)

    def _place(self, node: _Node) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _refusal(self.name, node.line, f"has more than {MAX_VALUES} values")
        if self._stack:
            self._stack[-1].add(node)
        else:
            self.roots.append(node)


def _span(event: "Event") -> tuple[int, int]:
    return (event.start_mark.index, event.end_mark.index) if event.start_mark and event.end_mark else (0, 0)


class _Expansion:
    """Turns nodes into values, aliases included, and keeps their marks."""

    def __init__(self, name: str, *, is_foreign: bool = False, count: int = 0) -> None:
        self._name = name
        self._is_foreign = is_foreign
        self.count = count
        self.marks: dict[KeyPath, Mark] = {}
        self.tags: dict[KeyPath, str] = {}
        self.problems: list[Problem] = []

    def expand(self, node: _Node, path: KeyPath) -> Value:
        """Return the value of a node; what aliases add counts against the same bounds."""
        self._spend(node, len(path))
        self.marks[path] = Mark(node.line, node.text, node.start, node.end)
        if node.tag:
            self.tags[path] = node.tag
        if node.elements is not None:
            return [self.expand(child, (*path, i)) for i, child in enumerate(node.elements)]
        if node.pairs is not None:
            return self._mapping(node.pairs, path)
        return plain_value(node.text) if node.is_plain and not node.tag else node.text

    def _mapping(self, pairs: list[tuple[_Node, _Node]], path: KeyPath) -> dict[str, Value]:
        values: dict[str, Value] = {}
        lines: dict[str, int] = {}
        for key, child in self._merged(pairs, len(path)) if self._is_foreign else pairs:
            if key.elements is not None or key.pairs is not None:
                self._report(key.line, path, "a key must be text")
                continue
            if key.text == "<<" and key.is_plain:
                self._report(
                    key.line, path, "merge keys (<<) are not read; an alias stands for a whole value"
                )
                continue
            if key.text in values:
                self._report(
                    key.line, (*path, key.text), f"this key is given twice, first in line {lines[key.text]}"
                )
                if not self._is_foreign:
                    continue
            lines[key.text] = key.line
            values[key.text] = self.expand(child, (*path, key.text))
            self.marks[(*path, key.text)] = Mark(key.line, child.text, child.start, child.end)
        return values

    def _merged(self, pairs: list[tuple[_Node, _Node]], depth: int) -> list[tuple[_Node, _Node]]:
        """Return the pairs of a mapping with those that its merge keys bring, merges of merges included."""
        own = [(key, child) for key, child in pairs if key.text != "<<" or not key.is_plain]
        if len(own) == len(pairs):
            return pairs
        taken = {key.text for key, _ in own}
        for key, child in pairs:
            if key.text != "<<" or not key.is_plain:
                continue
            for source in child.elements or [child]:
                self._spend(source, depth)
                for pair in self._merged(source.pairs or [], depth + 1):
                    if pair[0].text not in taken:
                        taken.add(pair[0].text)
                        own.append(pair)
        return own

    def _spend(self, node: _Node, depth: int) -> None:
        self.count += 1
        if self.count > MAX_VALUES:
            raise _refusal(
                self._name, node.line, f"has more than {MAX_VALUES} values once aliases are expanded"
            )
        if depth > MAX_DEPTH:
            raise _refusal(self._name, node.line, f"is nested more than {MAX_DEPTH} levels deep")

    def _report(self, line: int, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self._name, line, dotted(path), message))


MAX_DIGITS = 18

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,300}|[0-9]{1,300}(?:\.[0-9]{0,300})?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def plain_value(text: str) -> str | int | float | bool | None:
    """Return what an unquoted word means (YAML 1.2.2, section 10.3.2, without hexadecimal and octal)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        # Longer ones are identifiers; as a number they would lose their last digits somewhere.
        return int(text) if len(text) <= MAX_DIGITS else text
    if _FLOAT.fullmatch(text) and (number := float(text)) not in (float("inf"), float("-inf")):
        return number
    return text

"""Which strings an expression may stand for, as far as the same file's literals say."""

import re
from collections.abc import Callable, Iterator, Sequence

import libcst as cst

from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.command_lines import UNKNOWN
from fleet_audit.audit.static_imports.source.outline import Outline

MAX_STEPS = 16
"""How many names and operators are followed from one expression."""

MAX_LOOKS = 200
"""How many expressions are looked at for the sake of one."""

MAX_VALUES = 50
MAX_ASSIGNMENTS = 20

FILE = "<file>"
"""Stands for the file's own path in the value of an expression that starts from ``__file__``."""

WORKING_FOLDER = "."

PARAMETER = "{%s}"
"""Stands in a template for what a function is given as the parameter of that name."""

_SAME = frozenset(
    {"str", "Path", "PurePath", "PosixPath", "fspath", "abspath", "realpath", "normpath", "expanduser"}
)
_SAME_METHODS = frozenset({"resolve", "absolute", "as_posix", "expanduser", "__str__", "strip"})
_PASSING = frozenset({"which", "sorted", "list", "tuple", "reversed", "set"})
_WORKING_FOLDER_CALLS = frozenset({"os.getcwd", "getcwd", "Path.cwd", "pathlib.Path.cwd"})
_DEFAULTS = frozenset({"get", "getenv", "pop"})

_MAY_BIND = re.compile(rb"[ \t]*(?:[:,]|=(?!=)|in\b)")
_BEFORE = re.compile(
    rb"(?m:(?P<statement>(?:^|;)[ \t]*(?:(?:self|cls)\.)?)"
    rb"|(?P<loop>\bfor[ \t]+(?:\w+[ \t]*,[ \t]*)?)|(?P<expression>(?<![\w.])))\Z"
)
_BINDS = {
    "statement": re.compile(rb"[ \t]*(?::[^=\n]*)?=(?!=)"),
    "loop": re.compile(rb"(?:[ \t]*,[ \t]*\w+)?[ \t]+in\b"),
    "expression": re.compile(rb"[ \t]*:="),
}
"""What follows a name that is bound, by what stands before it."""

_LONGEST_BEFORE = 200

_FIELD = re.compile(r"\{[^{}]*\}")
_VERB = re.compile(r"%(?:\([^()]*\))?[-#0-9 +.]*[a-zA-Z]")
"""What ``str.format`` and the operator ``%`` replace."""

_WHOLE, _FIRST, _SECOND, _VALUES = ("each", "first", "second", "value")
"""What a loop takes of the items that it goes through; the last is that of a dictionary's."""

_VIEWS = {
    ("items", _FIRST): _WHOLE,
    ("items", _SECOND): _VALUES,
    ("keys", _WHOLE): _WHOLE,
    ("values", _WHOLE): _VALUES,
}
"""What is taken of a dictionary, by the method that is looped over and what is taken of that."""

_Reader = Callable[[cst.BaseExpression, int, int], list[str]]


class _Looped(cst.Call):
    """What a loop takes of the items of its argument, as if a function of that name returned it."""


class Constants:
    """The literals of one file, looked up by name where they are asked for.

    Assignments count where their block encloses the place that asks; several of them give several values.
    `is_cut` holds once there were more values than are kept.
    """

    def __init__(self, outlined: Outline) -> None:
        """Take the file's outline; nothing is read before it is asked for."""
        self._outline = outlined
        self._shadow = outlined.text.shadow
        self._source = outlined.text.source
        self._left = 0
        self._has_parameters = False
        self._is_open = False
        self.is_cut = False
        self._assigned: dict[str, list[tuple[int, cst.BaseExpression]]] = {}
        self._readers: dict[type[cst.CSTNode], _Reader] = {
            cst.Name: self._of_name,
            cst.Attribute: self._of_attribute,
            cst.List: self._of_items,
            cst.Tuple: self._of_items,
            cst.Set: self._of_items,
            cst.Dict: self._of_dict,
            cst.IfExp: self._of_choice,
            cst.BooleanOperation: self._of_choice,
            cst.BinaryOperation: self._of_operation,
            cst.FormattedString: self._of_format,
            cst.ConcatenatedString: self._of_adjacent,
            cst.Subscript: self._of_element,
            cst.Call: self._of_call,
            _Looped: self._of_loop,
        }

    def strings(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        """Return the strings that `node`, standing at `offset`, may be, or may hold; empty if unknown."""
        self._left = MAX_LOOKS
        return self._kept(self._values(node, offset, MAX_STEPS))

    def templates(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        """Return what `node` may be, with `PARAMETER` for each parameter of the functions around it."""
        self._has_parameters = True
        found = self.strings(node, offset)
        self._has_parameters = False
        return tuple(value for value in found if "{" in value)

    def _kept(self, values: list[str]) -> tuple[str, ...]:
        unique = tuple(dict.fromkeys(values))
        self.is_cut = self.is_cut or len(unique) > MAX_VALUES
        return unique[:MAX_VALUES]

    def first_words(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        """Return what may be the first item of the list `node`, or `node` itself where it is a string."""
        self._left = MAX_LOOKS
        return self._kept(self._first(node, offset, MAX_STEPS))

    def command_lines(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        """Return what `first_words` does, with `UNKNOWN` for each part of a text that is not known."""
        self._is_open = True
        found = self.first_words(node, offset)
        self._is_open = False
        return found

    def arguments(self, node: cst.BaseExpression, offset: int) -> tuple[str, ...]:
        """Return the items of a list that is written out, or of the one that a name stands for.

        One that is not known, or may be several, is `UNKNOWN`; empty where `node` is no such list.
        """
        if isinstance(node, cst.Name):
            assigned = self.assigned(node.value, offset)
            node = assigned[0] if len(assigned) == 1 else node
        if not isinstance(node, cst.List | cst.Tuple):
            return ()
        items = (self.command_lines(each.value, offset) for each in node.elements[:MAX_VALUES])
        return tuple(values[0] if len(values) == 1 else UNKNOWN for values in items)

    def assigned(self, name: str, offset: int) -> list[cst.BaseExpression]:
        """Return the expressions assigned to `name` that can be seen from `offset`."""
        if name not in self._assigned:
            self._assigned[name] = self._find(name)
        return [value for at, value in self._assigned[name] if self._is_visible(at, offset)]

    def _is_visible(self, assignment: int, offset: int) -> bool:
        spans = self._outline.spans
        home = self._outline.block_at(assignment)
        while home > 0 and spans[home].kind not in ("function", "class"):
            home = spans[home].parent
        return home == 0 or spans[home].start <= offset < self._outline.end(home)

    def _find(self, name: str) -> list[tuple[int, cst.BaseExpression]]:
        found: list[tuple[int, cst.BaseExpression]] = []
        last = -1
        for end, part in self._bindings(name.encode()):
            if len(found) == MAX_ASSIGNMENTS:
                break
            if end > last and (value := self._right_side(end)) is not None:
                found.append((end, _Looped(cst.Name(part), [cst.Arg(value)]) if part else value))
            last = end
        return found

    def _bindings(self, name: bytes) -> Iterator[tuple[int, str]]:
        """Yield where the expressions begin that are bound to `name`, or that it goes through.

        For these it is said which part of each item it is.
        """
        at = self._shadow.find(name)
        while at >= 0:
            end = at + len(name)
            if _MAY_BIND.match(self._shadow, end) and (before := self._before(at)) is not None:
                bound = _BINDS[before.lastgroup or ""].match(self._shadow, end)
                if bound is not None:
                    yield bound.end(), _part(before, bound)
            at = self._shadow.find(name, end)

    def _before(self, at: int) -> re.Match[bytes] | None:
        return _BEFORE.search(self._shadow, max(0, at - _LONGEST_BEFORE), at)

    def _right_side(self, start: int) -> cst.BaseExpression | None:
        stop = self._outline.text.line_end(start)
        stop = closing(self._shadow, start, stop)
        return islands.expression(self._source[start:stop], self._shadow[start:stop])

    def _values(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        self._left -= 1
        if steps == 0 or self._left < 0:
            return []
        if (literal := islands.text(node)) is not None:
            return [literal]
        read = self._readers.get(type(node))
        return [] if read is None else read(node, offset, steps - 1)[: MAX_VALUES + 1]

    def _first(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        self._left -= 1
        if steps == 0 or self._left < 0:
            return []
        match node:
            case cst.List() | cst.Tuple():
                return self._first(node.elements[0].value, offset, steps - 1) if node.elements else []
            case cst.BinaryOperation(operator=cst.Add()) if _is_listed(node.left):
                return self._first(node.left, offset, steps - 1)
            case cst.Name():
                return [
                    w
                    for value in self.assigned(node.value, offset)
                    for w in self._first(value, offset, steps - 1)
                ]
            case cst.Call() if (line := _split(node)) is not None:
                lines = self._values(line, offset, steps - 1)
                return [words[0] for text in lines if (words := text.split())]
            case _:
                return self._values(node, offset, steps)

    def _of_name(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        name = cst.ensure_type(node, cst.Name).value
        if name == "__file__":
            return [FILE]
        assigned = self.assigned(name, offset)
        if not assigned and self._has_parameters and self._is_parameter(name, offset):
            return [PARAMETER % name]
        return self._of_all(assigned, offset, steps)

    def _is_parameter(self, name: str, offset: int) -> bool:
        spans = self._outline.spans
        word = re.compile(rb"(?<![\w.])" + re.escape(name.encode()) + rb"\b")
        at = self._outline.block_at(offset)
        while at > 0:
            if spans[at].kind == "function" and word.search(self._shadow, *spans[at].header):
                return True
            at = spans[at].parent
        return False

    def _of_attribute(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        attribute = cst.ensure_type(node, cst.Attribute)
        if attribute.attr.value == "parent":
            return [value + "/.." for value in self._values(attribute.value, offset, steps)]
        if islands.dotted(attribute) in ("os.pardir", "path.pardir"):
            return [".."]
        if islands.dotted(attribute.value) in ("self", "cls"):
            return self._of_all(self.assigned(attribute.attr.value, offset), offset, steps)
        return []

    def _of_items(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        if not isinstance(node, cst.List | cst.Tuple | cst.Set):
            return []
        return self._of_all([element.value for element in node.elements], offset, steps)

    def _of_dict(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        elements = cst.ensure_type(node, cst.Dict).elements
        return self._of_all([element.value for element in elements], offset, steps)

    def _of_choice(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        if isinstance(node, cst.IfExp):
            return self._of_all([node.body, node.orelse], offset, steps)
        either = cst.ensure_type(node, cst.BooleanOperation)
        return self._of_all([either.left, either.right], offset, steps)

    def _of_operation(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        operation = cst.ensure_type(node, cst.BinaryOperation)
        if isinstance(operation.operator, cst.BitOr):
            return self._of_all([operation.left, operation.right], offset, steps)
        if isinstance(operation.operator, cst.Multiply):
            # A list that is there, or not, by what it is multiplied with.
            return self._of_all(
                [side for side in (operation.left, operation.right) if _is_list(side)], offset, steps
            )
        if isinstance(operation.operator, cst.Modulo):
            return self._filled(_VERB, self._values(operation.left, offset, steps))
        joint = {cst.Add: "", cst.Divide: "/"}.get(type(operation.operator))
        if joint is None:
            return []
        left = self._part_of_text(operation.left, offset, steps)
        right = self._part_of_text(operation.right, offset, steps)
        return [joined(a, b) if joint else a + b for a in left for b in right]

    def _part_of_text(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        return self._values(node, offset, steps) or ([UNKNOWN] if self._is_open else [])

    def _filled(self, places: re.Pattern[str], values: list[str]) -> list[str]:
        return [places.sub(UNKNOWN, value) for value in values] if self._is_open else []

    def _of_adjacent(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        adjacent = cst.ensure_type(node, cst.ConcatenatedString)
        left = self._values(adjacent.left, offset, steps)
        right = self._values(adjacent.right, offset, steps)
        return [a + b for a in left for b in right][: MAX_VALUES + 1]

    def _of_format(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        whole = [""]
        for part in cst.ensure_type(node, cst.FormattedString).parts:
            match part:
                case cst.FormattedStringText():
                    values = [part.value]
                case cst.FormattedStringExpression():
                    values = self._part_of_text(part.expression, offset, steps)
                case _:
                    values = []
            whole = [a + b for a in whole for b in values][: MAX_VALUES + 1]
        return whole

    def _of_element(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        """Read ``Path(...).parents[n]``."""
        subscript = cst.ensure_type(node, cst.Subscript)
        index = subscript.slice[0].slice
        owner = subscript.value
        is_parents = isinstance(owner, cst.Attribute) and owner.attr.value == "parents"
        if not (is_parents and isinstance(index, cst.Index) and isinstance(index.value, cst.Integer)):
            return []
        ups = "/.." * (min(index.value.evaluated_value, 40) + 1)
        base = cst.ensure_type(owner, cst.Attribute).value
        return [value + ups for value in self._values(base, offset, steps)]

    def _of_call(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        call = cst.ensure_type(node, cst.Call)
        name = _last_name(call.func)
        arguments = [
            argument.value for argument in call.args if argument.keyword is None and not argument.star
        ]
        if islands.dotted(call.func) in _WORKING_FOLDER_CALLS:
            return [WORKING_FOLDER]
        if name in _DEFAULTS:
            return self._of_all(arguments[1:2], offset, steps)
        is_same = name in _SAME_METHODS and not arguments
        if (is_same or name == "format") and isinstance(call.func, cst.Attribute):
            values = self._values(call.func.value, offset, steps)
            return values if is_same else self._filled(_FIELD, values)
        if name in ("join", "joinpath") or name in _SAME:
            return self._joined(call, arguments, offset, steps)
        if name == "dirname":
            return [value + "/.." for value in self._of_all(arguments[:1], offset, steps)]
        return self._of_all(arguments[:1], offset, steps) if name in _PASSING else []

    def _of_loop(self, node: cst.BaseExpression, offset: int, steps: int) -> list[str]:
        looped = cst.ensure_type(node, _Looped)
        return self._parts(looped.args[0].value, _last_name(looped.func), offset, steps)

    def _parts(self, node: cst.BaseExpression, part: str, offset: int, steps: int) -> list[str]:
        """Return what a loop over `node` takes of each item."""
        self._left -= 1
        if steps == 0 or self._left < 0:
            return []
        if isinstance(node, cst.Name):
            pairs = [(value, part) for value in self.assigned(node.value, offset)]
        elif isinstance(node, cst.Call) and not isinstance(node, _Looped):
            pairs = _looped_over(node, part)
        elif isinstance(node, cst.BinaryOperation):
            pairs = [(node.left, part), (node.right, part)]
        else:
            return self._of_all(_items(node, part), offset, steps)
        return [value for inner, wanted in pairs for value in self._parts(inner, wanted, offset, steps - 1)]

    def _joined(
        self, call: cst.Call, arguments: list[cst.BaseExpression], offset: int, steps: int
    ) -> list[str]:
        if _last_name(call.func) == "joinpath" and isinstance(call.func, cst.Attribute):
            arguments = [call.func.value, *arguments]
        whole = self._values(arguments[0], offset, steps) if arguments else []
        for argument in arguments[1:]:
            parts = self._values(argument, offset, steps)
            whole = [joined(a, b) for a in whole for b in parts][:MAX_VALUES]
        return whole

    def _of_all(self, nodes: Sequence[cst.BaseExpression], offset: int, steps: int) -> list[str]:
        return [value for node in nodes[: MAX_VALUES + 1] for value in self._values(node, offset, steps)]


def _part(before: re.Match[bytes], bound: re.Match[bytes]) -> str:
    """Return which part of each item a loop binds to a name; empty where it is no loop that binds it."""
    if before.lastgroup != "loop":
        return ""
    if b"," in before[0]:
        return _SECOND
    return _FIRST if b"," in bound[0] else _WHOLE


def _looped_over(call: cst.Call, part: str) -> list[tuple[cst.BaseExpression, str]]:
    """Return what a loop over the answer of a call goes through, and what it takes of that."""
    name = _last_name(call.func)
    arguments = [argument.value for argument in call.args]
    if isinstance(call.func, cst.Attribute) and (taken := _VIEWS.get((name, part))) is not None:
        return [(call.func.value, taken)]
    if name in _PASSING:
        return [(argument, part) for argument in arguments[:1]]
    if name == "enumerate" and part == _SECOND:
        return [(argument, _WHOLE) for argument in arguments[:1]]
    if name == "zip" and part in (_FIRST, _SECOND):
        at = 0 if part == _FIRST else 1
        return [(argument, _WHOLE) for argument in arguments[at : at + 1]]
    return []


def _items(node: cst.BaseExpression, part: str) -> list[cst.BaseExpression]:
    """Return a part of each item of a literal; the whole of what is no list."""
    if isinstance(node, cst.Dict):
        pairs = [element for element in node.elements if isinstance(element, cst.DictElement)]
        if part == _VALUES:
            return [pair.value for pair in pairs]
        return [pair.key for pair in pairs] if part == _WHOLE else []
    if part == _WHOLE:
        return [node]
    if part == _VALUES or not isinstance(node, cst.List | cst.Tuple | cst.Set):
        return []
    at = 0 if part == _FIRST else 1
    items = [element.value for element in node.elements]
    lists = [item for item in items if isinstance(item, cst.List | cst.Tuple)]
    return [item.elements[at].value for item in lists if len(item.elements) > at]


def joined(folder: str, name: str) -> str:
    """Join two POSIX paths as ``os.path.join`` does."""
    if name.startswith(("/", FILE)):
        return name
    return f"{folder.rstrip('/')}/{name}" if folder else name


def closing(shadow: bytes, start: int, stop: int) -> int:
    """Return where the expression from `start` ends: at a bracket opened before it, ``;`` or ``:``."""
    depth = 0
    for mark in re.finditer(rb"[()\[\]{}:;]|\n", shadow[start:stop]):
        sign = mark[0]
        if sign in b"([{":
            depth += 1
        elif sign in b")]}":
            depth -= 1
            if depth < 0:
                return start + mark.start()
        elif depth == 0 and sign in b":;\n":
            return start + mark.start()
    return stop


def _split(call: cst.Call) -> cst.BaseExpression | None:
    """Return the text that ``shlex.split(text)`` or ``text.split()`` takes apart."""
    if islands.dotted(call.func).endswith("shlex.split"):
        return call.args[0].value if call.args else None
    is_method = isinstance(call.func, cst.Attribute) and call.func.attr.value == "split"
    return cst.ensure_type(call.func, cst.Attribute).value if is_method and not call.args else None


def _is_list(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.List | cst.Tuple)


def _is_listed(node: cst.BaseExpression) -> bool:
    while isinstance(node, cst.BinaryOperation):
        node = node.left
    return isinstance(node, cst.List | cst.Tuple | cst.Name)


def _last_name(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return node.attr.value
    return node.value if isinstance(node, cst.Name) else ""

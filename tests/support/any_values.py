"""Any value of a type of the model: every field of every struct is drawn, whatever its default."""

import types
from datetime import date
from enum import Enum
from functools import cache
from typing import Annotated, Any, NewType, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

MAX_ITEMS = 2
TEXT = st.text(max_size=6)

_PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    date: st.dates(),
    type(None): st.none(),
    Any: st.one_of(TEXT, st.integers(0, 99), st.booleans(), st.lists(TEXT, max_size=MAX_ITEMS)),
}


@cache
def any_value(hint: Any) -> st.SearchStrategy[Any]:
    """Return what draws values of a type as the model's structs have them; raises TypeError for others."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, NewType):
        return any_value(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        # Deferred, because structs may hold some of their own kind.
        return st.deferred(lambda: st.builds(hint, **{n: any_value(of) for n, of in _fields(hint).items()}))
    return _composed(hint)


def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def _composed(hint: Any) -> st.SearchStrategy[Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return any_value(parts[0])
    if origin in (Union, types.UnionType):
        return st.one_of(*map(any_value, parts))
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(any_value(parts[0]), max_size=MAX_ITEMS).map(tuple)
    if origin is tuple:
        return st.tuples(*map(any_value, parts))
    if origin is dict:
        return st.dictionaries(any_value(parts[0]), any_value(parts[1]), max_size=MAX_ITEMS)
    raise TypeError(f"nothing draws a {hint}")

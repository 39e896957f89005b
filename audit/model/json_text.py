"""Documents as JSON, whatever names they hold: those of files need not be text."""

from typing import Any

import msgspec


def json_of(document: dict[str, Any]) -> bytes:
    """Return a document as JSON in UTF-8; lone surrogates, as file names may hold them, stand as escapes."""
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_carried(document))


def _carried(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_carried(key): _carried(child) for key, child in value.items()}
        case list() | tuple():
            return [_carried(child) for child in value]
        case _:
            return value

"""Where an editable install leads, by the finder that its build backend left in a site folder; never run."""

import re
from collections.abc import Iterator

import libcst as cst

from fleet_audit.audit.images.tree import normalise
from fleet_audit.audit.model.identity import ImagePath, ModuleName
from fleet_audit.audit.static_imports.resolution.editables import WITH_CALLS, WITH_TABLES, Redirects
from fleet_audit.audit.static_imports.source import islands
from fleet_audit.audit.static_imports.source.lexer import decode, lex

MOST_REDIRECTS = 10_000
_NOWHERE = ImagePath("/__path_hook__")

_TABLE = re.compile(rb"(?m)^(MAPPING|NAMESPACES)[ \t]*(?::[^=\n]*)?=(?!=)")
_MAP_MODULE = re.compile(rb"(?m)^[A-Za-z_]\w*\.map_module\(")


def redirects(module: str, body: bytes) -> Redirects | None:
    """Return what the finder `module` with the text `body` redirects; None where it cannot be read.

    Read are the tables of setuptools (``MAPPING`` and ``NAMESPACES``) and the ``map_module`` calls of the
    ``editables`` package, which hatchling, pdm and flit use.
    """
    text = lex(decode(body))
    if WITH_TABLES.fullmatch(module):
        return _setuptools(text.source, text.shadow)
    if WITH_CALLS.fullmatch(module):
        return _mapped(text.source, text.shadow)
    return None


def _setuptools(source: bytes, shadow: bytes) -> Redirects | None:
    tables: dict[bytes, cst.Dict] = {}
    for found in _TABLE.finditer(shadow):
        end = _closing(shadow, found.end())
        value = islands.expression(source[found.end() : end], shadow[found.end() : end])
        if isinstance(value, cst.Dict):
            tables.setdefault(found[1], value)
    if b"MAPPING" not in tables:
        return None
    modules = dict(_pairs(tables[b"MAPPING"]))
    spaces = dict(_spaces(tables[b"NAMESPACES"])) if b"NAMESPACES" in tables else {}
    # A namespace without folders of its own is looked for where it is mapped to; else its path holds nothing
    # but a name that leads nowhere, so that it has one.
    spaces = {name: found or (modules.get(name, _NOWHERE),) for name, found in spaces.items()}
    return Redirects(modules, spaces)


def _closing(shadow: bytes, start: int) -> int:
    """Return where the bracket that opens behind `start` is closed; the end of the text where it is not."""
    depth = 0
    for found in re.finditer(rb"[()\[\]{}]", shadow[start:]):
        depth += 1 if found[0] in b"([{" else -1
        if depth <= 0:
            return start + found.end()
    return len(shadow)


def _pairs(table: cst.Dict) -> Iterator[tuple[ModuleName, ImagePath]]:
    for element in table.elements[:MOST_REDIRECTS]:
        if not isinstance(element, cst.DictElement):
            continue
        name, path = islands.text(element.key), islands.text(element.value)
        if name and path is not None and path.startswith("/"):
            yield ModuleName(name), normalise(path)


def _spaces(table: cst.Dict) -> Iterator[tuple[ModuleName, tuple[ImagePath, ...]]]:
    for element in table.elements[:MOST_REDIRECTS]:
        if not isinstance(element, cst.DictElement) or not isinstance(element.value, cst.List):
            continue
        name = islands.text(element.key)
        folders = (islands.text(item.value) for item in element.value.elements)
        if name:
            yield ModuleName(name), tuple(normalise(f) for f in folders if f and f.startswith("/"))


def _mapped(source: bytes, shadow: bytes) -> Redirects | None:
    modules: dict[ModuleName, ImagePath] = {}
    for found in _MAP_MODULE.finditer(shadow):
        end = _closing(shadow, found.end() - 1)
        call = islands.expression(source[found.start() : end], shadow[found.start() : end])
        words = [islands.text(argument.value) for argument in call.args] if isinstance(call, cst.Call) else []
        if len(words) == 2 and words[0] and words[1] is not None and words[1].startswith("/"):
            modules[ModuleName(words[0])] = normalise(words[1])
        if len(modules) == MOST_REDIRECTS:
            break
    return Redirects(modules) if modules else None

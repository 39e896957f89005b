"""What project files and locks name: pyproject.toml, Pipfile, and the locks of uv, poetry, PDM and pipenv."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fleet_audit.audit.configuration.requirement_lines import Include, Named

Table = Mapping[str, Any]
"""A table of a document from outside: anything can stand in it."""

_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "pylock.toml")


class Asked(msgspec.Struct, frozen=True):
    """Something that a file asks for, and on which line; `is_locked` where the file is a lock."""

    what: Named | Include
    line: int
    is_locked: bool = False


class TableUnreadable(Exception):
    """A file is no document of its form."""


def has_tables(file: str) -> bool:
    """Say whether a file's name is one of those that `tables` reads."""
    return file in ("pyproject.toml", "Pipfile", "Pipfile.lock", *_LOCKS)


def asked_in_tables(file: str, text: str) -> tuple[Asked, ...]:
    """Return what a file of this name asks for; raises TableUnreadable where it is damaged."""
    try:
        if file == "Pipfile.lock":
            return tuple(_pipenv_lock(_table(msgspec.json.decode(text.encode())), text))
        document = tomllib.loads(text)
    # Both parsers' errors are ValueErrors; deep nesting ends their recursion.
    except (ValueError, RecursionError) as e:
        raise TableUnreadable(f"cannot be read: {e}") from e
    if file in _LOCKS:
        return tuple(_locked(document, text))
    return tuple(_pipfile(document, text) if file == "Pipfile" else _project(document, text))


def _project(document: Table, text: str) -> Iterator[Asked]:
    project = _table(document.get("project"))
    lines = _Lines(text, "dependencies")
    for requirement in _strings(project.get("dependencies")):
        yield Asked(Named(requirement), lines.of(requirement))
    tool = _table(document.get("tool"))
    dynamic = _table(_table(_table(tool.get("setuptools")).get("dynamic")).get("dependencies"))
    lines = _Lines(text, "[tool.setuptools.dynamic")
    for file in (*_strings(dynamic.get("file")), *_strings([dynamic.get("file")])):
        yield Asked(Include(file, is_constraint=False), lines.of(file))
    lines = _Lines(text, "[tool.poetry.dependencies")
    for name in _table(_table(tool.get("poetry")).get("dependencies")):
        # Poetry's own operators (``^1.2``) are not PEP 440's: only the name is taken.
        if name.lower() != "python":
            yield Asked(Named(name), lines.of_key(name))


def _pipfile(document: Table, text: str) -> Iterator[Asked]:
    lines = _Lines(text, "[packages]")
    for name, wanted in _table(document.get("packages")).items():
        is_exact = isinstance(wanted, str) and re.match(r"[=<>!~]", wanted)
        yield Asked(Named(f"{name}{wanted}" if is_exact else name), lines.of_key(name))


def _pipenv_lock(document: Table, text: str) -> Iterator[Asked]:
    lines = _Lines(text, '"default"')
    for name, entry in _table(document.get("default")).items():
        version = _table(entry).get("version")
        exact = version if isinstance(version, str) else ""
        yield Asked(Named(f"{name}{exact}"), lines.of(f'"{name}"'), is_locked=True)


def _locked(document: Table, text: str) -> Iterator[Asked]:
    packages = document.get("package", document.get("packages"))
    lines = _Lines(text)
    for package in packages if isinstance(packages, list) else ():
        entry = _table(package)
        name, version = entry.get("name"), entry.get("version")
        is_own = {"editable", "virtual"} & set(_table(entry.get("source")))
        if isinstance(name, str) and not is_own:
            exact = f"=={version}" if isinstance(version, str) else ""
            yield Asked(Named(f"{name}{exact}"), lines.of(f'name = "{name}"'), is_locked=True)


class _Lines:
    """Tells on which line each of several parts of a text stands, given in their order."""

    def __init__(self, text: str, after: str = "") -> None:
        self._text = text
        self._at = max(text.find(after) + len(after), 0)
        self._line = text.count("\n", 0, self._at) + 1

    def of(self, part: str) -> int:
        """Return the line of the next place where `part` stands; 0, the file as a whole, for none."""
        found = self._text.find(part, self._at)
        if found < 0:
            return 0
        self._line += self._text.count("\n", self._at, found)
        self._at = found
        return self._line

    def of_key(self, key: str) -> int:
        """Return the line of the next place where a line begins with `key`, in quotes or not; 0 for none."""
        before = next((self.of(f"\n{form}") for form in (key, f'"{key}"') if f"\n{form}" in self._text), 0)
        return before + 1 if before else 0


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []

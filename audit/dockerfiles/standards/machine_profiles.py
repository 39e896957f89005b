"""Whether the profiles of machines hold what the manifest expects of them.

CONTRACT: a machine's `profile` is a JSON file, and `expect_profile` are values that it has.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fleet_audit.audit.dockerfiles.manifest.manifest_lines import ManifestLines
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.model.fleet import Fleet, Machine
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import MachineProfile, Observed

MAX_DEPTH = 20
"""Objects in one another in which an expected value is looked for."""


class _ProfileInvalid(FleetAuditError):
    """A profile is no JSON object."""


def machine_profiles(fleet: Fleet, repository: Repository) -> Iterator[Observed]:
    """Yield the profile of each machine that has one, and the values that the manifest expects of it."""
    lines = ManifestLines(fleet, repository)
    for name, machine in sorted(fleet.manifest.machines.items()):
        if machine.profile:
            yield from _profile(name, machine, repository, lines)


def _profile(name: str, machine: Machine, repository: Repository, lines: ManifestLines) -> Iterator[Observed]:
    path = machine.profile
    record = MachineProfile(machine=name, path=path)
    text, problem = _text(repository, path)
    values: Mapping[str, str] = {}
    if text is not None:
        try:
            values = _values(text)
        except _ProfileInvalid as error:
            problem = str(error)
    place = lines.at("machines", name, "profile")
    yield Observed(msgspec.structs.replace(record, problem=problem), f"file:{path}", location=place)
    for key, expected in sorted(machine.expect_profile.items()) if not problem else ():
        found = values.get(key)
        value = msgspec.structs.replace(
            record, key=key, expected=expected, found=found or "", is_set=found is not None
        )
        line = SourceLocation(path, _line_of(key, text or ""))
        expecting = lines.at("machines", name, "expect_profile", key)
        yield Observed(value, f"file:{path}#{key}", location=line, related=(expecting,))


def _text(repository: Repository, path: str) -> tuple[str | None, str]:
    """Return a file's text, or why there is none."""
    entry = repository.entry(path)
    if entry is None:
        return None, "is not there"
    if entry.kind is FileKind.FOLDER:
        return None, "is a folder"
    text = repository.text(path)
    return text, "" if text is not None else "cannot be read"


def _values(text: str) -> Mapping[str, str]:
    """Return the values of a JSON object by their keys, as the manifest writes them.

    Those of objects in it are included; of a key that stands several times, the outermost counts.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _ProfileInvalid(f"is no JSON ({str(error)[:100]})") from error
    if not isinstance(document, dict):
        raise _ProfileInvalid("holds no JSON object")
    found: dict[str, str] = {}
    level: list[dict[str, Any]] = [document]
    for _ in range(MAX_DEPTH):
        below: list[dict[str, Any]] = []
        for key, value in (pair for each in level for pair in each.items()):
            if isinstance(value, dict):
                below.append(value)
            elif not isinstance(value, list):
                found.setdefault(key, value if isinstance(value, str) else json.dumps(value))
        level = below
    return found


def _line_of(key: str, text: str) -> int:
    """Return the first line in which a key stands before a colon; 0 where none is found."""
    quoted = json.dumps(key)
    for number, line in enumerate(text.splitlines(), start=1):
        _, found, rest = line.partition(quoted)
        if found and rest.lstrip().startswith(":"):
            return number
    return 0

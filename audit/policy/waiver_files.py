"""Waivers from files: all of them, or everything that is wrong with any of them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from pathlib import Path

from fleet_audit.audit.configuration.located import Located, load_file
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.configuration.schema import convert, first_problems, published_schema
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import Waiver
from fleet_audit.audit.policy.waiver_checks import Known, problems_of
from fleet_audit.audit.policy.waiver_entry import MatchEntry, WaiverEntry

MAX_FILES = 1000
MAX_WAIVERS = 10_000
_YAML = (".yaml", ".yml")
_FILE = tuple[WaiverEntry, ...]


def load_waivers(places: Sequence[tuple[Path, str]], known: Known) -> tuple[Waiver, ...]:
    """Return the waivers of files, and of all YAML files right in folders, in order of their ids.

    Each place comes with what messages call it. An empty file holds none. Raises ConfigurationError with all
    problems of all files: shapes, unknown keys and rules, days that there are not, an end before the
    beginning or beyond the policy's cap, what can never match or matches everything, ids that are given
    twice, and waivers that say the same for the same days.
    """
    problems: list[Problem] = []
    waivers: list[Waiver] = []
    ids: dict[str, str] = {}
    for file, label in chain.from_iterable(_files(path, name) for path, name in places):
        try:
            read = load_file(file, name=label)
        except ConfigurationError as e:
            problems += e.problems
            continue
        problems += _twice(read, ids)
        try:
            waivers += _waivers(read, known)
        except ConfigurationError as e:
            problems += e.problems
        if len(waivers) > MAX_WAIVERS:
            problems.append(
                Problem(label, 0, "", f"with this file there are more than {MAX_WAIVERS} waivers")
            )
            break
    problems += _repeated(waivers)
    if problems:
        raise ConfigurationError(first_problems(problems, places[0][1]))
    return tuple(sorted(waivers, key=lambda waiver: waiver.id))


def waivers_schema() -> bytes:
    """Return the JSON schema of a file of waivers for editors: the one that `load_waivers` checks with."""
    return published_schema(_FILE, title="waivers", about="Exceptions from rules, each for a time.")


def _files(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    if path.is_file():
        yield path, name
        return
    if not path.is_dir():
        why = "is neither a file nor a folder" if os.path.lexists(path) else "there is no such file or folder"
        raise ConfigurationError((Problem(name, 0, "", f"{why} of waivers"),))
    try:
        found = sorted(entry for entry in path.iterdir() if entry.suffix in _YAML)
    except OSError as e:
        raise ConfigurationError((Problem(name, 0, "", f"cannot be read: {e.strerror}"),)) from e
    if len(found) > MAX_FILES:
        raise ConfigurationError((Problem(name, 0, "", f"holds more than {MAX_FILES} files of waivers"),))
    if not found:
        raise ConfigurationError((Problem(name, 0, "", "holds no file of waivers (*.yaml)"),))
    for entry in found:
        if not entry.is_file():
            raise ConfigurationError((Problem(f"{name}/{entry.name}", 0, "", "is no file"),))
        yield entry, f"{name}/{entry.name}"


def _waivers(read: Located, known: Known) -> Iterator[Waiver]:
    if read.value is None:
        return
    also = (problem for entry in read.view().elements() for problem in problems_of(entry, known))
    entries = convert(read, _FILE, also=also)
    for index, entry in enumerate(entries):
        yield _waiver(entry, SourceLocation(read.name, read.line((index,))), known)


def _waiver(entry: WaiverEntry, location: SourceLocation, known: Known) -> Waiver:
    scope = entry.scope
    return Waiver(
        id=entry.id,
        rule=entry.rule,
        owner=entry.owner,
        reason=entry.reason,
        created=date.fromisoformat(entry.created),
        expires=date.fromisoformat(entry.expires),
        match=tuple(sorted(set(_pairs(entry.match or MatchEntry(), known)))),
        image=scope.image or "",
        package_set=None if scope.sbom is None else Digest(scope.sbom),
        digest=None if scope.digest is None else Digest(scope.digest),
        effect=entry.effect,
        approved_by=entry.approved_by or "",
        justification=entry.justification or "",
        ticket=entry.ticket or "",
        location=location,
    )


def _pairs(match: MatchEntry, known: Known) -> Iterator[tuple[str, str]]:
    for key in match.__struct_fields__:
        values = getattr(match, key)
        for value in (values,) if isinstance(values, str) else values:
            yield key, (known.canonical(value) or value) if key == "purl" else value


def _twice(read: Located, ids: dict[str, str]) -> Iterator[Problem]:
    """Yield ids that were given before, and remember those that were not."""
    for entry in read.view().elements():
        view = entry.get("id")
        if view.text is None:
            continue
        if view.text in ids:
            yield view.problem(f"{view.text} is there already, in {ids[view.text]}")
        else:
            ids[view.text] = f"{read.name}:{read.line(view.path)}"


def _repeated(waivers: Iterable[Waiver]) -> Iterator[Problem]:
    """Yield waivers that say what another one says for some of the same days."""
    alike: defaultdict[object, list[Waiver]] = defaultdict(list)
    for each in waivers:
        meant = (each.rule, each.match, each.image, each.package_set, each.digest)
        for other in alike[meant]:
            if other.id != each.id and other.created <= each.expires and each.created <= other.expires:
                place = each.location
                message = f"{each.id} waives the same as {other.id} ({other.location}) at the same time"
                yield Problem(place.path, place.line, "", message)
                break
        alike[meant].append(each)

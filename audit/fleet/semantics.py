"""What a manifest's values say of each other, and where they contradict.

Works on located values of any type, so that contradictions are found beside type errors and not after them.
"""

import re
from collections import Counter
from collections.abc import Iterator

from fleet_audit.audit.configuration.located import Located, View
from fleet_audit.audit.configuration.problems import Problem
from fleet_audit.audit.configuration.schema import suggestion

MAX_PATTERN = 500

REQUIRE_PREFIXES = ("bin:", "so:", "dist:")

_PATHS_OF_MANIFEST = ("policy", "rules", "waivers", "audits", "history")
_PATHS_OF_MACHINE = ("profile", "startup")
_PATHS_OF_FAMILY = ("dockerfiles", "context")
_PATHS_OF_SERVICE = (
    "source_paths",
    "pythonpath",
    "first_party_imports",
    "dockerfiles",
    "context",
    "requirements",
)


def contradictions(located: Located) -> Iterator[Problem]:
    """Yield every problem that the type of a single value cannot show."""
    manifest = located.view()
    yield from _version(manifest)
    yield from _patterns(manifest)
    yield from _colliding_names(manifest.get("machines"), "machine")
    yield from _colliding_names(manifest.get("families"), "family")
    yield from _duplicate_services(manifest)
    yield from _families(manifest)
    yield from _services(manifest)
    yield from _paths(manifest)


def _version(manifest: View) -> Iterator[Problem]:
    version = manifest.get("version")
    if isinstance(version.value, int) and version.value != 1:
        yield version.problem(f"version {version.value} is not known here; this fleet-audit reads version 1")


def _patterns(manifest: View) -> Iterator[Problem]:
    pattern = manifest.get("registry").get("tag_pattern")
    if len(pattern.text or "") > MAX_PATTERN:
        yield pattern.problem(f"is longer than {MAX_PATTERN} characters")
        return
    try:
        re.compile(pattern.text or "")
    except re.error as e:
        yield pattern.problem(f"is not a regular expression: {e}")


def _colliding_names(things: View, kind: str) -> Iterator[Problem]:
    owners = {name: name for name, _ in things.entries()}
    for name, thing in things.entries():
        for alias, place in thing.get("aliases").texts():
            owner = owners.setdefault(alias, name)
            if owner != name:
                yield place.problem(f"{kind} '{owner}' has the name '{alias}' already")


def _duplicate_services(manifest: View) -> Iterator[Problem]:
    first: dict[str, View] = {}
    for service in manifest.get("services").elements():
        name = service.get("name")
        if name.text == "":
            yield name.problem("is empty")
        elif name.text is not None and (other := first.setdefault(name.text, name)) is not name:
            line = manifest.located.line(other.path)
            yield name.problem(f"service '{name.text}' is defined already, in line {line}")


def _families(manifest: View) -> Iterator[Problem]:
    families = _names(manifest.get("families"))
    machines = _names(manifest.get("machines"))
    parents: dict[str, str] = {}
    for name, family in manifest.get("families").entries():
        parent = family.get("parent")
        yield from _unknown(parent, families, "family")
        yield from _unknown(family.get("machines"), machines, "machine")
        if parent.text in families:
            parents[name] = families[parent.text]
    for name in sorted(parents):
        if (cycle := _cycle(name, parents)) and min(cycle) == name:
            place = manifest.get("families").get(name).get("parent")
            yield place.problem(f"is a cycle of parents: {' -> '.join((*cycle, name))}")


def _cycle(name: str, parents: dict[str, str]) -> tuple[str, ...]:
    """Return the cycle that leads from `name` back to it; empty where none does."""
    chain = [name]
    while (at := parents.get(chain[-1])) is not None and at not in chain:
        chain.append(at)
    return tuple(chain) if at == name else ()


def _services(manifest: View) -> Iterator[Problem]:
    families = _names(manifest.get("families"))
    machines = _names(manifest.get("machines"))
    for service in manifest.get("services").elements():
        yield from _unknown(service.get("family"), families, "family")
        yield from _unknown(service.get("machines"), machines, "machine")
        yield from _hidden(service, families)
        for name, place in service.get("required").entries():
            if name not in machines:
                yield place.problem(f"unknown machine '{name}'{suggestion(name, machines)}")
        for need, place in service.get("requires").texts():
            if not need.startswith(REQUIRE_PREFIXES) or need.endswith(":"):
                yield place.problem(f"'{need}' is no need: write bin:NAME, so:NAME or dist:NAME")
        for name, port in service.get("ports").entries():
            if isinstance(port.value, int) and not 0 < port.value < 65536:
                yield port.problem(f"{port.value} is no port; '{name}' must be from 1 to 65535")


def _hidden(service: View, families: dict[str, str]) -> Iterator[Problem]:
    """Yield a problem where nobody could name a service's own image, so that no gate would judge it."""
    name = service.get("name")
    if service.get("image").text and name.text in families:
        yield name.problem(f"is the name of a family too, which hides the image of service '{name.text}'")


def _paths(manifest: View) -> Iterator[Problem]:
    for field in _PATHS_OF_MANIFEST:
        yield from _leaving(manifest.get(field))
    yield from _leaving(manifest.get("defaults").get("build_context"))
    yield from _leaving(manifest.get("defaults").get("pythonpath"))
    for _, machine in manifest.get("machines").entries():
        for field in _PATHS_OF_MACHINE:
            yield from _leaving(machine.get(field))
    for _, family in manifest.get("families").entries():
        for field in _PATHS_OF_FAMILY:
            yield from _leaving(family.get(field))
    for service in manifest.get("services").elements():
        for field in _PATHS_OF_SERVICE:
            yield from _leaving(service.get(field))
        entry = service.get("entry")
        if not (entry.text or "").startswith("module:"):
            yield from _leaving(entry)


def _leaving(paths: View) -> Iterator[Problem]:
    for path, place in paths.texts():
        if path.startswith(("/", "~")):
            yield place.problem(f"'{path}' must be relative to the manifest's folder")
        elif _leaves(path):
            yield place.problem(f"'{path}' leaves the manifest's folder")
        elif "\0" in path:
            yield place.problem("holds a zero byte")


def _leaves(path: str) -> bool:
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False


def _names(things: View) -> dict[str, str]:
    """Return what each name and alias means."""
    meaning = {name: name for name, _ in things.entries()}
    for name, thing in things.entries():
        for alias, _ in thing.get("aliases").texts():
            meaning.setdefault(alias, name)
    return meaning


def _unknown(wanted: View, known: dict[str, str], kind: str) -> Iterator[Problem]:
    for name, place in wanted.texts():
        if name not in known:
            yield place.problem(f"unknown {kind} '{name}'{suggestion(name, known)}")
    twice = [name for name, count in Counter(name for name, _ in wanted.texts()).items() if count > 1]
    for name in twice:
        yield wanted.problem(f"names '{name}' twice")

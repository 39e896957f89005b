"""Which services a start-up configuration names.

No standard says how such a file looks. A service is a mapping that says what to run, or, in a list called
like one, a plain name or a mapping that has a name; groups around it, of any depth, mean nothing.
"""

from collections.abc import Iterator

from fleet_audit.audit.configuration.located import Located, View
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.manifest_claims import Started

_ENTRIES = ("script_path", "script", "entry", "entrypoint", "path", "file", "module", "command")
_PORTS = ("port", "ports", "health_port", "health_check_port", "svc_port", "service_port")
_NAMES = ("name", "service", "agent")
_LISTS = frozenset({"services", "agents", "programs", "components", "start", "autostart"})
_MAX_DEPTH = 8
_MAX_STARTED = 5000


def started(read: Located) -> tuple[Started, ...]:
    """Return the services that a file names, in its order; those of one name once."""
    found: dict[str, Started] = {}
    for each in _below(read.view(), "", 0):
        found.setdefault(each.name, each)
        if len(found) >= _MAX_STARTED:
            break
    return tuple(found.values())


def _below(view: View, key: str, depth: int) -> Iterator[Started]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(view.value, dict):
        name = _name(view, key)
        if name and any(view.get(field).text for field in _ENTRIES):
            yield _service(view, name)
            return
        for child_key, child in view.entries():
            yield from _below(child, child_key, depth + 1)
    elif isinstance(view.value, list):
        for element in view.elements():
            if element.text is not None and key in _LISTS:
                yield Started(element.text, _place(element))
            elif key in _LISTS and (name := _name(element, "")):
                yield _service(element, name)
            else:
                yield from _below(element, "", depth + 1)


def _name(view: View, key: str) -> str:
    named = next((text for field in _NAMES if (text := view.get(field).text)), "")
    return named or key


def _service(view: View, name: str) -> Started:
    entry = next((text for field in _ENTRIES if (text := view.get(field).text)), "")
    ports = [port for field in _PORTS for port in _numbers(view.get(field))]
    return Started(
        name, _place(view), entry, tuple(dict.fromkeys(ports)), view.get("enabled").value is not False
    )


def _numbers(view: View) -> Iterator[int]:
    values = [view, *view.elements(), *(child for _, child in view.entries())]
    yield from (v.value for v in values if isinstance(v.value, int) and not isinstance(v.value, bool))


def _place(view: View) -> SourceLocation:
    return SourceLocation(view.located.name, view.located.line(view.path))

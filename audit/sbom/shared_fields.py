"""Texts that both forms have a field for and our model has none."""

from collections import defaultdict

import msgspec

from fleet_audit.audit.model.inventory import Component

KEPT = "kept:"
"""How properties begin that hold, as JSON, what our model has no field for."""

_NAMES = frozenset({f"{KEPT}copyright", f"{KEPT}description"})


def shared_fields(component: Component) -> tuple[dict[str, str], Component]:
    """Return these texts by CycloneDX's names of their fields, and the component without them.

    Where several documents told different texts, they stay properties: no field holds two.
    """
    told: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in component.properties:
        if name in _NAMES:
            told[name].append(value)
    texts = {name: _text(values[0]) for name, values in told.items() if len(values) == 1}
    fields = {name.removeprefix(KEPT): text for name, text in texts.items() if text}
    written = {f"{KEPT}{name}" for name in fields}
    left = tuple(each for each in component.properties if each[0] not in written)
    return fields, msgspec.structs.replace(component, properties=left)


def _text(value: str) -> str:
    try:
        return msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""

"""A service's own word that a rule does not hold for it."""

import msgspec


class Exemption(msgspec.Struct, frozen=True):
    """A service's own word in the manifest that a rule does not hold for it, and why."""

    service: str
    rule: str
    reason: str

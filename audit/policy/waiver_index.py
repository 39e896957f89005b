"""Which of many waivers may name a finding, without asking each of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.waiver import Waiver

_KEYS = ("vuln", "fingerprint", "subject", "need", "module", "path", "purl", "package", "service")
"""The keys of a match, those first of which few findings have the same value."""

Entry = tuple[str, str, str]


class WaiverIndex:
    """Waivers by their rule and one value of what they name.

    A finding that a waiver names has one of the waiver's values under each key, whatever else has to hold.
    """

    def __init__(self, waivers: Iterable[Waiver]) -> None:
        """Take the waivers, in the order in which they are to be returned."""
        self._order: dict[Waiver, int] = {}
        self._named: defaultdict[Entry, list[Waiver]] = defaultdict(list)
        self._whole: defaultdict[str, list[Waiver]] = defaultdict(list)
        self._rules: set[str] = set()
        for waiver in waivers:
            self._order[waiver] = len(self._order)
            self._rules.add(waiver.rule)
            key = next((key for key in _KEYS if waiver.matched(key)), None)
            if key is None:
                self._whole[waiver.rule].append(waiver)
            else:
                for value in waiver.matched(key):
                    self._named[waiver.rule, key, _value(key, value)].append(waiver)

    def candidates(self, finding: Finding) -> list[Waiver]:
        """Return the waivers that may name a finding; every one that does is among them."""
        if finding.rule not in self._rules:
            return []
        found = dict.fromkeys(self._whole.get(finding.rule, ()))
        for key, value in _pairs(finding):
            found |= dict.fromkeys(self._named.get((finding.rule, key, _value(key, value)), ()))
        return sorted(found, key=self._order.__getitem__)


def _pairs(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "subject", finding.subject
    yield "fingerprint", finding.fingerprint
    yield from finding.matter


def _value(key: str, value: str) -> str:
    # A package URL without qualifiers names one with any.
    return value.partition("?")[0] if key == "purl" else value

"""What is wrong with a waiver of the right shape: it could never apply, or for too long, or to too much.

Each check reads what stands in the file, so that it goes on beside errors of shape.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from fnmatch import fnmatchcase

import msgspec

from fleet_audit.audit.configuration.located import View
from fleet_audit.audit.configuration.problems import Problem
from fleet_audit.audit.configuration.schema import suggestion
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.need import NEED_PREFIXES
from fleet_audit.audit.model.waiver import WaiverEffect
from fleet_audit.audit.policy.facts import FACTS
from fleet_audit.audit.policy.matter import keys_of
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.waiver_entry import MatchEntry

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_CVE = re.compile(r"cve-[0-9]{4}-[0-9]{4,}", re.IGNORECASE)
_ANYWHERE = ("subject", "fingerprint")
"""Keys that findings of every rule have."""

_OF_REFERENCES = frozenset("/:@")


class Known(msgspec.Struct, frozen=True):
    """What waivers are held against: the rules of the policy, and what the manifest names.

    `images` are the names of families, services and images, `services` those of services; each is None
    without a manifest. `canonical` gives a package URL its one form, and None for what is none.
    """

    rules: RuleSet
    canonical: Callable[[str], Purl | None]
    images: frozenset[str] | None = None
    services: frozenset[str] | None = None


def problems_of(entry: View, known: Known) -> Iterator[Problem]:
    """Yield what is wrong with one waiver beside its shape."""
    for key in ("owner", "reason"):
        text = entry.get(key).text
        if text and not text.strip():
            yield entry.get(key).problem("is blank")
    yield from _rule(entry, known)
    yield from _days(entry, known)
    yield from _match(entry, known)
    yield from _scope(entry.get("scope"), known)


def _rule(entry: View, known: Known) -> Iterator[Problem]:
    rule = entry.get("rule")
    if rule.text and known.rules.rule(rule.text) is None:
        ids = (each.id for each in known.rules.rules)
        yield rule.problem(f"no rule has the id '{rule.text}'{suggestion(rule.text, ids)}")


def _days(entry: View, known: Known) -> Iterator[Problem]:
    created, expires = entry.get("created"), entry.get("expires")
    for view in (created, expires):
        if view.text and _DAY.fullmatch(view.text) and day_of(view) is None:
            yield view.problem(f"there is no day {view.text}")
    begin, end = day_of(created), day_of(expires)
    if begin is None or end is None:
        return
    if begin > end:
        yield expires.problem(f"it would expire on {end}, before it is created on {begin}")
        return
    rule = known.rules.rule(entry.get("rule").text or "")
    if rule is None:
        return
    cap = known.rules.waivers.max_days.of(rule.severity)
    if (end - begin).days > cap:
        latest = begin + timedelta(days=cap)
        yield expires.problem(
            f"it would run for {(end - begin).days} days; a waiver of {rule.id}, of severity "
            f"{rule.severity.value}, may run for {cap}: until {latest} at the latest"
        )


def day_of(view: View) -> date | None:
    """Return the day that stands there; None where none does."""
    try:
        return date.fromisoformat(view.text or "")
    except ValueError:
        return None


def _match(entry: View, known: Known) -> Iterator[Problem]:
    match = entry.get("match")
    if not any(key == match.path[-1] for key, _ in entry.entries()):
        yield from _whole_rule(entry)
    elif not match.value:
        yield match.problem("names nothing: it would waive everything that the rule finds")
    if entry.get("justification").text and not any(_named(match, "vuln")):
        yield entry.get("justification").problem(
            "says why a vulnerability is harmless; name it in match.vuln, or say it in reason"
        )
    yield from _keys(match, entry.get("rule").text or "", known)
    yield from _values(match, known)


def _whole_rule(entry: View) -> Iterator[Problem]:
    """Yield problems with a waiver of all that a rule finds: such a one says where, and hides nothing."""
    if not any(True for _ in entry.get("scope").entries()):
        yield entry.problem(
            "has neither match nor scope: it would waive everything that the rule finds, everywhere"
        )
    elif entry.get("effect").text == WaiverEffect.SUPPRESS:
        yield entry.get("effect").problem(
            "without match, a waiver can only warn: it holds for what nobody has seen yet"
        )


def _named(match: View, *keys: str) -> Iterator[tuple[str, str, View]]:
    """Yield each value that is named under these keys, or under every one that there is."""
    for key in keys or MatchEntry.__struct_fields__:
        for text, place in match.get(key).texts():
            yield key, text, place


def _keys(match: View, name: str, known: Known) -> Iterator[Problem]:
    """Yield the keys by which no finding of the rule can be named."""
    rule = known.rules.rule(name)
    if rule is None:
        return
    kind = rule.definition.subject
    keys = (*sorted(keys_of(FACTS[kind])), *_ANYWHERE)
    for key, view in match.entries():
        if key in MatchEntry.__struct_fields__ and key not in keys:
            yield view.problem(
                f"{name} judges {kind.value}: what it finds can be named by {', '.join(keys)} alone"
            )


def _values(match: View, known: Known) -> Iterator[Problem]:
    """Yield the values that nothing has, or that are not as exact as they must be."""
    for key, text, place in _named(match):
        if why := _misfit(key, text, known):
            yield place.problem(why)


def _misfit(key: str, text: str, known: Known) -> str:
    """Say why a value can match nothing, or too much; empty where it is right."""
    match key:
        case "purl":
            return _purl_misfit(text, known)
        case "fingerprint" if not _FINGERPRINT.fullmatch(text):
            return "is no fingerprint; a finding's has 32 digits (-o json shows it)"
        case "vuln" if _CVE.fullmatch(text) and text != text.upper():
            return f"can never match: advisories write {text.upper()}"
        case "need" if not text.startswith(NEED_PREFIXES):
            return f"can never match: needs begin with {', '.join(NEED_PREFIXES)}"
        case "service" if known.services is not None and text not in known.services:
            return f"no service has this name{suggestion(text, sorted(known.services))}"
        case _:
            return ""


def _purl_misfit(text: str, known: Known) -> str:
    purl = known.canonical(text)
    if purl is None:
        return f"{text[:100]!r} is no package URL"
    if "@" not in purl.partition("?")[0]:
        return "names no version; a waiver is for exact ones (pkg:deb/debian/zlib1g@1:1.3)"
    return ""


def _scope(scope: View, known: Known) -> Iterator[Problem]:
    if scope.value == {}:
        yield scope.problem("names nothing; leave it out, or write image: '*'")
    image = scope.get("image")
    # A reference to a registry names an image that the manifest need not name.
    if not image.text or known.images is None or not _OF_REFERENCES.isdisjoint(image.text):
        return
    if not any(fnmatchcase(name, image.text) for name in known.images):
        near = suggestion(image.text, sorted(known.images))
        yield image.problem(f"can never match: no family or service has a name like this{near}")

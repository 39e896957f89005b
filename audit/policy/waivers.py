"""Waivers on findings: which of them hold on a day, what each names, and what then becomes of a finding.

Nothing that is waived vanishes: a finding stays where it is, with the words of what waives it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase

import msgspec

from fleet_audit.audit.model.finding import Finding
from fleet_audit.audit.model.waiver import (
    Waiver,
    WaiverAccount,
    WaiverEffect,
    WaiverLimits,
    WaiverScope,
    WaiverState,
    WaiverUse,
)
from fleet_audit.audit.policy.waiver_index import WaiverIndex

_PATTERN = frozenset("*?[")
_SYNONYMS = "vuln"
"""The one key whose values on a finding all name the same thing: an id and its aliases."""


def is_active(waiver: Waiver, today: date) -> bool:
    """Say whether a waiver holds on a day (UTC): from `created` to `expires`, both included."""
    return waiver.created <= today <= waiver.expires


def state_of(waiver: Waiver, today: date) -> WaiverState:
    """Return whether a waiver holds on a day, did, or will."""
    if is_active(waiver, today):
        return WaiverState.ACTIVE
    return WaiverState.EXPIRED if waiver.expires < today else WaiverState.PENDING


def account_of(
    waiver: Waiver, today: date, *, findings: Iterable[str] = (), remark: str = ""
) -> WaiverAccount:
    """Return what is to be said of a waiver on a day."""
    left = (waiver.expires - today).days
    return WaiverAccount(waiver, state_of(waiver, today), left, tuple(sorted(set(findings))), remark)


def is_expiring(account: WaiverAccount, limits: WaiverLimits) -> bool:
    """Say whether a waiver holds, and ends soon."""
    return account.state is WaiverState.ACTIVE and account.days_left <= limits.warn_days


def applied(
    findings: Sequence[Finding],
    waivers: Iterable[Waiver],
    scope: WaiverScope,
    today: date,
    limits: WaiverLimits = WaiverLimits(),  # noqa: B008  (a frozen value)
) -> tuple[tuple[Finding, ...], WaiverUse]:
    """Return the findings on one image, in their order, as waivers leave them, and what became of these.

    Findings are as rules made them, with the words of comments and of the manifest. Where several active
    waivers name a finding, the one for the narrowest scope speaks, then the one whose id comes first; all of
    them are used.
    """
    known = sorted(set(waivers), key=lambda waiver: (waiver.id, waiver.created, waiver.match))
    here = WaiverIndex(waiver for waiver in known if is_for(waiver, scope))
    named: defaultdict[Waiver, list[str]] = defaultdict(list)
    told = []
    for finding in findings:
        naming = [waiver for waiver in here.candidates(finding) if names(waiver, finding)]
        for waiver in naming:
            named[waiver].append(finding.fingerprint)
        active = [waiver for waiver in naming if is_active(waiver, today)]
        told.append(_waived(finding, min(active, key=_width)) if active else finding)
    return tuple(told), _use(known, named, scope, today, limits)


def is_for(waiver: Waiver, scope: WaiverScope) -> bool:
    """Say whether a waiver is meant for an image: one of its names, its set of packages, its very digest."""
    return _is_named(waiver, scope) and not _other_contents(waiver, scope)


def names(waiver: Waiver, finding: Finding) -> bool:
    """Say whether a waiver names a finding of its rule, wherever that was found.

    All that the finding is about under a key of `match` has to be named: what is said of one service or
    package waives nothing of another one. Of the names of one vulnerability any will do.
    """
    if waiver.rule != finding.rule:
        return False
    return all(_is_covered(waiver, key, finding) for key in {key for key, _ in waiver.match})


def _is_covered(waiver: Waiver, key: str, finding: Finding) -> bool:
    allowed = waiver.matched(key)
    found = _values(finding, key)
    if key == _SYNONYMS:
        return any(value in allowed for value in found)
    same = is_same_purl if key == "purl" else str.__eq__
    return bool(found) and all(any(same(each, value) for each in allowed) for value in found)


def _values(finding: Finding, key: str) -> list[str]:
    if key == "subject":
        return [finding.subject]
    if key == "fingerprint":
        return [finding.fingerprint]
    return [value for name, value in finding.matter if name == key]


def is_same_purl(named: str, found: str) -> bool:
    """Say whether a canonical package URL means another one: without qualifiers, whatever they are there."""
    whole, _, wanted = named.partition("?")
    other, _, given = found.partition("?")
    return whole == other and {part for part in wanted.split("&") if part} <= set(given.split("&"))


def _is_named(waiver: Waiver, scope: WaiverScope) -> bool:
    return not waiver.image or any(fnmatchcase(name, waiver.image) for name in scope.names)


def _other_contents(waiver: Waiver, scope: WaiverScope) -> str:
    """Say how an image's contents are not those that a waiver is for; empty where they are."""
    if waiver.digest is not None and waiver.digest != scope.digest:
        return f"it is for the image {waiver.digest}, which this one is not"
    if waiver.package_set is not None and waiver.package_set != scope.package_set:
        known = "which have changed" if scope.package_set else "and which are here is not known"
        return f"it is for the packages {waiver.package_set}, {known}"
    return ""


def _width(waiver: Waiver) -> tuple[bool, bool, bool, bool, str]:
    """Return what waivers on one finding are sorted by, the narrowest first."""
    has_name = bool(waiver.image) and _PATTERN.isdisjoint(waiver.image)
    return (
        waiver.digest is None,
        waiver.package_set is None,
        not has_name,
        not waiver.image,
        waiver.id,
    )


def _waived(finding: Finding, waiver: Waiver) -> Finding:
    ticket = f" ({waiver.ticket})" if waiver.ticket else ""
    words = f"{waiver.id} until {waiver.expires}, {waiver.owner}: {waiver.reason}{ticket}"
    return msgspec.structs.replace(
        finding,
        waiver=words if finding.waiver is None else f"{finding.waiver}; {words}",
        waived_by=waiver.id,
        is_downgraded=finding.waiver is None and waiver.effect is WaiverEffect.WARN,
    )


def _use(
    known: Sequence[Waiver],
    named: Mapping[Waiver, list[str]],
    scope: WaiverScope,
    today: date,
    limits: WaiverLimits,
) -> WaiverUse:
    accounts = []
    unused = []
    for waiver in known:
        if not _is_named(waiver, scope):
            continue
        remark = _other_contents(waiver, scope)
        account = account_of(waiver, today, findings=named.get(waiver, ()), remark=remark)
        if not remark:
            accounts.append(account)
        if (
            account.state is WaiverState.ACTIVE
            and not account.findings
            and _is_for_this(waiver, scope, remark)
        ):
            unused.append(account)
    active = [each for each in accounts if each.state is WaiverState.ACTIVE]
    return WaiverUse(
        applied=tuple(each for each in active if each.findings),
        expired=tuple(each for each in accounts if each.state is WaiverState.EXPIRED),
        unused=tuple(unused),
        expiring=tuple(each for each in active if is_expiring(each, limits)),
        pending=tuple(each for each in accounts if each.state is WaiverState.PENDING),
    )


def _is_for_this(waiver: Waiver, scope: WaiverScope, remark: str) -> bool:
    """Say whether a waiver that names nothing here is of no use at all."""
    if waiver.image in scope.names[:1]:
        return True
    # Another image may have the contents that it is for.
    return not remark and (waiver.digest is not None or waiver.package_set is not None)

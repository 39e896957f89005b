"""Packages that nothing needs, sorted into what a person would do about them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.terminal import count, size

_KIND_ORDER = ("build-tool", "development", "documentation")
_CONFIDENCE_ORDER = ("certain", "likely", "possible")


class SurplusHead(msgspec.Struct, frozen=True):
    """A package that a person would name, and those that go with it."""

    surplus: Surplus
    followers: tuple[Surplus, ...] = ()

    @property
    def installed_bytes(self) -> int:
        """Return what the package takes together with those that go with it."""
        return self.surplus.installed_bytes + sum(each.installed_bytes for each in self.followers)


class SurplusGroup(msgspec.Struct, frozen=True):
    """What one image of a chain brought; taking out what is inherited saves nothing here."""

    origin: str
    is_inherited: bool
    heads: tuple[SurplusHead, ...] = ()

    @property
    def installed_bytes(self) -> int:
        """Return what all packages of the group take."""
        return sum(head.installed_bytes for head in self.heads)


def surplus_groups(surplus: Sequence[Surplus]) -> tuple[SurplusGroup, ...]:
    """Return the packages by the image that brought them: this one's own first, then by name.

    In a group, build tools come first, then what is surest, then what takes most with what goes with it.
    """
    by_origin: defaultdict[tuple[bool, str], list[Surplus]] = defaultdict(list)
    for each in surplus:
        by_origin[each.is_inherited, each.origin].append(each)
    return tuple(
        SurplusGroup(origin, is_inherited, _heads(by_origin[is_inherited, origin]))
        for is_inherited, origin in sorted(by_origin)
    )


def _heads(members: Sequence[Surplus]) -> tuple[SurplusHead, ...]:
    goes_with = {str(each.package): each.goes_with for each in members}
    followers: defaultdict[str, list[Surplus]] = defaultdict(list)
    named: list[Surplus] = []
    for each in members:
        head = _head_of(each.package, goes_with)
        if head == each.package:
            named.append(each)
        else:
            followers[head].append(each)
    # Two architectures of a package share its name: what goes with it is told once.
    heads = [SurplusHead(each, tuple(followers.pop(each.package, ()))) for each in named]
    return tuple(sorted(heads, key=_urgency))


def _head_of(package: str, goes_with: dict[str, str]) -> str:
    """Return the package at the end of the way that `goes_with` leads; each in a circle is its own."""
    seen = [package]
    while (onward := goes_with[seen[-1]]) in goes_with:
        if onward in seen:
            return package if package in seen[seen.index(onward) :] else onward
        seen.append(onward)
    return seen[-1]


def _urgency(head: SurplusHead) -> tuple[int, int, int, str]:
    surplus = head.surplus
    return (
        _rank(_KIND_ORDER, surplus.kind),
        _rank(_CONFIDENCE_ORDER, surplus.confidence),
        -head.installed_bytes,
        surplus.package,
    )


def _rank(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else len(order)


def total_words(groups: Iterable[SurplusGroup]) -> str:
    """Say how many packages nothing needs, what they take, and how much of that can be saved here."""
    known = tuple(groups)
    members = sum(1 + len(head.followers) for group in known for head in group.heads)
    total = sum(group.installed_bytes for group in known)
    here = sum(group.installed_bytes for group in known if not group.is_inherited)
    saved = "" if here == total else f", of which {size(here)} can be saved in this image"
    return f"{count(members, 'package')}, {size(total)}{saved}"


def group_words(group: SurplusGroup) -> str:
    """Say which image brought a group, and so where it can be taken out."""
    if group.is_inherited:
        return f"inherited from {group.origin}, {size(group.installed_bytes)}: only a change there saves it"
    return f"brought by {group.origin} itself, {size(group.installed_bytes)}"


def nothing_surplus(report: DepsReport) -> str:
    """Say that nothing is surplus, as far as was looked; empty where something is, or where nobody looked."""
    if report.surplus or not report.is_surplus_known:
        return ""
    if any(gap.what.startswith("surplus of ") for gap in report.gaps):
        return "Nothing is known to be surplus, and not all could be looked at (see below)."
    return "Nothing that is installed is surplus."


def conditions(surplus: Surplus) -> list[str]:
    """Say what speaks for keeping a package, where the build uses it, and what to name in its place."""
    said = [f"but {surplus.doubt}"] if surplus.doubt else []
    if surplus.built_with:
        said.append(f"the build uses it: {surplus.built_with}; a stage of its own can have it")
    if surplus.instead:
        said.append(f"came with it and is needed, so name it instead: {', '.join(surplus.instead)}")
    return said


def followers_words(head: SurplusHead) -> str:
    """Say how many packages go with one, and what they take; empty where none does."""
    if not head.followers:
        return ""
    more = size(sum(each.installed_bytes for each in head.followers))
    return f"and {count(len(head.followers), 'package')} that {_goes(len(head.followers))} with it, {more}"


def _goes(number: int) -> str:
    return "goes" if number == 1 else "go"

"""What is to be said of a proposal, in the same words in every format for people."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin, apt_instruction
from fleet_audit.audit.model.apt import (
    AptPlan,
    OtherPlan,
    Placement,
    PlannedPackage,
    Remedy,
    Share,
    Verification,
)
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.reports.terminal import count, size

MAX_NAMED = 8


class Remedies(msgspec.Struct, frozen=True):
    """The remedies of a plan: those that beat its packages or meet what has none, and other ways."""

    better: tuple[Remedy, ...] = ()
    other: tuple[Remedy, ...] = ()


def sort_remedies(plan: AptPlan) -> Remedies:
    """Tell the remedies to read before the packages from those that only would do as well.

    A remedy beats installing where the image gets smaller by it, and where it meets a need that no package
    of the plan answers. The largest saving comes first.
    """
    answered = plan.suppliers().keys() | plan.inherited().keys()
    ranked = sorted(plan.remedies, key=lambda remedy: (-(remedy.saved_bytes or 0), remedy.id))
    better = [r for r in ranked if (r.saved_bytes or 0) > 0 or not answered.issuperset(r.needs)]
    return Remedies(tuple(better), tuple(remedy for remedy in ranked if remedy not in better))


def remedies_title(remedies: Collection[Remedy]) -> str:
    """Return a heading for the remedies that come first: only what surely saves bytes beats installing."""
    saving = [remedy for remedy in remedies if (remedy.saved_bytes or 0) > 0]
    if not saving:
        return "Without packages"
    is_sure = any(remedy.confidence != Confidence.POSSIBLE for remedy in saving)
    return "Better than installing" if is_sure else "Perhaps better than installing"


def remedy_gain(remedy: Remedy, plan: AptPlan) -> str:
    """Say what a remedy saves, with the sizes on both sides where it takes the place of the whole plan."""
    saved = remedy.saved_bytes
    if saved is None:
        return "what it saves is not known" if plan.suppliers().keys() & set(remedy.needs) else ""
    gain = f"saves {size(saved)}" if saved >= 0 else f"costs {size(-saved)} more"
    if not plan.packages or not plan.suppliers().keys() <= set(remedy.needs):
        return gain
    grown = plan.installed_bytes - saved
    own = f"adds {size(grown)}" if grown >= 0 else f"makes the image {size(-grown)} smaller"
    return f"{gain}: it {own}, the packages below add {size(plan.installed_bytes)}"


def plan_size(plan: AptPlan) -> str:
    """Say how many packages come with a plan and what they take, or what else it consists of."""
    if not plan.packages:
        return _without_packages(plan)
    total = f"{count(len(plan.packages), 'package')}, {size(plan.installed_bytes)} installed"
    return f"{total}, {size(plan.download_bytes)} to download"


def _without_packages(plan: AptPlan) -> str:
    shares = plan.inherited().values()
    if families := sorted({share.family for share in shares if share.roots}):
        return f"comes with the addition to {', '.join(families)}"
    if families := sorted({share.family for share in shares}):
        return f"nothing to add: build this image anew on {', '.join(families)}"
    is_changed = any(place.patch for place in places(plan.placement))
    return "nothing to add" + (": the patch takes out what nothing needs" if is_changed else "")


def standing(plan: AptPlan) -> str:
    """Say by what it is proved that no smaller addition would do, or why that is not so, if that is known."""
    return f"nothing smaller would do (proved: {_proof(plan)})" if plan.is_optimal else plan.certificate


def _proof(plan: AptPlan) -> str:
    if plan.certificate:
        return plan.certificate
    choices = sum(step.is_choice for step in plan.steps)
    parts = [(len(plan.steps) - choices, "forced step"), (choices, "choice")]
    return ", ".join(count(number, word) for number, word in parts if number)


def apt_alone(plan: AptPlan) -> str:
    """Say what apt would take if it were left to choose, and how that differs; empty where it does not."""
    other = plan.apt_default
    if other is None:
        return ""
    more = other.installed_bytes - plan.installed_bytes
    compared = f" ({size(abs(more))} {'more' if more > 0 else 'less'})" if more else ""
    planned = {f"{package.name}={package.version}" for package in plan.packages}
    extra = _names(pin for pin in other.packages if pin not in planned)
    spared = _names(planned.difference(other.packages))
    change = f": {_some(extra)}" if extra else ""
    change += f"{' in place of ' if extra else ': without '}{_some(spared)}" if spared else ""
    return f"apt alone would take {_plan_of(other)}{compared}{change}"


def another(other: OtherPlan) -> str:
    """Say what another plan takes, and why it is not the one that is proposed."""
    why = f": {other.why_not}" if other.why_not else ""
    return f"{_plan_of(other)}, {size(other.download_bytes)} to download{why}"


def _plan_of(other: OtherPlan) -> str:
    return f"{count(len(other.packages), 'package')}, {size(other.installed_bytes)} installed"


def _names(pins: Iterable[str]) -> list[str]:
    return sorted(pin.partition("=")[0] for pin in pins)


def _some(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def share_words(share: Share) -> str:
    """Say which packages a family's image gets, for whom, and what another place for them would mean."""
    names = _some(_names(share.roots))
    whom = f", for {_some(sorted(share.for_families))}" if share.for_families else ""
    why = f": {share.why}" if share.why else ""
    if not (share.is_option or share.roots):
        return f"in {share.family}: {_some(sorted(share.needs))}{why}"
    if not share.is_option:
        return f"in {share.family}: {names}, {size(share.installed_bytes)}{whom}{why}"
    each = f" instead of {size(share.separate_bytes)} apart" if share.separate_bytes else ""
    borne = f"; {_some(sorted(share.carried_by))} would carry it without need" if share.carried_by else ""
    return f"could stand in {share.family}: {names}, {size(share.installed_bytes)}{each}{whom}{borne}{why}"


def verified(verification: Verification) -> str:
    """Say what came of installing the plan into a throw-away copy of the image."""
    how = f" ({verification.how})" if verification.how else ""
    if verification.outcome == "refused":
        return f"not verified: {verification.why or 'it could not be tried'}"
    counted = f"{count(len(verification.installed), 'package')} installed in a throw-away copy{how}"
    if verification.outcome == "verified":
        loaded = f"; these load there: {_some(verification.loaded)}" if verification.loaded else ""
        return f"verified: {counted}{loaded}"
    return f"verification failed{how}" + (f": {verification.why}" if verification.why else "")


def places(place: Placement) -> Iterator[Placement]:
    """Yield every Dockerfile that an addition stands in, this image's own first."""
    yield place
    for other in place.also:
        yield from places(other)


def told_places(plan: AptPlan) -> Iterator[Placement]:
    """Yield the places of a plan of which something is to be said; its own only where something happens."""
    for place in places(plan.placement):
        is_own = place is plan.placement
        if not is_own or plan.packages or place.patch or outcome(place):
            yield place


def outcome(place: Placement) -> str:
    """Say whether a patch was applied, where that was asked for, or why there is none; else nothing."""
    if place.is_written:
        return f"written to {place.dockerfile.path if place.dockerfile else ''}: build the image anew"
    if place.is_written is False:
        return f"nothing was written: {place.why_not_written}"
    return f"no patch: {place.why_no_patch}" if place.why_no_patch else ""


def lines_to_add(plan: AptPlan) -> list[str]:
    """Return what to write into a Dockerfile; nothing where a name would not be safe there."""
    if plan.instructions:
        return plan.instructions.splitlines()
    if not plan.roots:
        return []
    try:
        return apt_instruction(plan.roots).splitlines()
    except UnsafePin:
        # The placement says so, as the reason why there is no patch.
        return []


def unnamed(others: Collection[PlannedPackage]) -> str:
    """Say how many packages come along, what they take, and how many of them only become newer."""
    upgrades = sum(bool(package.replaces) for package in others)
    newer = f", {upgrades} of them {'an upgrade' if upgrades == 1 else 'upgrades'}" if upgrades else ""
    installed = size(sum(package.installed_bytes for package in others))
    return f"and {count(len(others), 'dependency', 'dependencies')}, {installed}{newer}"


def split_by_name(plan: AptPlan) -> tuple[list[PlannedPackage], list[PlannedPackage]]:
    """Return the packages of a plan that are to be named, and those that come with them."""
    named: list[PlannedPackage] = []
    others: list[PlannedPackage] = []
    for package in plan.packages:
        is_named = package.is_root or f"{package.name}={package.version}" in plan.roots
        (named if is_named else others).append(package)
    return named, others


def use_of(package: PlannedPackage, plan: AptPlan) -> tuple[str, ...]:
    """Return the needs that a package to be named answers; none where it is named to steer apt."""
    steers = f"{package.name}={package.version}" in plan.steering
    return package.supplies or (() if steers else package.because[:1])


def pinned(package: PlannedPackage) -> str:
    """Return a package as it is typed, and which version it takes the place of."""
    pin = f"{package.name}={package.version}"
    return f"{pin} (from {package.replaces})" if package.replaces else pin


STEERING = "named so that apt chooses as planned"

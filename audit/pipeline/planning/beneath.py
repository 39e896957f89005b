"""What of an image's missing needs comes with additions to the families that it is built on."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.model.apt import AptPlan, Placement, Share
from fleet_audit.audit.model.need import Need
from fleet_audit.audit.pipeline.planning.listed import shipping_packages

OWN = "its own services need them"
STALE = "its image has them already, and this image is not built on it as it is now: build this one anew"


class Addition(msgspec.Struct, frozen=True):
    """What is known of a family beneath: its own part of its plan, and what its image is known to have.

    `present` are needs that its image answers, told only where the image above is not built on it as it is
    now.
    """

    family: str
    plan: AptPlan = AptPlan()
    present: frozenset[str] = frozenset()


class Beneath(msgspec.Struct, frozen=True):
    """The families with services that an image is built on, nearest first; `notes` say what is not known."""

    additions: tuple[Addition, ...] = ()
    notes: tuple[str, ...] = ()


class Inherited(msgspec.Struct, frozen=True):
    """What an image gets from beneath: as shares and additions, the lowest family first."""

    shares: tuple[Share, ...] = ()
    additions: tuple[Addition, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """Return the needs that are answered so."""
        return frozenset(need for share in self.shares for need in share.needs)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Return the Dockerfiles that are changed for it."""
        return tuple(place for each in self.additions for place in _flat(each.plan.placement))


def inherited(
    family: str, missing: Sequence[Need], beneath: Beneath, index: ArchiveIndex | None
) -> Inherited:
    """Return which needs of a family's image come with the nearest addition beneath that answers them.

    Such an addition stands as a whole, on those that its own family inherits in its turn: what is planned
    further is planned upon them. Additions that answer none of the needs take no part.
    """
    present: dict[str, list[str]] = {}
    answers: dict[str, dict[str, tuple[str, ...]]] = {}
    for need in missing:
        for each in beneath.additions:
            if need.subject in each.present:
                present.setdefault(each.family, []).append(need.subject)
                break
            if packages := _answer(each.plan, need, index):
                answers.setdefault(each.family, {})[need.subject] = packages
                break
    additions = _upon(answers, beneath.additions)
    shares = [
        _stale(each.family, present[each.family]) for each in beneath.additions if each.family in present
    ]
    shares += [_share(each, family, answers.get(each.family, {})) for each in additions]
    return Inherited(tuple(shares), additions)


def _upon(answering: Collection[str], additions: Sequence[Addition]) -> tuple[Addition, ...]:
    """Return the answering additions and those that they stand on, the lowest first."""
    taken = set(answering)
    for each in additions:
        if each.family in taken:
            taken.update(share.family for share in each.plan.shares if share.roots and not share.is_option)
    return tuple(each for each in reversed(additions) if each.family in taken)


def _answer(plan: AptPlan, need: Need, index: ArchiveIndex | None) -> tuple[str, ...]:
    """Return the packages of a plan that answer a need, those that it was made for first of all."""
    if direct := plan.suppliers().get(need.subject):
        return direct
    shipping = shipping_packages(need, index)
    return tuple(f"{each.name}={each.version}" for each in plan.packages if each.name in shipping)


def _share(addition: Addition, family: str, needs: Mapping[str, tuple[str, ...]]) -> Share:
    return Share(
        family=addition.family,
        roots=addition.plan.roots,
        installed_bytes=addition.plan.installed_bytes,
        for_families=(addition.family, family) if needs else (addition.family,),
        why=OWN,
        needs=dict(sorted(needs.items())),
    )


def own_share(family: str, plan: AptPlan) -> Share:
    """Return the part of an addition that is the family's own, where another part comes from beneath."""
    return Share(
        family=family,
        roots=plan.roots,
        installed_bytes=plan.installed_bytes,
        for_families=(family,),
        why="no family beneath needs them for its own services" if plan.roots else "",
        needs=plan.suppliers(),
    )


def _stale(family: str, needs: Iterable[str]) -> Share:
    return Share(family=family, why=STALE, needs=dict.fromkeys(sorted(needs), ()))


def _flat(place: Placement) -> Iterable[Placement]:
    """Return a family's own placements, without those of the families beneath it."""
    own = [msgspec.structs.replace(place, also=())]
    own += (each for each in place.also if each.family == place.family)
    return (each for each in own if each.patch or each.why_no_patch)

"""A plan without proof, for where the exact search came to no end: one provider after the other."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from fleet_audit.audit.apt.planning.apt_model import Apt
from fleet_audit.audit.apt.planning.closure import Closure

Options = Mapping[str, Sequence[str]]
"""For each need the packages of which one has to come."""


def first_come(options: Options, apt: Apt) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return a provider for each need that can be supplied beside the rest, and why others cannot.

    Needs with one provider come first; of several, one that comes anyway, else the smallest addition.
    """
    chosen: dict[str, str] = {}
    for need in sorted(options, key=lambda need: (len(options[need]) > 1, need)):
        so_far = apt.closure(chosen.values())
        chosen[need] = min(options[need], key=lambda name: _cost(name, chosen, so_far, apt))
    return _without_impossible(chosen, apt)


def _cost(name: str, chosen: Mapping[str, str], so_far: Closure, apt: Apt) -> tuple[bool, bool, int, str]:
    with_it = apt.closure((*chosen.values(), name))
    worse = len(with_it.unmet) > len(so_far.unmet)
    return (worse, name not in so_far.names, with_it.installed_bytes - so_far.installed_bytes, name)


def _without_impossible(chosen: dict[str, str], apt: Apt) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Leave out, one at a time, what would make apt-get refuse all of it."""
    left_out: list[tuple[str, str]] = []
    while unmet := apt.closure(chosen.values()).unmet:
        complete = apt.closure(chosen.values())
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for item in unmet:
            root = (*complete.chain_to(item.package), item.package)[0]
            reasons[root].append(f"{item.package} {item.why}")
        # An unmet clause may belong to an installed package; then whatever was chosen first goes.
        worst = min(set(reasons) & set(chosen.values()), default=min(chosen.values()))
        why = "; ".join(sorted(set(reasons[worst]))) or "; ".join(f"{u.package} {u.why}" for u in unmet)
        left_out += [(need, why) for need, name in sorted(chosen.items()) if name == worst]
        chosen = {need: name for need, name in chosen.items() if name != worst}
    return chosen, left_out

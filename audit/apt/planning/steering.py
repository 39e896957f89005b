"""What has to be typed so that apt chooses the packages that were planned."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations, islice

Follow = Callable[[Iterable[str]], frozenset[str] | None]
"""What apt would install, told to install these; None where it would not."""

Rivals = Mapping[str, frozenset[str]]
"""For packages that are planned, those that would have answered the same dependency."""

_MAX_TRIALS = 64


def steering(
    roots: frozenset[str], planned: frozenset[str], rivals: Rivals, follow: Follow
) -> tuple[str, ...] | None:
    """Return the fewest names with which apt, told `roots` and them, takes exactly `planned`.

    Worth naming are the packages of `planned` that stand in for one that apt takes by itself, or that it
    leaves out although others stand in for them. Where they do not do, or are too many for every combination
    to be tried, names are taken away from all that apt leaves out for as long as the rest does. None where
    even all would not do.
    """
    by_itself = follow(roots)
    if by_itself == planned:
        return ()
    left_out = planned - (by_itself or frozenset()) - roots
    surplus = frozenset().union(*rivals.values()) if by_itself is None else by_itself - planned
    worth = [name for name in rivals if name in left_out or rivals[name] & surplus]
    for trial in islice(_smallest_first(sorted(set(worth) - roots)), _MAX_TRIALS):
        if follow(roots | set(trial)) == planned:
            return trial
    return _irreducible(roots, planned, left_out, follow)


def _smallest_first(names: list[str]) -> Iterator[tuple[str, ...]]:
    for count in range(1, len(names) + 1):
        yield from combinations(names, count)


def _irreducible(
    roots: frozenset[str], planned: frozenset[str], left_out: frozenset[str], follow: Follow
) -> tuple[str, ...] | None:
    names = next((n for n in (left_out, planned - roots) if follow(roots | n) == planned), None)
    if names is None:
        return None
    for name in sorted(names):
        if follow(roots | names - {name}) == planned:
            names -= {name}
    return tuple(sorted(names))

"""What has to be typed so that apt chooses the packages that were planned."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import comb

Brings = Callable[[Iterable[str], frozenset[str]], bool]
"""Whether apt, told to install some packages, would bring exactly others."""

Rivals = Mapping[str, frozenset[str]]
"""For packages that are planned, those that would have answered the same dependency."""

_MAX_TRIALS = 64
"""Up to how many combinations are tried one by one; each asks what apt would do."""

_FIRST_PARTS = 8
"""In how many parts names are taken away at first, before one is taken at a time."""


def steering(
    roots: frozenset[str],
    planned: frozenset[str],
    by_itself: frozenset[str] | None,
    rivals: Rivals,
    brings: Brings,
) -> tuple[str, ...] | None:
    """Return the fewest names with which apt, told `roots` and them, takes exactly `planned`.

    `by_itself` is what it takes told `roots` alone, None where it would not. Worth naming are the packages of
    `planned` that stand in for one of these, or that it leaves out although others stand in for them. Where
    they do not do, or are too many for every combination to be tried, names are taken away from them, or from
    all that apt leaves out, for as long as the rest does. None where even all would not do.
    """
    if by_itself == planned:
        return ()

    def does(names: Iterable[str]) -> bool:
        return brings(roots.union(names), planned)

    left_out = planned - (by_itself or frozenset()) - roots
    surplus = frozenset().union(*rivals.values()) if by_itself is None else by_itself - planned
    worth = {name for name in rivals if name in left_out or rivals[name] & surplus} - roots
    least = _irreducible(sorted(worth), does) if does(worth) else None
    # Where it takes all of them, nothing is left to be tried.
    most = len(worth) if least is None else len(least) - 1
    for trial in _smallest_first(sorted(worth), most) if least is None or len(least) < len(worth) else ():
        if does(trial):
            return trial
    if least is not None:
        return least
    enough = next((names for names in (left_out, planned - roots) if does(names)), None)
    return None if enough is None else _irreducible(sorted(enough), does)


def _smallest_first(names: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    """Yield all combinations of one name, of two, and so on up to `most`, as far as they are few."""
    left = _MAX_TRIALS
    for count in range(1, most + 1):
        left -= comb(len(names), count)
        if left < 0:
            break
        yield from combinations(names, count)


def _irreducible(names: Sequence[str], does: Callable[[Iterable[str]], bool]) -> tuple[str, ...]:
    """Return names of which none can be taken away; many at a time first, as mostly few have to stay.

    Of those that can stand in for one another, the first ones stay.
    """
    kept = list(names)
    size = max(len(kept) // _FIRST_PARTS, 1)
    end = len(kept)
    while end > 0:
        rest = kept[: max(end - size, 0)] + kept[end:]
        kept = rest if does(rest) else kept
        end -= size
        if end <= 0 and size > 1:
            end, size = len(kept), size // 2
    return tuple(kept)

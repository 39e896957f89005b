"""What has to be typed so that apt chooses the packages that were planned."""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

Follow = Callable[[Iterable[str]], frozenset[str] | None]
"""What apt would install, told to install these; None where it would not."""

_MAX_TOGETHER = 2
_MAX_TRIALS = 150


def steering(roots: frozenset[str], planned: frozenset[str], follow: Follow) -> tuple[str, ...] | None:
    """Return the fewest names of `planned` with which apt, told `roots` and them, takes exactly `planned`.

    None where it would not even if all were named. Only what apt leaves out by itself is worth naming; where
    no one or two of those do, names are taken away from all of them as long as the rest does.
    """
    by_itself = follow(roots)
    if by_itself == planned:
        return ()
    left_out = sorted(planned - (by_itself or frozenset()) - roots)
    for trial in _few(left_out):
        if follow(roots | set(trial)) == planned:
            return trial
    return _irreducible(roots, planned, left_out or sorted(planned - roots), follow)


def _few(names: list[str]) -> Iterator[tuple[str, ...]]:
    trials = 0
    for count in range(1, _MAX_TOGETHER + 1):
        for trial in combinations(names, count):
            trials += 1
            if trials > _MAX_TRIALS:
                return
            yield trial


def _irreducible(
    roots: frozenset[str], planned: frozenset[str], names: list[str], follow: Follow
) -> tuple[str, ...] | None:
    if follow(roots | set(names)) != planned:
        names = sorted(planned - roots)
        if follow(roots | set(names)) != planned:
            return None
    for name in tuple(names):
        rest = [other for other in names if other != name]
        if follow(roots | set(rest)) == planned:
            names = rest
    return tuple(names)

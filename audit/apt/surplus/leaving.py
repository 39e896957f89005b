"""What a person takes out so that all that is unneeded goes, and what has to be named in its place."""

from collections.abc import Collection, Iterable

import msgspec

from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.model.identity import PackageName


class Leaving(msgspec.Struct, frozen=True):
    """How a set of packages leaves an image.

    `goes_with` gives, for each that came as a dependency, the one whose removal lets it go; `roots` are the
    others. `instead` are packages that stay and came only with a root: whoever no longer installs the root
    has to install them by name.
    """

    roots: tuple[PackageName, ...]
    goes_with: dict[PackageName, PackageName]
    instead: dict[PackageName, tuple[PackageName, ...]]


def leaving(
    dependencies: Dependencies, kept: Collection[PackageName], named: Collection[PackageName]
) -> Leaving:
    """Say how what is installed and not `kept` leaves; `named` are the packages that were asked for by name.

    Those of the base image count as asked for, too.
    """
    gone = frozenset(dependencies.records) - frozenset(kept)
    roots = [name for name in sorted(gone) if name in named]
    # What came because apt installs what is recommended goes like what came as a dependency.
    found = dependencies.reach(roots, gone, with_recommended=True)
    loose = _tops(dependencies, gone - found.keys())
    roots = sorted([*roots, *loose])
    reached = dependencies.reach(roots, gone, with_recommended=True)
    goes_with = {name: root for name, root in reached.items() if name != root}
    return Leaving(tuple(roots), goes_with, _instead(dependencies, frozenset(kept), frozenset(named), roots))


def _instead(
    dependencies: Dependencies,
    kept: frozenset[PackageName],
    named: frozenset[PackageName],
    roots: Iterable[PackageName],
) -> dict[PackageName, tuple[PackageName, ...]]:
    before = dependencies.reach(roots, frozenset(dependencies.records), with_recommended=True)
    # Whether the next build installs what is recommended is not known.
    after = dependencies.reach(named & kept, kept)
    lost = kept & before.keys() - after.keys()
    replaced: dict[PackageName, tuple[PackageName, ...]] = {}
    for name in _tops(dependencies, lost):
        root = before[name]
        replaced[root] = (*replaced.get(root, ()), name)
    return replaced


def _tops(dependencies: Dependencies, names: frozenset[PackageName]) -> list[PackageName]:
    """Return the fewest packages, by name where it is open, with which all of `names` come."""
    wanted = {answer for name in names for answer in dependencies.chosen(name, names)}
    tops = [name for name in sorted(names) if name not in wanted]
    left = set(names).difference(dependencies.reach(tops, names))
    for name in sorted(left):
        if name in left:  # what is left depends on itself in circles
            tops.append(name)
            left.difference_update(dependencies.reach([name], left))
    return sorted(tops)

"""What no package of a suite ships although another suite does: the verdict on it, and the way out."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from fleet_audit.audit.model.apt import Unsatisfied

Shipping = Callable[[str], tuple[tuple[str, tuple[str, ...]], ...]]
"""Returns the suites that ship a soname, oldest first, each with its packages."""

_SONAME = "so:"


def with_other_suites(
    unsatisfied: Iterable[Unsatisfied], codename: str, shipping: Shipping
) -> Iterator[Unsatisfied]:
    """Yield what is unsatisfied; where other suites ship the library and this one does not, with their names.

    A library that this suite ships as well is unsatisfied for another reason, and left as it is.
    """
    for each in unsatisfied:
        found = shipping(each.need.removeprefix(_SONAME)) if each.need.startswith(_SONAME) else ()
        if not found or any(suite == codename for suite, _ in found):
            yield each
            continue
        where = ", ".join(f"{suite} has it in {' or '.join(packages)}" for suite, packages in found)
        way = "take a build for this suite of what asks for it, or build the image on that one"
        yield msgspec.structs.replace(each, verdict=f"{each.verdict}; {where}: {way}")

"""Which required distributions nothing uses: no import, no command that runs, no plugin of another's."""

import re
from collections.abc import Iterable, Set

from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.static_imports.distributions.distributions import Distributions

SERVERS = frozenset({"daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "uwsgi", "waitress-serve"})
"""Commands that start what an entry ``module:attribute`` names (PEP 3333, ASGI)."""


def unused(
    required: Iterable[DistributionName],
    used: Set[DistributionName],
    known: Distributions | None,
    *,
    commands: Set[str],
    is_start_known: bool,
) -> tuple[DistributionName, ...]:
    """Return the required distributions that nothing uses, sorted; `used` are those that imports reach.

    `commands` are the words of every command line that is known to run. Not unused is what brings one of
    them, what offers plugins to a distribution that is used, or to one that cannot be told, and what
    another one that is not unused requires. Unless `is_start_known`, what starts the service may be a
    distribution with a command of its own name.
    """
    names = set(required)
    left = {name for name in names if name not in used}
    left -= {name for name in left if _is_run(name, known, commands, is_start_known=is_start_known)}
    kept = (names - left) | set(used)
    needed: set[DistributionName] = set()
    fresh = set(kept)
    # What offers plugins to something that is kept is kept, and so is what is required by it, and so on.
    while fresh and known is not None:
        needed |= {need for name in fresh for need in _requires(name, known)}
        fresh = {name for name in left if name in needed or _serves(name, kept, known)}
        kept |= fresh
        left -= fresh
    return tuple(sorted(left))


def _requires(name: DistributionName, known: Distributions) -> tuple[DistributionName, ...]:
    found = known.installed.get(name)
    return () if found is None else found.requires


def _is_run(
    name: DistributionName, known: Distributions | None, commands: Set[str], *, is_start_known: bool
) -> bool:
    if name in commands:
        return True
    brought = frozenset[str]() if known is None else known.commands(name)
    return not brought.isdisjoint(commands) or (not is_start_known and name in brought)


def _serves(name: DistributionName, kept: Set[DistributionName], known: Distributions) -> bool:
    """Say whether a distribution offers plugins that a kept one reads, or that nobody can be told to read."""
    groups = {entry.group for entry in known.entry_points(name) if not entry.is_command}
    return any(_is_read(group, kept, known) for group in groups)


def _is_read(group: str, kept: Set[DistributionName], known: Distributions) -> bool:
    """Say whether a group of plugins is one that a kept distribution reads, or that nobody known reads."""
    readers = {name for name in known.installed if _is_named_for(group, name)}
    return not readers or not readers.isdisjoint(kept)


def _is_named_for(group: str, name: DistributionName) -> bool:
    # By custom a group begins with its reader's name: ``sqlalchemy.dialects``, ``pytest11``.
    plain = re.sub(r"[-_.]+", "-", group.lower())
    return re.fullmatch(rf"{re.escape(name)}(?:\d+|-.*)?", plain) is not None

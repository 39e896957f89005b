"""Which known module a name may have been meant for, by its spelling alone."""

from collections.abc import Iterable

from fleet_audit.audit.model.identity import ModuleName

ALIKE = 0.8
"""How alike two names must be to be taken for a slip of the hand (``difflib`` ratio, 0 to 1)."""

MOST = 3
_SHORTEST = 4
"""Shorter names are like too many others."""

_LONGEST = 60


def meant(module: ModuleName, known: Iterable[str]) -> tuple[ModuleName, ...]:
    """Return the top-level names among `known` that are spelled most like that of `module`, nearest first.

    Small and capital letters, and ``-`` and ``_``, count as alike. Empty for names that are known, very short
    or very long, and where none is near: a guess is worth less than silence.
    """
    top = module.partition(".")[0]
    names = sorted(name for name in known if "." not in name and len(name) >= _SHORTEST)
    if top in names or not _SHORTEST <= len(top) <= _LONGEST:
        return ()
    import difflib  # noqa: PLC0415  (few runs have a name to ask about)

    written = _plain(top)
    # A slip seldom hits the first letter or changes the length by much; ordinary words are alike beyond that.
    plain = {_plain(name): name for name in names if _begins_alike(_plain(name), written)}
    near = difflib.get_close_matches(written, plain, n=MOST, cutoff=ALIKE)
    return tuple(ModuleName(plain[name]) for name in near)


def _begins_alike(name: str, written: str) -> bool:
    return name[0] == written[0] and abs(len(name) - len(written)) <= 1


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")

"""What speaks for keeping a package that nothing is known to need."""

from collections.abc import Iterable

import msgspec

from fleet_audit.audit.model.finding import Confidence


class Doubt(msgspec.Struct, frozen=True, order=True):
    """A reason, and how sure one can still be at most that nothing needs the package.

    `is_own` where it is none on what brought the package: who did not ask for it may do without.
    """

    confidence: Confidence
    why: str
    is_own: bool = False


def confidence_of(doubts: Iterable[Doubt]) -> Confidence:
    """Return how sure one can be beside all doubts."""
    return max((doubt.confidence for doubt in doubts), key=rank, default=Confidence.CERTAIN)


def gravest(doubts: Iterable[Doubt], number: int) -> tuple[str, ...]:
    """Return the reasons of the gravest doubts, without repeating one."""
    in_order = sorted(set(doubts), key=lambda doubt: (-rank(doubt.confidence), doubt.why))
    return tuple(doubt.why for doubt in in_order[:number])


def rank(confidence: Confidence) -> int:
    """Return 0 for certain to 2 for possible."""
    return list(Confidence).index(confidence)

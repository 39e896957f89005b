"""How bad an advisory is: what each source says, and which of them counts."""

from collections.abc import Iterable, Mapping, Sequence

from fleet_audit.audit.model.advisories import Rating
from fleet_audit.audit.tools.trivy import TrivyCvss, TrivyVulnerability

SEVERITIES = ("unknown", "low", "medium", "high", "critical")
"""From what nobody rated to the worst; trivy's numbers are the places in this row."""

GENERAL_SOURCES = ("nvd", "ghsa")
"""Whose word counts where the distribution has none, in this order."""


def rank(severity: str) -> int:
    """Return 0 for unknown to 4 for critical; what is none of them is unknown."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def ratings_of(vulnerability: TrivyVulnerability) -> tuple[Rating, ...]:
    """Return what every source says, sorted by source."""
    severities = vulnerability.vendor_severity or {}
    scores = vulnerability.cvss or {}
    return tuple(
        _rating(source, severities.get(source, 0), scores.get(source))
        for source in sorted({*severities, *scores})
    )


def decisive(
    ratings: Iterable[Rating], distribution: str = "", preferred: Sequence[str] = ()
) -> Rating | None:
    """Return the rating that counts: the distribution's, else NVD's, else GitHub's, else the first by name.

    Sources that are `preferred` go before all of these, in their order. Whoever ships a package knows how it
    is built and whether the fault is in it. A source that has not rated it is passed over; None where none
    has.
    """
    rated = {each.source: each for each in ratings if rank(each.severity)}
    in_order = (*preferred, distribution, *GENERAL_SOURCES, *sorted(rated))
    return next((rated[source] for source in in_order if source in rated), None)


def worst_first(ratings: Iterable[Rating]) -> tuple[Rating, ...]:
    """Return one rating for each source, the worst that it gives, sorted by source."""
    found: dict[str, Rating] = {}
    for each in ratings:
        known = found.get(each.source)
        if known is None or _grade(each) > _grade(known):
            found[each.source] = each
    return tuple(found[source] for source in sorted(found))


def _grade(rating: Rating) -> tuple[int, float, str]:
    return (rank(rating.severity), rating.score or 0.0, rating.vector)


def _rating(source: str, level: int, cvss: TrivyCvss | None) -> Rating:
    severity = SEVERITIES[level] if 0 <= level < len(SEVERITIES) else SEVERITIES[0]
    score, vector = _newest(cvss or TrivyCvss())
    return Rating(source, severity, score, vector)


def _newest(cvss: TrivyCvss) -> tuple[float | None, str]:
    """Return the score and vector of the newest version of CVSS that the source uses."""
    versions: Mapping[str, tuple[float | None, str]] = {
        "4": (cvss.v4_score, cvss.v4_vector),
        "3": (cvss.v3_score, cvss.v3_vector),
        "2": (cvss.v2_score, cvss.v2_vector),
    }
    return next(((score, vector) for score, vector in versions.values() if score is not None), (None, ""))

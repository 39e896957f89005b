"""What is known of advisories from files beside the scanner: EPSS, known exploited ones, VEX."""

from collections.abc import Sequence

import msgspec

from fleet_audit.audit.model.advisories import Advisory
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.vulns.scores import Epss, Kev, parse_epss, parse_kev
from fleet_audit.audit.vulns.vex import Statement, parse_vex, statements_on

_MAX_NAMED = 5


class Given(msgspec.Struct, frozen=True):
    """The files that the user gives, each as its name and bytes; none of them is fetched."""

    epss: tuple[str, bytes] | None = None
    kev: tuple[str, bytes] | None = None
    vex: tuple[tuple[str, bytes], ...] = ()


class Known(msgspec.Struct, frozen=True):
    """What these files say."""

    epss: Epss | None = None
    kev: Kev | None = None
    statements: tuple[Statement, ...] = ()

    @property
    def tools(self) -> tuple[ToolUse, ...]:
        """Return what a report rests on besides the scanner, with its day."""
        found = []
        if self.epss is not None:
            found.append(ToolUse("EPSS", self.epss.model, self.epss.date))
        if self.kev is not None:
            found.append(ToolUse("KEV", "", self.kev.date))
        return tuple(found)


NOTHING = Known()


class Annotated(msgspec.Struct, frozen=True):
    """The advisories with what is known of them, and remarks for the reader."""

    advisories: tuple[Advisory, ...]
    notes: tuple[str, ...] = ()


def known_of(given: Given) -> Known:
    """Return what files say; raises InputUnreadable."""
    return Known(
        None if given.epss is None else parse_epss(*given.epss),
        None if given.kev is None else parse_kev(*given.kev),
        tuple(statement for name, body in given.vex for statement in parse_vex(name, body)),
    )


def annotated(advisories: Sequence[Advisory], known: Known, subject: Sequence[str]) -> Annotated:
    """Return advisories with what is known of them; nothing is left out, and statements without use are told.

    `subject` are the names and digests of the image.
    """
    told: list[Advisory] = []
    used: set[Statement] = set()
    for advisory in advisories:
        statements = statements_on(advisory, known.statements, canonical_purl, subject)
        used.update(statements)
        told.append(_with(advisory, known, statements))
    unused = [each for each in dict.fromkeys(known.statements) if each not in used]
    return Annotated(tuple(told), _notes(unused))


def _with(advisory: Advisory, known: Known, statements: Sequence[Statement]) -> Advisory:
    score, percentile = (known.epss.scores.get(advisory.id) if known.epss else None) or (None, None)
    return msgspec.structs.replace(
        advisory,
        epss=score,
        epss_percentile=percentile,
        is_exploited=None if known.kev is None else advisory.id in known.kev.added,
        vex=tuple(statement.said for statement in statements),
    )


def _notes(unused: Sequence[Statement]) -> tuple[str, ...]:
    if not unused:
        return ()
    named = [f"{each.names[0] if each.names else '(no name)'} in {each.said.source}" for each in unused]
    more = f" and {len(named) - _MAX_NAMED} more" if len(named) > _MAX_NAMED else ""
    words = "VEX statement holds" if len(named) == 1 else "VEX statements hold"
    return (f"{len(named)} {words} for nothing that was found: {', '.join(named[:_MAX_NAMED])}{more}",)

"""What a relationship field (Depends, Provides, Conflicts …) asks for (deb-control(5), Debian policy 7)."""

import re
from functools import lru_cache

import msgspec

_RELATION = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9+._-]*)"  # name; archives hold a few that policy forbids
    r"(?::([a-z0-9-]+))?"
    r"(?: ?\( ?(<<|<=|>=|>>|=|<|>) ?([^\s()<>=]+) ?\))?"
)


class Relation(msgspec.Struct, frozen=True, gc=False):
    """One package that is asked for: any version where `operator` is empty.

    `architecture` is the qualifier after the colon (``any``, ``native``, an architecture), mostly empty.
    """

    name: str
    operator: str = ""
    version: str = ""
    architecture: str = ""

    def __str__(self) -> str:
        """Return the relation as a control file writes it."""
        qualified = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{qualified} ({self.operator} {self.version})" if self.operator else qualified


Clause = tuple[Relation, ...]
"""Alternatives, any of which will do; in the order of the field, which is the maintainer's preference."""


@lru_cache(maxsize=16384)
def parse_relations(field: str) -> tuple[Clause, ...]:
    """Return the clauses of a relationship field; each holds at least one alternative.

    An alternative that is not well-formed is left out, and so is a clause that has no other.
    """
    clauses = (_clause(text) for text in field.split(","))
    return tuple(clause for clause in clauses if clause)


def clause_text(clause: Clause) -> str:
    """Return the clause as a control file writes it."""
    return " | ".join(map(str, clause))


def _clause(text: str) -> Clause:
    parsed = (_relation(alternative) for alternative in text.split("|"))
    return tuple(relation for relation in parsed if relation is not None)


def _relation(text: str) -> Relation | None:
    # Blanks are made single first, so that the expression has nothing to try in many ways.
    match = _RELATION.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    name, architecture, operator, version = match.groups(default="")
    return Relation(name, operator, version, architecture)

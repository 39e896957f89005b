"""Which answer to a problem is the cheapest one.

Unit propagation settles what has no alternative; what nobody asks for is false; what is left falls into
independent parts, and only those go to the solver for integer programs, which is loaded when the first of
them does.
"""

from fleet_audit.audit.apt.solving.problem import Optimum, Problem, check
from fleet_audit.audit.apt.solving.propagation import propagate
from fleet_audit.audit.apt.solving.reduction import independent, open_clauses, wanted

SECONDS = 20.0
"""What a search may take unless its caller says otherwise; real ones take hundredths."""


def optimum(problem: Problem, *, seconds: float = SECONDS) -> Optimum | None:
    """Return the cheapest answer to `problem`; None where no assignment meets every clause.

    Raises SolverGaveUp where a proof takes longer than `seconds`, for each independent part, or numbers are
    too large for one; ValueError for a problem that is not well-formed.
    """
    check(problem)
    settled = propagate(problem.clauses)
    if settled.conflict is not None:
        return None
    left = open_clauses(problem.clauses, settled.literals)
    asked = wanted(left)
    # A clause with a variable that is false for want of interest holds by it, or has lost nothing.
    left = [clause for clause in left if all(abs(literal) in asked for literal in clause)]
    true = set(settled.true)
    for part in independent(left):
        chosen = _search(part, problem, seconds)
        if chosen is None:
            return None
        true |= chosen
    return Optimum(frozenset(true), problem.cost_of(true), forced=settled.true, searched=len(asked))


def _search(part: tuple[tuple[int, ...], ...], problem: Problem, seconds: float) -> frozenset[int] | None:
    from fleet_audit.audit.apt.solving.integer_program import (  # noqa: PLC0415  (100 ms; only a choice pays it)
        cheapest,
    )

    return cheapest(part, problem.costs, levels=problem.levels, seconds=seconds)

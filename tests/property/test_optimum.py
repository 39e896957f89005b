"""Laws of exact answers, held against trying everything."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.apt.solving.problem import Cost, Problem
from fleet_audit.audit.apt.solving.propagation import propagate
from tests.support.laws import examples

VARIABLES = range(1, 9)

literals = st.builds(
    lambda variable, sign: variable * sign, st.sampled_from(VARIABLES), st.sampled_from((1, -1))
)
clauses = st.lists(st.lists(literals, min_size=1, max_size=4).map(tuple), max_size=14).map(tuple)
costs = st.fixed_dictionaries(
    {variable: st.tuples(st.integers(0, 4), st.integers(0, 10**7)) for variable in VARIABLES}
)


def answers(problem: Problem) -> list[frozenset[int]]:
    every = (
        frozenset(variable for variable, is_true in zip(VARIABLES, row, strict=True) if is_true)
        for row in product((False, True), repeat=len(VARIABLES))
    )
    return [
        true
        for true in every
        if all(
            any((literal > 0) == (abs(literal) in true) for literal in clause) for clause in problem.clauses
        )
    ]


@examples(200)
@given(clauses, costs)
def test_no_answer_is_cheaper_than_the_one_that_is_given(
    clauses: tuple[tuple[int, ...], ...], costs: dict[int, Cost]
) -> None:
    problem = Problem(clauses, costs)

    found = optimum(problem)

    possible = answers(problem)
    assert (found is None) == (not possible)
    if found is not None:
        assert found.true in possible
        assert found.cost == problem.cost_of(found.true) == min(map(problem.cost_of, possible))
        assert all(found.forced <= answer for answer in possible)


@examples(100)
@given(clauses)
def test_what_propagation_says_holds_in_every_answer(clauses: tuple[tuple[int, ...], ...]) -> None:
    found = propagate(clauses)

    possible = answers(Problem(clauses, {}))
    if found.conflict is not None:
        assert not possible
    else:
        assert all(
            (literal > 0) == (abs(literal) in answer) for answer in possible for literal in found.literals
        )

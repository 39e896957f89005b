import pytest

from fleet_audit.audit.apt.solving.integer_program import cheapest
from fleet_audit.audit.apt.solving.optimum import optimum
from fleet_audit.audit.apt.solving.problem import Optimum, Problem, SolverGaveUp


def solved(*clauses: tuple[int, ...], **costs: tuple[int, ...]) -> Optimum | None:
    return optimum(Problem(clauses, {int(name.removeprefix("x")): cost for name, cost in costs.items()}))


def test_of_two_ways_the_cheaper_one_is_taken() -> None:
    assert solved((1, 2), x1=(5,), x2=(4,)) == Optimum(frozenset({2}), (4,), frozenset(), 2)


def test_what_a_choice_brings_along_is_paid_for() -> None:
    answer = solved((1, 2), (-2, 3), x1=(5,), x2=(4,), x3=(2,))

    assert answer is not None
    assert answer.true == {1}


def test_a_shared_consequence_is_paid_for_once() -> None:
    # Each need alone would take the cheaper 1 and 3; both together are cheapest with what 2 and 4 share.
    answer = solved((1, 2), (3, 4), (-2, 5), (-4, 5), x1=(6,), x2=(0,), x3=(6,), x4=(0,), x5=(10,))

    assert answer is not None
    assert answer.true == {2, 4, 5}
    assert answer.cost == (10,)


def test_what_follows_without_a_choice_is_called_forced() -> None:
    answer = solved((1,), (-1, 2), (3, 4), x1=(1,), x2=(1,), x3=(1,), x4=(2,))

    assert answer == Optimum(frozenset({1, 2, 3}), (3,), frozenset({1, 2}), 2)


def test_an_earlier_level_outweighs_all_later_ones() -> None:
    answer = solved((1, 2), x1=(1, 10**15), x2=(2, 0))

    assert answer is not None
    assert answer.true == {1}


def test_a_later_level_decides_between_equals() -> None:
    answer = solved((1, 2), x1=(7, 3, 0), x2=(7, 2, 9))

    assert answer is not None
    assert answer.cost == (7, 2, 9)


def test_large_costs_are_compared_exactly() -> None:
    answer = solved((1, 2), x1=(2**51 + 1,), x2=(2**51,))

    assert answer is not None
    assert answer.true == {2}


def test_costs_beyond_what_a_double_holds_are_no_proof() -> None:
    with pytest.raises(SolverGaveUp, match="too large"):
        solved((1, 2), x1=(2**53 + 1,), x2=(2**53,))


def test_nothing_is_true_for_its_own_sake() -> None:
    assert solved((-1, 2), (-2, -3)) == Optimum(frozenset(), ())


@pytest.mark.parametrize(
    "clauses",
    [
        ((1,), (-1,)),
        ((),),
        ((1, 2), (-1, 2), (1, -2), (-1, -2)),
        ((1, 2), (3, 4), (-3, 5), (-4, 5), (-5, 6), (-6,)),
    ],
)
def test_clauses_that_exclude_one_another_have_no_answer(clauses: tuple[tuple[int, ...], ...]) -> None:
    assert solved(*clauses) is None


def test_a_clause_that_always_holds_asks_for_nothing() -> None:
    assert solved((1, -1, 2), (-2, 2), x1=(1,), x2=(1,)) == Optimum(frozenset(), (0,))


def test_a_choice_between_free_variables_is_made() -> None:
    answer = solved((1, 2), (-1, -2))

    assert answer is not None
    assert len(answer.true) == 1


def test_a_proof_that_takes_too_long_is_no_answer() -> None:
    clauses = tuple((a, b) for a in range(1, 30) for b in range(a + 1, 30))

    with pytest.raises(SolverGaveUp, match="Time limit"):
        cheapest(clauses, {v: (v,) for v in range(1, 30)}, levels=1, seconds=0.0)


@pytest.mark.parametrize("cost", [(-1,), (1, 2)])
def test_costs_are_not_negative_and_equally_long(cost: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="costs"):
        optimum(Problem(((1, 2),), {1: (1,), 2: cost}))


def test_zero_is_no_literal() -> None:
    with pytest.raises(ValueError, match="0"):
        optimum(Problem(((0, 1),), {}))

from fleet_audit.audit.apt.solving.propagation import propagate


def test_a_chain_is_followed_to_its_end_and_each_step_has_its_clause() -> None:
    found = propagate([(-2, 3), (1,), (-1, 2)])

    assert found.literals == (1, 2, 3)
    assert found.reasons == {1: 1, 2: 2, 3: 0}


def test_an_alternative_that_is_ruled_out_leaves_the_other() -> None:
    assert propagate([(1,), (-1, 2, 3), (-1, -2)]).literals == (1, -2, 3)


def test_an_open_choice_is_left_open() -> None:
    assert propagate([(1,), (-1, 2, 3)]).literals == (1,)


def test_a_clause_that_cannot_hold_is_named() -> None:
    assert propagate([(1,), (-1, 2), (-2, -1)]).conflict == 2


def test_a_literal_that_a_clause_repeats_counts_once() -> None:
    assert propagate([(4, 4)]).literals == (4,)

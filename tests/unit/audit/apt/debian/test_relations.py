import pytest

from fleet_audit.audit.apt.debian.relations import Relation, clause_text, parse_relations


def test_clauses_alternatives_versions_and_qualifiers_are_read() -> None:
    clauses = parse_relations("libc6 (>= 2.36), default-mta | mail-transport-agent,\n python3:any (<< 3.12)")

    assert clauses == (
        (Relation("libc6", ">=", "2.36"),),
        (Relation("default-mta"), Relation("mail-transport-agent")),
        (Relation("python3", "<<", "3.12", "any"),),
    )


@pytest.mark.parametrize("text", ["", ",", " , ,", "(>= 1)", "a b", "a (~ 1)", "a (>= )"])
def test_what_is_no_relation_is_left_out(text: str) -> None:
    assert parse_relations(text) == ()


def test_a_clause_keeps_its_well_formed_alternatives() -> None:
    assert parse_relations("a (>= | b") == ((Relation("b"),),)


def test_a_clause_is_written_as_it_was_read() -> None:
    (clause,) = parse_relations("a:any(>=1)|b")

    assert clause_text(clause) == "a:any (>= 1) | b"

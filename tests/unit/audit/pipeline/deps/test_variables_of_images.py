"""An image's variables are those of its programs, but for what no program can be given."""

from fleet_audit.audit.pipeline.deps.trial import usable_variables


def test_variables_are_taken_as_they_are() -> None:
    own = {"PATH": "/opt/bin:/bin", "LD_LIBRARY_PATH": "/opt/lib", "EMPTY": "", "A": "b=c", "Ä": "ö"}

    assert usable_variables(own) == own


def test_what_no_program_can_be_given_is_left_out() -> None:
    odd = {"": "x", "A=B": "x", "C\0": "x", "D": "x\0", "E": "\ud800", "F": "kept"}

    assert usable_variables(odd) == {"F": "kept"}

"""Libraries that only other suites ship."""

from fleet_audit.audit.model.apt import Unsatisfied
from fleet_audit.audit.pipeline.planning.other_suites import with_other_suites

SHIPPED = {
    "libffi.so.7": (("bullseye", ("libffi7",)),),
    "libz.so.1": (("bullseye", ("zlib1g",)), ("bookworm", ("zlib1g",))),
}


def verdict(need: str, codename: str = "bookworm") -> str:
    told = with_other_suites([Unsatisfied(need, "no")], codename, lambda name: SHIPPED.get(name, ()))
    (found,) = told
    return found.verdict


def test_a_library_of_an_older_suite_is_told_with_its_package() -> None:
    assert verdict("so:libffi.so.7").startswith("no; bullseye has it in libffi7: ")


def test_a_library_that_this_suite_ships_too_is_left_as_it_is() -> None:
    assert verdict("so:libz.so.1") == "no"
    assert verdict("so:libffi.so.7", "bullseye") == "no"


def test_what_no_suite_ships_and_programs_are_left_as_they_are() -> None:
    assert verdict("so:libacme.so.1") == "no"
    assert verdict("bin:libffi.so.7") == "no"

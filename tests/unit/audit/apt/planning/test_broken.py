from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.broken import refusals
from tests.support.archives import packages, stanza
from tests.support.status import status_of
from tests.support.trees import tree


def complaints(*installed: str) -> list[str]:
    state = InstalledState.read(tree({"/var/lib/dpkg/status": status_of(packages(*installed))}))
    assert state is not None
    return [gap.why for gap in refusals(state, "amd64")]


def test_a_dependency_that_nothing_installed_meets_is_told() -> None:
    (why,) = complaints(stanza("app", Depends="lib (>= 2) | other"), stanza("lib", "1"))

    assert "app depends on lib (>= 2) | other, which is not installed" in why
    assert "apt-get refuses to install anything" in why


def test_what_depends_on_what_is_there_or_provided_is_left_alone() -> None:
    provider = stanza("provider", Provides="virtual (= 2)")

    assert complaints(stanza("app", Depends="virtual (>= 2), lib"), stanza("lib"), provider) == []


def test_packages_that_refuse_one_another_are_told() -> None:
    (why,) = complaints(stanza("app", Breaks="lib (<< 2)"), stanza("lib", "1"))

    assert "app refuses lib (<< 2), and lib is there" in why
    assert complaints(stanza("app", Breaks="lib (<< 2)"), stanza("lib", "2")) == []


def test_of_very_many_the_first_few_are_named_and_the_rest_is_counted() -> None:
    (why,) = complaints(*(stanza(f"app{number}", Depends="lib") for number in range(10)))

    assert why.count("depends on lib") == 3
    assert "and 7 more" in why

from fleet_audit.audit.apt.debian.packages import PackageTable, candidates
from fleet_audit.audit.apt.debian.relations import Relation, parse_relations
from tests.support.archives import offered, packages, stanza


def satisfying(table: PackageTable, relation: str) -> list[str]:
    ((asked,),) = parse_relations(relation)
    return [package.name for package in table.satisfying(asked)]


def test_sizes_are_bytes() -> None:
    (package,) = packages(stanza("a", kib=3))

    assert (package.installed_bytes, package.download_bytes) == (3 * 1024, 900)


def test_a_size_that_is_no_number_counts_as_nothing() -> None:
    (package,) = packages(stanza("a", Installed_Size="many", Size="-1"))

    assert (package.installed_bytes, package.download_bytes) == (0, 0)


def test_the_source_is_that_of_the_field_or_the_package_itself() -> None:
    a, b, c = packages(stanza("a", "2"), stanza("b", "2", Source="x"), stanza("c", "2", Source="x (1)"))

    assert [p.built_from for p in (a, b, c)] == [("a", "2"), ("x", "2"), ("x", "1")]


def test_a_name_or_version_that_a_shell_might_obey_is_passed_over() -> None:
    read = packages(stanza("a; id"), stanza("b", "1$(id)"), stanza("-c"), stanza("libstdc++6", "1:2~3+b1-4"))

    assert [package.name for package in read] == ["libstdc++6"]


def test_the_candidate_is_the_newest_version() -> None:
    newest = candidates(packages(stanza("a", "1.9"), stanza("a", "1.10"), stanza("a", "1.10~rc1")))

    assert newest["a"].version == "1.10"


def test_a_package_answers_its_own_name_in_the_right_version() -> None:
    table = offered(stanza("a", "2"))

    assert satisfying(table, "a (>= 2)") == ["a"]
    assert satisfying(table, "a (>> 2)") == []


def test_providers_answer_after_the_package_itself_in_order_of_priority() -> None:
    table = offered(
        stanza("mta", Priority="optional"),
        stanza("a", Provides="mta", Priority="optional"),
        stanza("b", Provides="mta", Priority="important"),
        stanza("c", Provides="x, mta", Essential="yes"),
    )

    assert satisfying(table, "mta") == ["mta", "c", "b", "a"]


def test_a_versioned_relation_wants_a_versioned_provides() -> None:
    table = offered(stanza("a", Provides="v"), stanza("b", Provides="v (= 2)"))

    assert satisfying(table, "v (>= 2)") == ["b"]
    assert satisfying(table, "v (>= 3)") == []
    assert satisfying(table, "v") == ["a", "b"]


def test_nobody_answers_an_unknown_name() -> None:
    assert offered().satisfying(Relation("nobody")) == ()

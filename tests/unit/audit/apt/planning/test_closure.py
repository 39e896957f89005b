from fleet_audit.audit.apt.debian.packages import PackageTable
from fleet_audit.audit.apt.planning.closure import Closure, Unmet, closure
from fleet_audit.audit.model.identity import PackageName
from tests.support.archives import offered, packages, stanza


def install(table: PackageTable, *roots: str, upon: tuple[str, ...] = (), by_source: bool = False) -> Closure:
    return closure(
        table,
        [PackageName(root) for root in roots],
        installed=packages(*upon),
        upgrades_by_source=by_source,
    )


def test_dependencies_come_along_and_say_why() -> None:
    table = offered(stanza("a", Depends="b"), stanza("b", Pre_Depends="c (>= 1)"), stanza("c"), stanza("d"))

    added = install(table, "a")

    assert added.names == {"a", "b", "c"}
    assert added.chain_to(PackageName("c")) == ("a", "b", "c")
    assert added.installed_bytes == 300 * 1024


def test_a_circle_of_dependencies_ends() -> None:
    table = offered(stanza("a", Depends="b"), stanza("b", Depends="a"))

    assert install(table, "a").names == {"a", "b"}


def test_what_is_installed_is_not_added() -> None:
    table = offered(stanza("a", Depends="b (>= 1)"), stanza("b"))

    assert install(table, "a", upon=(stanza("b"),)).names == {"a"}


def test_an_installed_package_is_upgraded_where_a_dependency_wants_it() -> None:
    table = offered(stanza("a", Depends="b (>= 2)"), stanza("b", "2"))

    added = install(table, "a", upon=(stanza("b", "1"),))

    assert [(c.package.pin, c.is_upgrade) for c in added.chosen] == [("a=1.0", False), ("b=2", True)]


def test_nothing_is_ever_downgraded() -> None:
    table = offered(stanza("a", Depends="b (<< 2)"), stanza("b", "1"))

    added = install(table, "a", upon=(stanza("b", "3"),))

    assert added.names == {"a"}
    assert added.unmet == (Unmet(PackageName("a"), "depends on b (<< 2), which the archive does not offer"),)


def test_the_first_alternative_is_taken() -> None:
    table = offered(stanza("a", Depends="c | b"), stanza("b"), stanza("c"))

    assert install(table, "a").names == {"a", "c"}


def test_an_alternative_that_is_there_is_enough() -> None:
    table = offered(stanza("a", Depends="c | b"), stanza("b"), stanza("c"))

    assert install(table, "a", upon=(stanza("b"),)).names == {"a"}
    assert install(table, "a", "b").names == {"a", "b"}


def test_an_alternative_that_the_archive_lacks_is_passed_over() -> None:
    table = offered(stanza("a", Depends="gone | c (>= 2) | b"), stanza("b"), stanza("c"))

    assert install(table, "a").names == {"a", "b"}


def test_an_alternative_in_conflict_is_passed_over_where_another_is_left() -> None:
    table = offered(
        stanza("a", Depends="b | c"),
        stanza("b", Conflicts="d"),
        stanza("c"),
        stanza("d"),
        stanza("e", Depends="b"),
    )

    assert install(table, "a", upon=(stanza("d"),)).names == {"a", "c"}
    assert install(table, "e", upon=(stanza("d"),)).unmet == (
        Unmet(PackageName("b"), "conflicts with d, and d 1.0 is there"),
    )


def test_a_package_may_conflict_with_what_it_provides() -> None:
    table = offered(stanza("a", Provides="mta", Conflicts="mta"))

    assert install(table, "a").unmet == ()


def test_an_installed_package_can_refuse_a_new_one() -> None:
    table = offered(stanza("a"))

    added = install(table, "a", upon=(stanza("b", Breaks="a (<< 2)"),))

    assert added.unmet == (Unmet(PackageName("a"), "is refused by b (Breaks: a (<< 2))"),)


def test_a_broken_installed_package_is_upgraded() -> None:
    table = offered(stanza("a", Breaks="b (<< 2)"), stanza("b", "2"))

    added = install(table, "a", upon=(stanza("b", "1"),))

    assert added.names == {"a", "b"}
    assert added.unmet == ()


def test_who_depends_on_an_exact_version_is_upgraded_with_it() -> None:
    table = offered(
        stanza("a", Depends="libx (>= 2)"), stanza("libx", "2"), stanza("libx-dev", "2", Depends="libx (= 2)")
    )

    added = install(table, "a", upon=(stanza("libx", "1"), stanza("libx-dev", "1", Depends="libx (= 1)")))

    assert added.names == {"a", "libx", "libx-dev"}
    assert added.unmet == ()


def test_a_virtual_package_is_answered_by_a_provider_that_is_there() -> None:
    table = offered(
        stanza("a", Depends="mta"), stanza("exim", Provides="mta"), stanza("postfix", Provides="mta")
    )

    assert install(table, "a").names == {"a", "exim"}
    assert install(table, "a", upon=(stanza("postfix", Provides="mta"),)).names == {"a"}


def test_a_provision_goes_with_the_version_that_made_it() -> None:
    table = offered(stanza("a", Depends="b (>= 2), v"), stanza("b", "2"))

    added = install(table, "a", upon=(stanza("b", "1", Provides="v"),))

    assert [unmet.why for unmet in added.unmet] == ["depends on v, which the archive does not offer"]


def test_what_was_built_together_is_upgraded_together_by_newer_versions_of_apt() -> None:
    table = offered(stanza("liba", "2", Source="src"), stanza("a-bin", "2", Source="src"), stanza("c", "2"))
    old = (stanza("a-bin", "1", Source="src"), stanza("c", "1"))

    assert install(table, "liba", upon=old).names == {"liba"}
    assert install(table, "liba", upon=old, by_source=True).names == {"liba", "a-bin"}


def test_a_root_that_is_installed_adds_nothing_and_an_old_one_is_upgraded() -> None:
    table = offered(stanza("a", "2"))

    assert install(table, "a", upon=(stanza("a", "2"),)).chosen == ()
    assert install(table, "a", upon=(stanza("a", "1"),)).names == {"a"}


def test_a_root_that_nobody_offers_is_unmet() -> None:
    assert install(offered(), "a").unmet == (Unmet(PackageName("a"), "is not in the archive"),)


def test_a_long_chain_of_dependencies_is_followed() -> None:
    table = offered(*(stanza(f"p{n}", Depends=f"p{n + 1}") for n in range(3000)), stanza("p3000"))

    assert len(install(table, "p0").chosen) == 3001


def test_an_installed_package_that_an_upgrade_would_break_is_told() -> None:
    table = offered(stanza("a", Depends="libx (>= 2)"), stanza("libx", "2"))

    added = install(table, "a", upon=(stanza("libx", "1"), stanza("local", "1", Depends="libx (= 1)")))

    assert added.unmet == (
        Unmet(PackageName("libx"), "would be upgraded, but the installed local depends on libx (= 1)"),
    )


def test_what_was_broken_before_is_not_held_against_the_addition() -> None:
    table = offered(stanza("a", Depends="libx (>= 2)"), stanza("libx", "2"))

    assert install(table, "a", upon=(stanza("libx", "1"), stanza("local", Depends="gone"))).unmet == ()


def test_a_held_package_is_not_upgraded() -> None:
    table = offered(stanza("a", Depends="libx (>= 2)"), stanza("libx", "2"))

    def held(root: str) -> Closure:
        installed = packages(stanza("libx", "1"))
        return closure(table, [PackageName(root)], installed=installed, held={"libx"})

    assert held("a").unmet == (Unmet(PackageName("a"), "depends on libx (>= 2), while libx is held"),)
    assert held("libx").unmet == (Unmet(PackageName("libx"), "is held at 1, so 2 cannot come"),)


def test_what_is_followed_first_decides_between_alternatives() -> None:
    table = offered(
        stanza("a", Depends="small"), stanza("b", Depends="usual | small"), stanza("small"), stanza("usual")
    )

    assert install(table, "a", "b").names == {"a", "b", "small"}
    assert install(table, "b", "a").names == {"a", "b", "small", "usual"}

"""How differences are said: the most important first, long lists cut, and nothing passed over in silence."""

from markdown_it import MarkdownIt

from fleet_audit.audit.model.difference import DiffReport
from fleet_audit.audit.pipeline.comparing.comparison import compared
from fleet_audit.reports.diff_groups import groups_of
from fleet_audit.reports.diff_markdown import diff_markdown
from fleet_audit.reports.diff_text import MAX_MINOR_ROWS, MAX_ROWS, diff_text
from fleet_audit.reports.diff_words import consequences, headline
from fleet_audit.reports.markdown import MAX_BYTES
from tests.support.differences import bundled, diff_report, finding, need, package, side
from tests.support.reports import OPTIONS

PILLOW = "pkg:pypi/pillow@11.0.0"


def titles(report: DiffReport) -> list[str]:
    return [group.title for group in groups_of(report)]


def test_what_services_miss_comes_before_everything_else() -> None:
    assert titles(diff_report())[:3] == [
        "Missing in B, and not in A",
        "Missing in A, and not in B",
        "Findings only in B",
    ]


def test_what_went_comes_before_what_came() -> None:
    found = titles(diff_report())

    assert found.index("Packages that went") < found.index("Packages that went down")
    assert found.index("Packages that went down") < found.index("Packages that came")


def test_the_headline_counts_what_became_of_packages() -> None:
    assert headline(diff_report()) == (
        "packages: 1 went, 1 came, 1 went up, 1 went down, 1 changed; 1 package the same"
    )
    assert consequences(diff_report()) == (
        "1 need newly missing, 1 need missing no more, 1 finding came, 1 finding went, "
        "1 advisory came, 1 advisory went"
    )


def test_nothing_differs_is_said_in_so_many_words() -> None:
    one = side(package(PILLOW))

    assert headline(compared(one, one)) == "nothing that was compared differs"
    assert consequences(compared(one, one)) == ""


def test_the_same_packages_in_another_place_are_the_same_package_set() -> None:
    report = compared(side(package(PILLOW), totals={"seen": 1}), side(package(PILLOW), totals={"seen": 2}))

    assert headline(report) == "both have the same package set"


def test_a_long_list_is_cut_and_says_by_how_much() -> None:
    after = side(*(package(f"pkg:pypi/p{number}@1") for number in range(MAX_ROWS + 3)))

    text = diff_text([compared(side(), after)], OPTIONS)

    assert "and 3 more (-o json lists them)" in text
    assert f"Packages that came ({MAX_ROWS + 3})" in text


def test_needs_that_are_met_on_the_side_that_has_them_are_few_lines() -> None:
    after = side(needs=tuple(need(f"lib{number}.so") for number in range(MAX_MINOR_ROWS + 2)))

    assert "and 2 more (-o json lists them)" in diff_text([compared(side(), after)], OPTIONS)


def test_libraries_of_a_package_that_came_are_one_line() -> None:
    libraries = [bundled(f"lib{number}", "1", PILLOW) for number in range(9)]

    (group,) = (
        group
        for group in groups_of(compared(side(), side(package(PILLOW), *libraries)))
        if group.title == "Libraries inside packages"
    )

    ((within, words, _, there),) = group.rows
    assert (within, there) == ("pypi pillow", "came with it")
    assert words.startswith("9 libraries: lib0")


def test_libraries_of_a_package_that_moved_are_told_one_by_one() -> None:
    newer = "pkg:pypi/pillow@11.1.0"
    before = side(package(PILLOW), bundled("libz", "1", PILLOW), bundled("libwebp", "1", PILLOW))
    after = side(package(newer), bundled("libz", "2", newer), bundled("libwebp", "2", newer))

    (group,) = (g for g in groups_of(compared(before, after)) if g.title == "Libraries inside packages")

    assert [row[1:] for row in group.rows] == [("libwebp", "1", "2"), ("libz", "1", "2")]


def test_a_need_that_no_archive_has_is_not_newly_missing() -> None:
    report = compared(side(needs=(need("a", "missing", "lazy"),)), side(needs=(need("a", "not-available"),)))

    assert titles(report) == ["Other needs"]


def test_a_finding_that_is_waived_now_is_of_another_grade() -> None:
    report = compared(side(findings=(finding("1"),)), side(findings=(finding("1", waived=True),)))

    ((_, grade, *_),) = groups_of(report)[0].rows
    assert grade == "error → error, waived"


def test_a_comment_stays_within_its_bounds() -> None:
    after = side(*(package(f"pkg:pypi/{'p' * 150}{number}@1", "x" * 300) for number in range(3_000)))

    text = diff_markdown([compared(side(), after)], OPTIONS)

    assert len(text.encode()) <= MAX_BYTES


def test_tables_keep_their_shape_for_any_name() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(diff_markdown([diff_report()], OPTIONS))

    width = 0
    cells = 0
    for token in tokens:
        if token.type == "table_open":
            width = 0
        elif token.type in ("th_open", "td_open"):
            cells += 1
        elif token.type == "tr_close":
            width = width or cells
            assert cells == width
            cells = 0

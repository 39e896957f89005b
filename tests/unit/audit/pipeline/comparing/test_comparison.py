"""How two sides differ: what both tell is compared, and what one cannot tell is named."""

import msgspec

from fleet_audit.audit.model.difference import Aspect, Change, DiffReport, Held, PackageChange
from fleet_audit.audit.model.finding import Gap, GapKind, Verdict
from fleet_audit.audit.model.inspection import LayerSize
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.pipeline.comparing.comparison import compared
from fleet_audit.audit.pipeline.comparing.side import NO_SCANNER, Provided, Setting
from tests.support.differences import TOOLS, advisory, bundled, finding, need, package, side

ZLIB = "pkg:deb/debian/zlib1g@1:1.2.13-1?arch=amd64"
PILLOW = "pkg:pypi/pillow@11.0.0"
OWN, SYFT = TOOLS


def only(changes: tuple[PackageChange, ...]) -> PackageChange:
    (one,) = changes
    return one


def why(report: DiffReport, aspect: str) -> tuple[str, str]:
    """Return why something was not compared."""
    (one,) = (each for each in report.not_compared if each.aspect == aspect)
    return one.why_before, one.why_after


def test_a_package_comes_goes_or_moves() -> None:
    before = side(package("pkg:deb/debian/curl@8.1-1"), package("pkg:deb/debian/a@1.9"), package(ZLIB))
    after = side(package("pkg:deb/debian/b@1"), package("pkg:deb/debian/a@1.10"), package(ZLIB))

    report = compared(before, after)

    assert [(each.name, each.change) for each in report.packages] == [
        ("a", Change.UP),
        ("b", Change.ADDED),
        ("curl", Change.REMOVED),
    ]
    assert report.same_packages == 1
    assert not report.is_same


def test_of_several_versions_at_once_those_of_both_sides_stay() -> None:
    before = side(package("pkg:npm/a@1"), package("pkg:npm/a@2"))
    after = side(package("pkg:npm/a@2"), package("pkg:npm/a@3"))

    change = only(compared(before, after).packages)

    assert (change.before, change.after, change.kept) == ((Held("1"),), (Held("3"),), (Held("2"),))


def test_another_version_beside_the_old_one_came() -> None:
    change = only(
        compared(side(package("pkg:npm/a@1")), side(package("pkg:npm/a@1"), package("pkg:npm/a@2"))).packages
    )

    assert change.change is Change.ADDED
    assert change.kept == (Held("1"),)


def test_one_architecture_of_a_package_goes_and_the_other_stays() -> None:
    both = [package(f"pkg:deb/debian/libc6@2.36-9?arch={name}") for name in ("amd64", "i386")]

    change = only(compared(side(*both), side(both[0])).packages)

    assert change.change is Change.REMOVED
    assert (change.before, change.kept) == ((Held("2.36-9", "i386"),), (Held("2.36-9", "amd64"),))


def test_packages_of_one_name_in_two_distributions_are_two() -> None:
    report = compared(side(package("pkg:deb/debian/curl@8")), side(package("pkg:deb/ubuntu/curl@8")))

    assert {each.change for each in report.packages} == {Change.ADDED, Change.REMOVED}


def test_the_same_packages_are_said_to_be_the_same_set() -> None:
    before = side(package(ZLIB), package(PILLOW), settings={"user": {"": Setting("0")}})
    after = side(package(PILLOW), package(ZLIB), settings={"user": {"": Setting("1")}})

    report = compared(before, after)

    assert report.is_same_package_set
    assert not report.is_same


def test_sides_without_packages_have_no_same_set() -> None:
    assert not compared(side(), side()).is_same_package_set


def test_an_image_that_was_not_read_whole_is_known_by_no_set_of_packages() -> None:
    report = compared(side(package(ZLIB)), side(package(ZLIB), is_whole=False))

    assert not report.is_same_package_set
    assert any(note.startswith("B could not be read as a whole") for note in report.notes)


def test_without_a_scanner_on_one_side_other_kinds_of_packages_are_not_called_gone() -> None:
    before = side(package(ZLIB), package("pkg:npm/left-pad@1"))
    after = side(package(ZLIB), tools=[OWN], silent={Aspect.OTHER_KINDS: NO_SCANNER})

    report = compared(before, after)

    assert report.packages == ()
    assert why(report, Aspect.OTHER_KINDS) == ("", NO_SCANNER)
    assert report.is_same_package_set


def test_programs_are_compared_where_the_same_tools_listed_them() -> None:
    old, new = package("pkg:generic/python@3.11.2"), package("pkg:generic/python@3.11.9")

    assert only(compared(side(old), side(new)).packages).change is Change.CHANGED
    report = compared(side(old), side(new, tools=[SYFT]))
    assert report.packages == ()
    assert Aspect.PROGRAMS not in report.compared


def test_scanners_that_differ_are_told() -> None:
    newer = [OWN, ToolUse("syft", "1.40.0")]

    (note,) = compared(side(package(ZLIB)), side(package(ZLIB), tools=newer)).notes

    assert "syft 1.18.1" in note
    assert "syft 1.40.0" in note
    assert compared(side(), side()).notes == ()


def test_a_library_in_a_wheel_that_moved_is_the_same_library() -> None:
    before = side(package(PILLOW), bundled("libwebp", "1.4.0", PILLOW))
    after = side(package("pkg:pypi/pillow@11.1.0"), bundled("libwebp", "1.5.0", "pkg:pypi/pillow@11.1.0"))

    change = only(compared(before, after).bundled)

    assert (change.before, change.after) == ((Held("1.4.0"),), (Held("1.5.0"),))
    assert change.within == "pkg:pypi/pillow"


def test_a_library_without_a_release_is_known_by_its_interface() -> None:
    old, new = bundled("libz", "", PILLOW, abi="1.2.13"), bundled("libz", "", PILLOW, abi="1.3.1")

    assert only(compared(side(old), side(new)).bundled).after == (Held("interface 1.3.1"),)
    assert compared(side(old), side(old)).bundled == ()


def test_licences_are_compared_of_packages_that_both_have() -> None:
    before = side(package(ZLIB, "Zlib"), package(PILLOW, "HPND"))
    after = side(
        package(ZLIB, "Zlib"), package("pkg:pypi/pillow@11.1.0", "MIT-CMU"), package("pkg:npm/a@1", "MIT")
    )

    (change,) = compared(before, after).licences

    assert (change.name, change.before, change.after) == ("pillow", ("HPND",), ("MIT-CMU",))


def test_licences_that_hold_together_are_the_same_however_they_are_written() -> None:
    before = side(package(ZLIB, "Zlib AND (MIT OR X11)"))
    after = side(package(ZLIB, "MIT OR X11", "Zlib"))

    assert compared(before, after).licences == ()
    assert compared(before, side(package(ZLIB, "Zlib OR (MIT AND X11)"))).licences != ()


def test_a_soname_that_went_names_who_still_asks_for_it() -> None:
    provided = {
        "libGL.so.1": Provided(("/usr/lib/libGL.so.1.7.0",)),
        "libz.so.1": Provided(("/usr/lib/libz.so.1",)),
    }
    asked = {"libGL.so.1": ("/app/cv2.so",), "libz.so.1": ("/app/cv2.so",)}

    (change,) = compared(
        side(sonames=provided), side(sonames={"libz.so.1": provided["libz.so.1"]}, asked=asked)
    ).sonames

    assert (change.soname, change.change, change.asked_by) == ("libGL.so.1", Change.REMOVED, ("/app/cv2.so",))


def test_a_soname_in_another_file_with_the_same_versions_is_no_difference() -> None:
    old, new = (
        Provided(("/usr/lib/libz.so.1.2.13",), ("ZLIB_1.2",)),
        Provided(("/usr/lib/libz.so.1.3",), ("ZLIB_1.2",)),
    )

    assert compared(side(sonames={"libz.so.1": old}), side(sonames={"libz.so.1": new})).sonames == ()


def test_symbol_versions_that_went_are_a_difference() -> None:
    old, new = (
        Provided(("/lib/libc.so.6",), ("GLIBC_2.36", "GLIBC_2.38")),
        Provided(("/lib/libc.so.6",), ("GLIBC_2.36",)),
    )

    (change,) = compared(side(sonames={"libc.so.6": old}), side(sonames={"libc.so.6": new})).sonames

    assert (change.versions_before, change.versions_after) == (("GLIBC_2.38",), ())


def test_settings_are_compared_in_the_groups_that_both_tell() -> None:
    before = side(settings={"user": {"": Setting("0")}, "environment": {"A": Setting("1")}})
    after = side(settings={"user": {}, "labels": {}})

    report = compared(before, after)

    (change,) = report.settings
    assert (change.group, change.before, change.after) == ("user", "0", None)
    assert why(report, "environment") == ("", "does not tell it")
    assert why(report, "labels") == ("does not tell it", "")


def test_another_secret_is_told_without_the_secret() -> None:
    old, new = ({"environment": {"TOKEN": Setting("********", each)}} for each in ("digest-1", "digest-2"))

    (change,) = compared(side(settings=old), side(settings=new)).settings

    assert (change.before, change.after) == ("********", "********")
    assert compared(side(settings=old), side(settings=old)).settings == ()


def test_a_need_that_is_missing_now_is_a_difference_and_one_that_no_archive_has_was_missing_before() -> None:
    before = side(needs=(need("libz.so.1"), need("libGL.so.1", "missing"), need("libc.so.6")))
    after = side(needs=(need("libz.so.1", "missing"), need("libGL.so.1", "not-available"), need("libc.so.6")))

    (change,) = compared(before, after).needs

    assert change.subject == "soname libz.so.1"


def test_findings_are_known_by_their_fingerprint() -> None:
    report = compared(
        side(findings=(finding("1"), finding("2"), finding("3"))),
        side(findings=(finding("3"), finding("2", waived=True), finding("4"))),
    )

    assert [(each.before is None, each.after is None) for each in report.findings_changed] == [
        (False, True),
        (False, False),
        (True, False),
    ]


def test_layers_are_known_by_their_diff_ids_wherever_they_lie() -> None:
    low, old, new = (LayerSize(size, diff_id=name) for size, name in ((9, "low"), (5, "old"), (7, "new")))

    report = compared(side(layers=(low, old)), side(layers=(new, low)))

    assert report.shared_layers == 1
    assert [(each.diff_id, each.is_added) for each in report.layers] == [("old", False), ("new", True)]


def test_the_greatest_difference_of_sizes_comes_first() -> None:
    before = side(package_bytes={"a": 10, "b": 5, "c": 7})
    after = side(package_bytes={"a": 12, "d": 4, "c": 7})

    sizes = compared(before, after).package_sizes

    assert [(each.what, each.growth) for each in sizes] == [("b", -5), ("d", 4), ("a", 2)]


def test_totals_are_told_where_both_know_them() -> None:
    report = compared(side(totals={"stored": 5, "seen": 3}), side(totals={"stored": 5}))

    assert [(each.what, each.growth) for each in report.totals] == [("stored", 0)]
    assert report.is_same


def test_what_a_side_cannot_tell_is_not_compared() -> None:
    cannot = dict.fromkeys(Aspect, "it is not there")
    full = side(
        package(ZLIB, "Zlib"),
        bundled("libz", "1", PILLOW),
        sonames={"libz.so.1": Provided(("/libz",))},
        needs=(need("libz.so.1"),),
        findings=(finding("1"),),
        package_bytes={"a": 1},
        layers=(LayerSize(1, diff_id="low"),),
    )

    report = compared(full, side(silent=cannot))

    assert report.is_same
    assert report.compared == ()
    assert {each.aspect for each in report.not_compared} == set(Aspect)


def test_gaps_make_it_incomplete_and_differences_never_fail_it() -> None:
    gap = Gap("images", GapKind.UNREADABLE_LAYER, "sha256:ab", "is cut off")

    assert compared(side(findings=(finding("1"),)), side()).verdict is Verdict.PASS
    report = compared(side(), side(gaps=(gap,)))
    assert report.verdict is Verdict.INCOMPLETE
    assert report.gaps_by_side == (("B", gap),)


def test_advisories_are_known_by_their_number_and_package() -> None:
    same = advisory("CVE-2024-1")
    before = side(advisories=(same, advisory("CVE-2024-2"), advisory("CVE-2024-3")))
    after = side(advisories=(same, advisory("CVE-2024-2", reach="reached"), advisory("CVE-2024-4")))

    changes = compared(before, after).advisories

    assert [(each.before is None, each.after is None) for each in changes] == [
        (False, False),
        (False, True),
        (True, False),
    ]


def test_a_newer_version_that_mends_an_advisory_is_no_difference_of_the_images() -> None:
    before, after = (
        side(advisories=(advisory("CVE-2024-1", "high", "2"),)),
        side(advisories=(advisory("CVE-2024-1", "high", "3"),)),
    )

    assert compared(before, after).advisories == ()


def test_findings_that_different_commands_judged_are_not_compared() -> None:
    report = compared(side(findings=(finding("1"),)), msgspec.structs.replace(side(), judged_by="gate"))

    assert report.findings_changed == ()
    assert why(report, Aspect.FINDINGS) == ("those of deps", "those of gate")

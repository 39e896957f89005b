"""The proposal of deps for a terminal."""

import re

import msgspec
import pytest

from fleet_audit.audit.model.apt import AptPlan, Hint, Placement, Remedy, Share, Verification
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.deps_text import deps_text
from fleet_audit.reports.proposal_words import (
    MAX_NAMED,
    apt_alone,
    remedy_gain,
    sort_remedies,
    standing,
    verified,
)
from tests.support.proposals import AUDIO_DOCKERFILE, PATCH, audio_plan
from tests.support.reports import OPTIONS, clean_report, deps_report, planned_report


def text(report: DepsReport, width: int = 100) -> str:
    return deps_text([report], msgspec.structs.replace(OPTIONS, width=width))


def with_plan(**changes: object) -> DepsReport:
    return msgspec.structs.replace(
        planned_report(), proposal=msgspec.structs.replace(audio_plan(), **changes)
    )


def with_place(**changes: object) -> DepsReport:
    return with_plan(placement=msgspec.structs.replace(audio_plan().placement, **changes))


def remedy(saved: int | None, *needs: str, name: str = "r") -> Remedy:
    return Remedy(name, needs, f"do {name}", saved_bytes=saved)


def test_a_proof_is_told_in_few_words_with_the_command_that_shows_it() -> None:
    shown = text(planned_report())

    assert "✓ nothing smaller would do (proved: 2 forced steps, 1 choice)" in shown
    assert "the proof:  fleet-audit explain package:libjack0 --family family-audio" in shown


def test_without_words_of_its_own_a_proof_is_told_by_its_steps() -> None:
    plan = msgspec.structs.replace(audio_plan(), certificate="")

    assert standing(plan) == "nothing smaller would do (proved: 2 forced steps, 1 choice)"
    assert standing(msgspec.structs.replace(plan, steps=plan.steps[:1])).endswith("(proved: 1 forced step)")


def test_no_proof_is_told_where_none_was_made() -> None:
    shown = text(with_plan(is_optimal=False, certificate="", steps=()))

    assert "nothing smaller" not in shown
    assert "proof" not in shown


def test_where_less_would_do_the_reason_why_it_is_not_proposed_is_told() -> None:
    shown = text(with_plan(is_optimal=False, certificate="the smallest is not proposed: it saves 1 kB"))

    assert "· the smallest is not proposed: it saves 1 kB" in shown
    assert "✓ nothing smaller" not in shown


def test_a_name_that_only_steers_apt_is_marked_and_answers_no_need() -> None:
    shown = text(planned_report())

    (row,) = [line for line in shown.splitlines() if line.startswith(" libjack0=")]
    assert "named so that apt chooses as planned" in row
    (need,) = [line for line in shown.splitlines() if "✗  so:libportaudio.so.2" in line]
    assert need.endswith("libportaudio2=19.6.0-1.2")


def test_an_upgrade_names_the_version_that_it_takes_the_place_of() -> None:
    plan = audio_plan()
    newer = tuple(msgspec.structs.replace(package, replaces="1.0") for package in plan.packages)

    shown = text(with_plan(packages=newer), width=160)

    assert "libportaudio2=19.6.0-1.2 (from 1.0)" in shown
    assert "and 1 dependency, 1.4 MB, 1 of them an upgrade" in shown
    assert "upgrade" not in text(planned_report())


def test_what_apt_alone_would_take_stands_beside_with_the_difference() -> None:
    assert apt_alone(audio_plan()) == (
        "apt alone would take 4 packages, 4.5 MB installed (2.6 MB more): libdb5.3, libjack-jackd2-0 "
        "in place of libjack0"
    )
    assert "apt alone" not in text(with_plan(apt_default=None))


def test_a_long_difference_is_named_in_part_and_counted() -> None:
    plan = audio_plan()
    assert plan.apt_default is not None
    many = msgspec.structs.replace(
        plan.apt_default, packages=tuple(f"x{n:02}=1" for n in range(MAX_NAMED + 3))
    )

    words = apt_alone(msgspec.structs.replace(plan, apt_default=many))

    assert "x07 and 3 more in place of" in words


def test_what_beats_installing_stands_before_the_packages_with_sizes_on_both_sides() -> None:
    shown = text(planned_report())

    assert shown.index("sounddevice-bundled==0.5.1") < shown.index("Proposal")
    for part in (
        "saves 1.5 MB: it adds 400.0 kB, the packages below add 1.9 MB",
        "(likely)",
        "services/speech/requirements.txt:2",
        "no call of sounddevice.hostapi is reachable from SpeechAgent",
    ):
        assert part in shown


def test_a_remedy_that_makes_the_image_smaller_than_it_was_says_so() -> None:
    words = remedy_gain(remedy(2100000, "so:libportaudio.so.2"), audio_plan())

    assert words == "saves 2.1 MB: it makes the image 200.0 kB smaller, the packages below add 1.9 MB"


def test_sizes_of_both_sides_are_told_only_where_a_remedy_replaces_the_whole_plan() -> None:
    assert remedy_gain(remedy(1000, "so:other.so.1"), audio_plan()) == "saves 1.0 kB"
    assert remedy_gain(remedy(-1000, "so:other.so.1"), audio_plan()) == "costs 1.0 kB more"


def test_a_remedy_comes_first_where_it_saves_or_no_package_helps_and_last_elsewhere() -> None:
    supplied = "so:libportaudio.so.2"
    small, large = remedy(10, supplied, name="small"), remedy(20, supplied, name="large")
    unknown, only = remedy(None, supplied, name="unknown"), remedy(None, "so:libssl.so.1.1", name="only")
    costly = remedy(-5, supplied, name="costly")
    plan = msgspec.structs.replace(audio_plan(), remedies=(unknown, small, costly, only, large))

    found = sort_remedies(plan)

    assert [each.id for each in found.better] == ["large", "small", "only"]
    assert [each.id for each in found.other] == ["unknown", "costly"]
    shown = text(with_plan(remedies=plan.remedies))
    assert shown.index("do only") < shown.index("Proposal") < shown.index("do unknown")


def test_what_is_only_possible_is_not_called_better() -> None:
    possible = msgspec.structs.replace(remedy(10, "so:libportaudio.so.2"), confidence="possible")

    assert "Perhaps better than installing\n" in text(with_plan(remedies=(possible,)))
    assert "Perhaps" not in text(with_plan(remedies=(possible, remedy(5, "so:libportaudio.so.2"))))


def test_a_way_out_is_shown_where_no_package_helps_at_all() -> None:
    report = msgspec.structs.replace(
        clean_report(), proposal=AptPlan(remedies=(remedy(None, "so:libssl.so.1.1", name="rebuild"),))
    )

    shown = text(report)

    assert "Without packages\n → do rebuild" in shown
    assert "Better than" not in shown
    assert "Proposal" not in shown


def test_the_patch_is_shown_as_it_is_at_the_margin_at_any_width() -> None:
    for width in (40, 80, 200):
        assert PATCH in text(planned_report(), width=width)


def test_the_patch_replaces_the_lines_to_copy_and_says_how_it_is_applied() -> None:
    shown = text(planned_report())

    assert "\nRUN apt-get update" not in shown
    assert "apply it:   fleet-audit deps family-audio --write" in shown
    assert "--write" not in text(deps_report())


def test_a_patch_that_was_written_is_not_to_be_applied_again() -> None:
    shown = text(with_place(is_written=True))

    assert "✓ written to docker/family-audio/Dockerfile: build the image anew" in shown
    assert "apply it" not in shown


def test_a_patch_is_shown_with_its_tabs() -> None:
    patch = PATCH.replace("    ", "\t")

    assert patch in text(with_place(patch=patch))


def test_a_patch_that_cannot_be_shown_as_it_is_says_so() -> None:
    patch = PATCH.replace("tini \\", "tini \x1b[2J \\")

    shown = text(with_place(patch=patch))

    assert "\x1b" not in shown
    assert "apply it with --write, not from here" in shown
    assert "not from here" not in text(planned_report())


def test_a_proposal_that_was_not_tried_says_how_to_try_it() -> None:
    assert "try it:     fleet-audit deps family-audio --verify" in text(with_plan(verification=None))
    assert "--verify" not in text(planned_report())
    assert "--verify" not in text(clean_report())


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_all_but_what_is_to_be_copied_fits_the_width(width: int) -> None:
    lines = text(planned_report(), width=width).splitlines()
    copied = {*PATCH.splitlines(), *(line for line in lines if "fleet-audit " in line)}

    assert [line for line in lines if len(line) > width and line not in copied] == []


def test_no_colour_carries_a_meaning_of_its_own() -> None:
    coloured = deps_text([planned_report()], msgspec.structs.replace(OPTIONS, is_coloured=True))

    plain = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in plain.splitlines()] == text(planned_report()).splitlines()


def test_a_patch_that_only_takes_packages_out_says_so_and_leaves_one_empty_line() -> None:
    place = msgspec.structs.replace(audio_plan().placement, patch=PATCH)
    report = msgspec.structs.replace(planned_report(), proposal=AptPlan(placement=place))

    shown = text(report)

    assert "Proposal  nothing to add: the patch takes out what nothing needs" in shown
    assert "\n\n\n" not in shown
    assert "\n\n\n" not in text(planned_report())


def test_every_dockerfile_of_an_addition_has_its_place_and_patch() -> None:
    base = Placement(
        "base", SourceLocation("docker/base/Dockerfile", 3), "", "--- a/docker/base/Dockerfile\n"
    )

    shown = text(with_place(also=(base,)))

    assert shown.index(str(AUDIO_DOCKERFILE)) < shown.index("in docker/base/Dockerfile:3")
    assert "\n--- a/docker/base/Dockerfile\n" in shown


def test_a_need_that_comes_with_another_familys_addition_says_so() -> None:
    pin, name = "libportaudio2=19.6.0-1.2", "so:libportaudio.so.2"
    share = Share("base", (pin,), 1900000, ("a", "b"), needs={name: (pin,)})
    plan = AptPlan(placement=Placement("family-audio"), shares=(share,))

    shown = text(msgspec.structs.replace(planned_report(), proposal=plan), width=200)

    assert "libportaudio2=19.6.0-1.2 with the addition to base" in shown
    assert "Proposal  comes with the addition to base" in shown
    assert " in base: libportaudio2, 1.9 MB, for a, b" in shown


def test_another_place_for_packages_tells_what_it_would_cost_and_spare() -> None:
    share = Share(
        "base", ("libx1=1",), 100, ("a", "b"), is_option=True, separate_bytes=200, carried_by=("c",)
    )

    shown = text(with_plan(shares=(share,)))

    assert (
        "could stand in base: libx1, 100 B instead of 200 B apart, for a, b; c would carry it without need"
        in shown
    )


@pytest.mark.parametrize(
    ("verification", "words"),
    [
        (
            Verification("verified", "chroot", installed=("a=1", "b=1"), loaded=("liba.so.1",)),
            "verified: 2 packages installed in a throw-away copy (chroot); these load there: liba.so.1",
        ),
        (
            Verification("refused", why="newuidmap is not installed"),
            "not verified: newuidmap is not installed",
        ),
        (
            Verification("failed", "user namespace", "apt-get failed"),
            "verification failed (user namespace): apt-get failed",
        ),
    ],
)
def test_what_came_of_a_verification_is_told(verification: Verification, words: str) -> None:
    assert verified(verification) == words
    assert words in text(with_plan(verification=verification), width=140)


def test_what_did_not_load_is_named_with_its_reason() -> None:
    shown = text(with_plan(verification=Verification("failed", failed=(("liba.so.1", "no such file"),))))

    assert "liba.so.1: no such file" in shown
    assert "✗ verification failed" in shown


def test_without_an_archive_the_package_that_an_index_knows_is_named_without_a_version() -> None:
    hint = Hint("so:libGL.so.1", ("libgl1", "libgl1-nvidia"), "Debian 12 as of 2026-11-20")
    report = msgspec.structs.replace(deps_report(), proposal=AptPlan(hints=(hint,)))

    shown = text(report, width=200)

    assert "libgl1 or libgl1-nvidia in Debian 12 as of 2026-11-20, its version is not known" in shown
    assert "Proposal" not in shown


def test_lines_to_add_to_an_image_without_apt_are_shown_whole() -> None:
    shown = text(
        with_plan(instructions="FROM debian AS libs\nCOPY --from=libs /lib /lib", placement=Placement())
    )

    assert "\nFROM debian AS libs\nCOPY --from=libs /lib /lib\n" in shown


def test_a_pin_that_a_shell_might_obey_is_not_shown_as_a_line_to_copy() -> None:
    shown = text(with_plan(roots=("a;reboot",), placement=Placement(why_no_patch="'a;reboot' is no name")))

    assert "RUN apt-get update" not in shown
    assert "no patch: 'a;reboot' is no name" in shown


def test_a_need_that_a_newer_image_beneath_meets_asks_for_a_new_build() -> None:
    place = Placement("family-audio", AUDIO_DOCKERFILE)
    share = Share("base", why="it has them", needs={"so:libportaudio.so.2": ()})
    plan = AptPlan(placement=place, shares=(share,))

    shown = text(msgspec.structs.replace(planned_report(), proposal=plan), width=200)

    assert "base, once this image is built anew on it" in shown
    assert "Proposal  nothing to add: build this image anew on base" in shown
    assert "in base: so:libportaudio.so.2: it has them" in shown
    assert f"in {AUDIO_DOCKERFILE}" not in shown


def test_another_place_alone_is_no_patch() -> None:
    share = Share("base", ("curl=1",), 500, is_option=True)
    plan = AptPlan(placement=Placement("family-audio", AUDIO_DOCKERFILE), shares=(share,))

    shown = text(msgspec.structs.replace(planned_report(), proposal=plan), width=200)

    assert "Proposal  nothing to add\n" in shown
    assert "could stand in base: curl" in shown

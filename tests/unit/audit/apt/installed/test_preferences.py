import pytest

from fleet_audit.audit.apt.installed.preferences import Preferences, read_preferences
from fleet_audit.audit.model.finding import GapKind
from tests.support.trees import tree


def pins(text: str, **parts: str) -> Preferences:
    files = {f"/etc/apt/preferences.d/{name.replace('__', '.')}": body for name, body in parts.items()}
    return read_preferences(tree({"/etc/apt/preferences": text, **files}))


def entry(package: str, pin: str, priority: int | str) -> str:
    return f"Explanation: why\nPackage: {package}\nPin: {pin}\nPin-Priority: {priority}\n\n"


def test_an_image_without_pins_refuses_nothing() -> None:
    found = read_preferences(tree({}))

    assert (found.refusal("snapd", "1"), found.gaps) == ("", ())


@pytest.mark.parametrize("pin", ["release a=*", "release *", "version *", 'origin "*"'])
def test_a_package_with_a_negative_pin_for_every_version_never_comes(pin: str) -> None:
    found = pins(entry("snapd", pin, -10))

    assert found.refusal("snapd", "2.1") == "/etc/apt/preferences"
    assert found.refusal("snap", "2.1") == ""


def test_names_may_be_patterns_and_several() -> None:
    found = pins(entry("snapd libnvidia-*", "version *", -1))

    assert found.refusal("libnvidia-gl", "1")
    assert not found.refusal("nvidia-libs", "1")


def test_only_the_versions_that_are_meant_are_refused() -> None:
    found = pins(entry("python3", "version 3.12*", -1))

    assert found.refusal("python3", "3.12.1-1")
    assert not found.refusal("python3", "3.11.2-1")


def test_the_first_entry_that_means_a_version_holds() -> None:
    found = pins(entry("a", "version 1*", 700) + entry("a", "version *", -1))

    assert not found.refusal("a", "1.2")
    assert found.refusal("a", "2.0")


def test_an_entry_for_a_package_outweighs_one_for_all() -> None:
    found = pins(entry("*", "release a=*", -1) + entry("a", "version *", 500))

    assert not found.refusal("a", "1")
    assert found.refusal("b", "1")


def test_files_of_the_folder_come_before_the_file_and_others_are_passed_over() -> None:
    keep, refuse = entry("a", "version *", 500), entry("a", "version *", -1)

    assert not pins(refuse, first=keep).refusal("a", "1")
    assert pins(keep, first__pref=refuse).refusal("a", "1") == "/etc/apt/preferences.d/first.pref"
    assert not pins(keep, first__bak=refuse).refusal("a", "1")


def test_another_version_that_is_asked_for_is_told() -> None:
    found = pins(entry("nginx", "version 1.22.*", 1001) + entry("curl", "version 7*", 100))

    assert found.others("nginx", "1.24.0-1") == "/etc/apt/preferences"
    assert not found.others("nginx", "1.22.1-9")
    assert not found.others("curl", "8.0")
    (doubt,) = found.doubts({"nginx": "1.24.0-1", "curl": "8.0"})
    assert doubt.why == "it asks for another version of nginx than 1.24.0-1, which is planned"


@pytest.mark.parametrize(
    ("package", "pin"),
    [
        ("*", "release l=NVIDIA CUDA"),
        ("a", 'origin "archive.example"'),
        ("/^a/", "version *"),
        ("src:a", "version 1"),
    ],
)
def test_a_pin_that_cannot_be_followed_is_told(package: str, pin: str) -> None:
    (gap,) = pins(entry(package, pin, 600)).gaps

    assert (gap.kind, gap.what) == (GapKind.NOT_EXAMINED, "/etc/apt/preferences")
    assert pin in gap.why


def test_pins_without_end_are_not_followed_and_that_is_told() -> None:
    names = " ".join(f"p{number}*" for number in range(2001))

    found = pins(entry(names, "version *", -1))

    assert found.refusal("p1", "1") == ""
    assert [gap.kind for gap in found.gaps] == [GapKind.LIMIT_REACHED]
    assert pins(entry(names.removesuffix(" p2000*"), "version *", -1)).refusal("p1", "1")


def test_comments_and_what_is_no_entry_are_passed_over() -> None:
    found = pins(
        "# a comment\n\nPackage: a\nPin: version *\nPin-Priority: soon\n\n" + entry("b", "version *", -1)
    )

    assert not found.refusal("a", "1")
    assert found.refusal("b", "1")

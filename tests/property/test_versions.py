"""Laws of the order of Debian versions."""

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.apt.debian.versions import compare_versions

versions = st.from_regex(r"\A(?:[0-9]:)?[0-9][0-9a-cA+.~]{0,8}(?:-[0-9a+.~]{1,4})?\Z")
anything = st.text(max_size=20)


@given(versions | anything, versions | anything)
def test_swapping_two_versions_turns_the_order_round(a: str, b: str) -> None:
    assert compare_versions(a, b) == -compare_versions(b, a)


@given(versions | anything)
def test_a_version_equals_itself(version: str) -> None:
    assert compare_versions(version, version + "") == 0


@given(st.lists(versions | anything, min_size=3, max_size=3))
def test_the_order_is_transitive(three: list[str]) -> None:
    a, b, c = three
    if compare_versions(a, b) <= 0 and compare_versions(b, c) <= 0:
        assert compare_versions(a, c) <= 0


@given(versions)
def test_a_tilde_is_before_and_a_suffix_is_after(version: str) -> None:
    revised = version if "-" in version else f"{version}-1"

    assert compare_versions(f"{revised}~rc1", revised) == -1
    assert compare_versions(f"{revised}+deb12u1", revised) == 1


@given(versions)
def test_epoch_zero_is_no_epoch(version: str) -> None:
    if ":" not in version:
        assert compare_versions(f"0:{version}", version) == 0

"""Whatever stands in a file of waivers: it is read whole, or refused with sentences and lines."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.waiver_checks import Known
from fleet_audit.audit.policy.waiver_files import load_waivers
from fleet_audit.audit.sbom.canonical import canonical_purl
from tests.support.packaged import rules as packaged_rule_set
from tests.support.waivers import ENTRY

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
(USUAL,) = yaml.safe_load(ENTRY.replace("2026-11-01", "'2026-11-01'").replace("2026-12-19", "'2026-12-19'"))
WORDS = st.sampled_from(
    ["", " ", "a", "*", "2026-11-31", "9999-12-31", "0001-01-01", "pkg:", "pkg:deb/a@1", "FA-NEED-001"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.just("vuln"), inner, max_size=3),
    max_leaves=5,
)
CHANGES = st.dictionaries(st.sampled_from([*USUAL, "note", "x-a", "expirse"]), VALUES, max_size=4)


def refused(text: str | bytes, folder: Path, rules: RuleSet) -> list[str]:
    """Return the problems of a file; none where it was read."""
    place = folder / "waivers.yaml"
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load_waivers([(place, "w.yaml")], Known(rules, canonical_purl, frozenset({"a"}), frozenset({"a"})))
    except ConfigurationError as e:
        return [str(problem) for problem in e.problems]
    return []


@SOME
@given(st.lists(CHANGES, max_size=3))
def test_any_change_to_waivers_is_read_or_refused_at_a_line(
    tmp_path: Path, changes: list[dict[str, Any]]
) -> None:
    entries = [{**USUAL, **change} for change in changes]

    for problem in refused(yaml.safe_dump(entries), tmp_path, packaged_rule_set()):
        assert problem.startswith("w.yaml:")


@SOME
@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path: Path, body: bytes) -> None:
    refused(body, tmp_path, packaged_rule_set())


@SOME
@given(st.integers(0, len(ENTRY)))
def test_a_file_that_is_cut_short_is_never_taken_for_a_whole_waiver(tmp_path: Path, length: int) -> None:
    text = ENTRY.replace("scope: {image: family-vision}", "scope: {image: a}")[:length]

    assert refused(text, tmp_path, packaged_rule_set()) or "expires: 2026-12-19" in text or not text.strip()


def test_the_file_itself_is_right(tmp_path: Path) -> None:
    text = ENTRY.replace("image: family-vision", "image: a")

    assert refused(text, tmp_path, packaged_rule_set()) == []

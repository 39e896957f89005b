"""``waivers``: every exception with its days, and everything that is wrong with any of them at once."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.waivers import ENTRY
from tests.support.worlds import World

TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = """\
- id: W-2
  rule: FA-VULN-002
  match: {package: openssl}
  owner: platform
  reason: waits for the next base image
  created: 2026-09-01
  expires: 2026-11-19
- id: W-3
  rule: FA-IMG-001
  scope: {image: '*'}
  owner: platform
  reason: all are being rebuilt
  created: 2026-11-18
  expires: 2026-11-27
- id: W-4
  rule: FA-VULN-002
  match: {package: zlib}
  owner: platform
  reason: begins with the release
  created: 2026-12-01
  expires: 2026-12-24
"""


@pytest.fixture
def fleet(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a fleet of one family without an image, on a day."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(TODAY.timestamp())))
    world.family("family-vision", image=None).service("face", family="family-vision")
    return world


def written(world: World, text: str, name: str = "waivers.yaml") -> str:
    world.file(name, text)
    return name


def test_all_waivers_are_listed_the_most_urgent_first(fleet: World) -> None:
    code, out, _ = fleet.say("waivers", "list", written(fleet, ENTRY + SECOND))

    assert code == 0
    titles = [line for line in out.splitlines() if line in ("Expired", "Ending soon", "Active", "Not begun")]
    assert titles == ["Expired", "Ending soon", "Active", "Not begun"]
    assert "expired 2026-11-19, 1 day ago" in out
    assert "until 2026-11-27, 7 days left" in out
    assert "only an offline tool reads TIFF files (SEC-12)" in out
    assert "which of them are used is known with --audits DIR" in out


def test_the_document_has_every_field(fleet: World) -> None:
    answer = fleet.run("waivers", "list", written(fleet, ENTRY))

    (told,) = answer.document["waivers"]
    assert (answer.document["schema"], answer.document["today"]) == ("fleet-audit.waivers/1", "2026-11-20")
    assert (told["id"], told["state"], told["days_left"], told["expiring"]) == (
        "W-2026-014",
        "active",
        29,
        False,
    )
    assert told["scope"] == {"image": "family-vision", "sbom": None, "digest": None}
    assert told["match"][1] == {"key": "vuln", "value": "CVE-2024-7006"}
    assert told["location"] == {"path": "waivers.yaml", "line": 1}
    assert (told["findings"], answer.document["audits"]) == (None, None)


def test_a_check_fails_where_one_has_expired_and_a_list_does_not(fleet: World) -> None:
    place = written(fleet, SECOND)

    assert fleet.run("waivers", "list", place).code == 0
    answer = fleet.run("waivers", "check", place)
    assert (answer.code, answer.document["verdict"]) == (1, "fail")
    assert "1 waiver has expired" in fleet.say("waivers", "check", place)[1]


def test_on_its_last_day_a_waiver_still_holds_for_a_check(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = datetime(2026, 11, 19, 23, 59, tzinfo=UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(last.timestamp())))

    code, out, _ = fleet.say("waivers", "check", written(fleet, SECOND))

    assert (code, "its last day" in out) == (0, True)


def test_the_manifest_names_the_waivers(fleet: World) -> None:
    manifest = fleet.folder / "fleet.yaml"
    manifest.write_text(manifest.read_text() + "waivers: exceptions\n")
    fleet.file("exceptions/a.yaml", ENTRY).file("exceptions/b.yaml", SECOND)

    answer = fleet.run("waivers", "check")

    assert [told["id"] for told in answer.document["waivers"]] == ["W-2", "W-2026-014", "W-3", "W-4"]
    assert answer.document["waivers"][0]["location"] == {"path": "exceptions/b.yaml", "line": 1}


def test_whatever_is_wrong_with_any_of_them_is_told_at_once(fleet: World) -> None:
    bad = ENTRY.replace("  expires: 2026-12-19\n", "").replace("family-vision", "family-visoin")
    worse = SECOND.replace("2026-11-27", "2026-11-31").replace("FA-VULN-002", "FA-VULN-200")

    code, out, err = fleet.say("waivers", "check", written(fleet, bad + worse))

    assert (code, out) == (2, "")
    assert "'expires' is missing" in err
    assert "did you mean 'family-vision'?" in err
    assert "there is no day 2026-11-31" in err
    assert err.count("no rule has the id 'FA-VULN-200'") == 2


@pytest.mark.parametrize("word", ["list", "check"])
def test_without_any_waivers_it_says_how_to_name_them(fleet: World, word: str) -> None:
    code, _, err = fleet.say("waivers", word)

    assert (code, "names no waivers; name files or folders of them" in err) == (2, True)


def test_a_stricter_policy_caps_what_a_milder_one_allows(fleet: World) -> None:
    fleet.file("ours.yaml", "version: 1\nname: ours\nextends: default\nwaivers: {max_days: {error: 30}}\n")
    policy = ("--policy", str(fleet.folder / "ours.yaml"))

    code, _, err = fleet.say("waivers", "check", written(fleet, ENTRY), *policy)

    assert (code, "may run for 30: until 2026-12-01 at the latest" in err) == (2, True)


def test_waivers_need_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.yaml").write_text(ENTRY)

    assert World.say("waivers", "check", "w.yaml")[0] == 0
    assert World.say("waivers", "check")[0] == 2


def test_the_markdown_forms_nothing_from_what_waivers_say(fleet: World) -> None:
    text = ENTRY.replace("only an offline tool reads TIFF files", "'@everyone <b>|x|</b>'")

    code, out, _ = fleet.say("waivers", "list", written(fleet, text), "-o", "markdown")

    assert code == 0
    assert "<b>" not in out
    assert "@everyone" not in out


def test_a_waiver_of_a_rule_that_is_off_says_so(fleet: World) -> None:
    fleet.file("ours.yaml", "version: 1\nname: ours\nextends: default\nrules: {FA-VULN-001: {mode: off}}\n")

    answer = fleet.run("waivers", "list", written(fleet, ENTRY), "--policy", "ours.yaml")

    assert [told["remark"] for told in answer.document["waivers"]] == ["its rule is off under this policy"]

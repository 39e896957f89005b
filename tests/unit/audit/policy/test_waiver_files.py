"""Waivers load whole or not at all: whatever is wrong with any of them is told at its line."""

import os
from datetime import date
from pathlib import Path

import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import Waiver, WaiverEffect
from fleet_audit.audit.policy.rules import RuleSet
from fleet_audit.audit.policy.waiver_checks import Known
from fleet_audit.audit.policy.waiver_files import load_waivers
from fleet_audit.audit.sbom.canonical import canonical_purl
from tests.support.rules import POLICY, rule_set
from tests.support.waivers import ENTRY, TIFF

HEAD = "title: T\nmode: enforce\nsince: 2026-11\nmessage: '\"m\"'\nwhy: It matters.\n"
RULES = {
    "FA-VULN-001.yaml": "id: FA-VULN-001\nsubject: advisory\nseverity: error\n"
    + HEAD
    + "deny: advisory.id != ''\n"
    + "tests: [{expect: deny, given: {advisory: {id: a}}}, {expect: allow, given: {advisory: {}}}]\n",
    "FA-NEED-001.yaml": "id: FA-NEED-001\nsubject: need\nseverity: critical\n"
    + HEAD
    + "deny: need.name != ''\n"
    + "tests: [{expect: deny, given: {need: {name: a}}}, {expect: allow, given: {need: {}}}]\n",
}
IMAGES = frozenset({"family-vision", "face", "registry.example/acme/family-vision:1"})
NEED = """\
- id: W-2
  rule: FA-NEED-001
  match: {need: so:libGL.so.1}
  owner: a
  reason: b
  created: 2026-11-01
  expires: 2026-11-15
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return rule_set(tmp_path_factory.mktemp("rules"), RULES, POLICY)


class Loading:
    def __init__(self, folder: Path, rules: RuleSet) -> None:
        self.folder = folder
        self.known = Known(rules, canonical_purl, IMAGES, frozenset({"face"}))

    def waivers(self, text: str, known: Known | None = None) -> tuple[Waiver, ...]:
        (self.folder / "waivers.yaml").write_text(text, encoding="utf-8")
        return load_waivers([(self.folder / "waivers.yaml", "waivers.yaml")], known or self.known)

    def problems(self, text: str) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            self.waivers(text)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def loading(tmp_path: Path, rules: RuleSet) -> Loading:
    return Loading(tmp_path, rules)


def test_a_waiver_is_read_with_its_place_and_package_urls_in_their_one_form(loading: Loading) -> None:
    (read,) = loading.waivers("# why\n" + ENTRY)

    assert read == Waiver(
        id="W-2026-014",
        rule="FA-VULN-001",
        owner="vision-team",
        reason="only an offline tool reads TIFF files",
        created=date(2026, 11, 1),
        expires=date(2026, 12, 19),
        match=(("purl", TIFF), ("vuln", "CVE-2024-7006")),
        image="family-vision",
        effect=WaiverEffect.SUPPRESS,
        approved_by="security",
        justification="vulnerable_code_not_in_execute_path",
        ticket="SEC-12",
        location=SourceLocation("waivers.yaml", 2),
    )


def test_several_values_of_one_key_are_all_named(loading: Loading) -> None:
    (read,) = loading.waivers(ENTRY.replace("vuln: CVE-2024-7006", "vuln: [CVE-2, CVE-1]"))

    assert read.matched("vuln") == ("CVE-1", "CVE-2")


@pytest.mark.parametrize("text", ["", "# nothing is waived\n", "[]"])
def test_a_file_without_waivers_holds_none(loading: Loading, text: str) -> None:
    assert loading.waivers(text) == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  expires: 2026-12-19\n", "", "waivers.yaml:1: [0]: 'expires' is missing"),
        ("  owner: vision-team\n", "", "waivers.yaml:1: [0]: 'owner' is missing"),
        ("  reason: only", "  reson: only", ":9: [0].reson: unknown key; did you mean 'reason'?"),
        ("vuln: CVE", "cve: CVE", ":3: [0].match.cve: unknown key"),
        ("2026-12-19", "2026-02-30", ":12: [0].expires: there is no day 2026-02-30"),
        ("2026-12-19", "soon", ":12: [0].expires: 'soon' does not have the form"),
        ("2026-12-19", "2026-10-31", "it would expire on 2026-10-31, before it is created on 2026-11-01"),
        ("2026-12-19", "2027-01-31", "91 days; a waiver of FA-VULN-001, of severity error, may run for 90"),
        ("2026-12-19", "9999-12-31", "until 2027-01-30 at the latest"),
        ("FA-VULN-001", "FA-VULN-010", "no rule has the id 'FA-VULN-010'; did you mean 'FA-VULN-001'?"),
        ("effect: suppress", "effect: hide", ":5: [0].effect: 'hide' is not one of suppress, warn"),
        ("vulnerable_code_not_in_execute_path", "unreachable", "'unreachable' is not one of component_not"),
        ("family-vision", "family-vison", "can never match: no family or service has a name like this; did"),
        ("image: family-vision", "sbom: sha256:12", ":4: [0].scope.sbom: 'sha256:12' does not have the form"),
        ("image: family-vision", "digest: latest", ":4: [0].scope.digest: 'latest' does not have the form"),
        ("{image: family-vision}", "{}", ":4: [0].scope: names nothing"),
        ("libtiff6@4.5.0-6+deb12u2", "libtiff6", ":3: [0].match.purl: names no version"),
        ("pkg:deb/", "deb/", "is no package URL"),
        ("vuln: CVE-2024-7006", "need: so:libGL.so.1", "FA-VULN-001 judges advisory: what it finds can be"),
        ("vuln: CVE-2024-7006", "service: fase", "no service has this name; did you mean 'face'?"),
        (
            "CVE-2024-7006",
            "cve-2024-7006",
            ":3: [0].match.vuln: can never match: advisories write CVE",
        ),
        ("vuln: CVE-2024-7006", "fingerprint: abc", "is no fingerprint"),
        ("vuln: CVE-2024-7006", "package: tiff", ":8: [0].justification: says why a vulnerability is harm"),
        ("owner: vision-team", "owner: '  '", ":6: [0].owner: is blank"),
        ("vuln: CVE-2024-7006", "vuln: []", ":3: [0].match.vuln: must not be empty"),
        ("id: W-2026-014", "id: 'a b'", ":1: [0].id: 'a b' does not have the form"),
        ("- id", "id", "is not valid YAML"),
    ],
)
def test_a_bad_waiver_is_refused_at_its_line(loading: Loading, old: str, new: str, message: str) -> None:
    found = "\n".join(loading.problems(ENTRY.replace(old, new)))

    assert message in found


def test_a_need_without_its_kind_can_never_match(loading: Loading) -> None:
    (problem,) = loading.problems(NEED.replace("so:libGL", "libGL"))

    assert problem.startswith(
        "waivers.yaml:3: [0].match.need: can never match: needs begin with so:, version:"
    )


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, loading: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(ConfigurationError, match="w: cannot be read: Permission denied"):
        load_waivers([(tmp_path, "w")], loading.known)


@pytest.mark.parametrize("match", ["{}", "", "[]", "{vuln: []}"])
def test_a_match_that_names_nothing_is_refused_and_would_waive_everything(
    loading: Loading, match: str
) -> None:
    text = NEED.replace("{need: so:libGL.so.1}", match)

    assert any(":3: [0].match" in problem for problem in loading.problems(text))


def test_without_a_match_a_waiver_says_where_and_only_warns(loading: Loading) -> None:
    bare = NEED.replace("  match: {need: so:libGL.so.1}\n", "")
    somewhere = bare + "  scope: {image: '*'}\n"

    assert "has neither match nor scope" in loading.problems(bare)[0]
    assert "without match, a waiver can only warn" in loading.problems(somewhere + "  effect: suppress\n")[0]
    (read,) = loading.waivers(somewhere)
    assert (read.match, read.effect) == ((), WaiverEffect.WARN)


def test_an_end_right_at_the_cap_is_allowed(loading: Loading) -> None:
    assert loading.waivers(NEED)[0].expires == date(2026, 11, 15)
    assert "may run for 14" in loading.problems(NEED.replace("2026-11-15", "2026-11-16"))[0]


def test_a_waiver_may_hold_for_a_single_day(loading: Loading) -> None:
    (read,) = loading.waivers(NEED.replace("2026-11-15", "2026-11-01"))

    assert read.created == read.expires


def test_an_id_is_given_once_in_all_files(tmp_path: Path, loading: Loading) -> None:
    (tmp_path / "a.yaml").write_text(NEED)
    (tmp_path / "b.yml").write_text(NEED.replace("libGL", "libEGL"))

    with pytest.raises(ConfigurationError) as caught:
        load_waivers([(tmp_path, "waivers")], loading.known)

    assert [str(problem) for problem in caught.value.problems] == [
        "waivers/b.yml:1: [0].id: W-2 is there already, in waivers/a.yaml:1"
    ]


def test_two_that_say_the_same_at_the_same_time_are_refused_and_a_successor_is_not(loading: Loading) -> None:
    again = NEED.replace("W-2", "W-3")
    later = again.replace("2026-11-15", "2026-11-30").replace("2026-11-01", "2026-11-16")

    assert "W-3 waives the same as W-2 (waivers.yaml:1) at the same time" in loading.problems(NEED + again)[0]
    assert [each.id for each in loading.waivers(later + NEED)] == ["W-2", "W-3"]


def test_problems_of_all_waivers_of_all_files_come_together(tmp_path: Path, loading: Loading) -> None:
    (tmp_path / "a.yaml").write_text(ENTRY.replace("2026-12-19", "2026-13-01") + "- id: W-3\n")
    (tmp_path / "b.yaml").write_text("a: [")
    (tmp_path / "c.yaml").write_text(NEED.replace("FA-NEED-001", "FA-NEED-002"))

    with pytest.raises(ConfigurationError) as caught:
        load_waivers([(tmp_path, "w")], loading.known)

    lines = {str(problem).split(": ")[0] for problem in caught.value.problems}
    assert lines == {"w/a.yaml:12", "w/a.yaml:13", "w/b.yaml:2", "w/c.yaml:2"}


def test_what_is_no_list_is_refused(loading: Loading) -> None:
    assert loading.problems("waivers: []") == ["waivers.yaml:1: expected a list, got a mapping"]


def test_without_a_manifest_names_of_images_and_services_are_not_held_against_any(
    loading: Loading, rules: RuleSet
) -> None:
    text = ENTRY.replace("family-vision", "elsewhere").replace("vuln: CVE-2024-7006", "vuln: a, service: b")

    assert loading.waivers(text, Known(rules, canonical_purl))[0].image == "elsewhere"


def test_a_reference_to_a_registry_need_not_be_in_the_manifest(loading: Loading) -> None:
    text = ENTRY.replace("image: family-vision", "image: 'registry.example/other/*'")

    assert loading.waivers(text)[0].image == "registry.example/other/*"


@pytest.mark.parametrize("name", ["absent", "pipe", "empty"])
def test_what_is_neither_a_file_nor_a_folder_of_waivers_is_refused(
    tmp_path: Path, loading: Loading, name: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigurationError) as caught:
        load_waivers([(tmp_path / name, name)], loading.known)

    assert str(caught.value).startswith(f"{name}: ")


def test_a_pipe_in_a_folder_of_waivers_is_not_waited_for(tmp_path: Path, loading: Loading) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    with pytest.raises(ConfigurationError, match=r"a\.yaml: is no file"):
        load_waivers([(tmp_path, "w")], loading.known)

"""Audits before the law: what cannot be judged, or not be compared, never passes for that."""

from datetime import date
from pathlib import Path

import pytest

from fleet_audit.audit.model.audit import AuditReport, EvidencePart, Statement
from fleet_audit.audit.model.finding import GapKind, Verdict
from fleet_audit.audit.model.gating import GatedImage
from fleet_audit.audit.model.inventory import ToolUse
from fleet_audit.audit.pipeline.audits.gating import Kept, Law, gate, kept_audits, stored_audit_of, with_age
from fleet_audit.audit.pipeline.audits.stored import store
from tests.support.gated import audit, blocking_gap
from tests.support.rules import RULE, rule_set

TODAY = date(2026, 11, 20)
MISSING = Statement("need", {"name": "x", "status": "missing"}, "so:x")
FOREIGN = Statement("unheard-of", {}, "so:x")


@pytest.fixture
def law(tmp_path: Path) -> Law:
    return Law(rule_set(tmp_path, {"FA-TEST-001.yaml": RULE}), (), TODAY)


def saying(*statements: Statement) -> AuditReport:
    return audit("vision", evidence=(EvidencePart("deps", statements),))


def only(law: Law, one: AuditReport, base: Kept | None = None) -> GatedImage:
    (image,) = gate([one], law, base)
    return image


def kinds(image: GatedImage) -> list[GapKind]:
    return [gap.kind for gap in image.gaps]


def test_an_audit_is_judged_by_the_law_of_today(law: Law) -> None:
    assert only(law, saying(MISSING)).verdict is Verdict.FAIL
    assert only(law, saying()).verdict is Verdict.PASS


def test_an_audit_in_words_of_another_version_is_a_gap(law: Law) -> None:
    image = only(law, saying(FOREIGN))

    assert (image.verdict, kinds(image)) == (Verdict.INCOMPLETE, [GapKind.NO_AUDIT])


@pytest.mark.parametrize(
    "empty", [audit("vision", evidence=()), audit("vision", image=None), AuditReport(subject="vision")]
)
def test_an_audit_of_nothing_does_not_pass(law: Law, empty: AuditReport) -> None:
    image = only(law, empty)

    assert (image.verdict, kinds(image)) == (Verdict.INCOMPLETE, [GapKind.NO_AUDIT])


def test_claims_of_a_fleet_are_of_no_image_and_pass(law: Law) -> None:
    claims = AuditReport(subject="small", evidence=(EvidencePart("dockerfiles"),))

    assert only(law, claims).verdict is Verdict.PASS


def test_beside_an_audit_that_has_it_too_a_finding_is_known(law: Law) -> None:
    assert only(law, saying(MISSING), Kept({"vision": saying(MISSING)})).verdict is Verdict.PASS
    assert only(law, saying(MISSING), Kept({"vision": saying()})).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "base", [Kept(), Kept({"vision": saying(FOREIGN)}), Kept({"other": saying(MISSING)})]
)
def test_without_a_base_that_can_be_judged_all_is_new_and_nothing_passes(law: Law, base: Kept) -> None:
    clean, failing = only(law, saying(), base), only(law, saying(MISSING), base)

    assert (clean.verdict, kinds(clean)) == (Verdict.INCOMPLETE, [GapKind.NO_BASELINE])
    assert failing.verdict is Verdict.FAIL


def test_a_subject_without_a_stored_audit_has_one_that_says_so() -> None:
    told = stored_audit_of("vision", Kept(), "audits")

    assert (told.verdict, [gap.kind for gap in told.gaps]) == (Verdict.INCOMPLETE, [GapKind.NO_AUDIT])


def test_audits_are_kept_in_a_folder_or_in_a_file(tmp_path: Path) -> None:
    place = store(audit("vision"), tmp_path / "audits")
    (tmp_path / "audits" / "x.audit.json").write_text("{}")

    assert kept_audits(place) == Kept({"vision": audit("vision")})
    folder = kept_audits(tmp_path / "audits")
    assert folder.audits == {"vision": audit("vision")}
    assert [gap.kind for gap in folder.refused] == [GapKind.NO_AUDIT]


@pytest.mark.parametrize(("days", "is_old"), [(8, False), (7, False), (6, True), (0, True)])
def test_a_stored_audit_is_as_old_as_its_database(days: int, is_old: bool) -> None:
    one = audit("vision", tools=(ToolUse("trivy", "0.68.2", "2026-11-13T00:00:00Z"),))

    assert bool(with_age(one, TODAY, days).gaps) is is_old


def test_on_a_day_before_it_was_made_nobody_knows_how_old_an_audit_is() -> None:
    one = audit("vision", created="2026-11-21T00:00:00Z")

    assert [gap.kind for gap in with_age(one, TODAY, 7).gaps] == [GapKind.STALE_DATABASE]


def test_an_age_that_is_told_already_or_not_known_is_not_told_again() -> None:
    told = audit("vision", gaps=(blocking_gap("trivy", GapKind.STALE_DATABASE),))

    assert with_age(told, TODAY, 0) == told
    assert with_age(audit("vision", tools=()), TODAY, 0).gaps == ()

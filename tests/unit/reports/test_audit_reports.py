"""The report on one image: every format says the same, and none takes what is not known for nothing."""

import csv
import io
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.model.finding import Finding, Mode, Severity
from fleet_audit.audit.model.gating import Comparison, GatedImage, gated
from fleet_audit.audit.model.identity import Digest
from fleet_audit.audit.model.stored_audit import audit_of
from fleet_audit.reports.audit_markdown import MAX_BYTES
from fleet_audit.reports.audit_summary import RuleRow, gravest_first, summary_of
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.renderers import render
from tests.support.audits import POLICY, SERVICES, full_audit, full_image
from tests.support.gated import audit, blocking, blocking_gap
from tests.support.rendering import cells
from tests.support.reports import OPTIONS, decoded

FULL = msgspec.structs.replace(OPTIONS, is_full=True)


def said(image: GatedImage, name: str = "text", options: RenderOptions = OPTIONS) -> str:
    return render(GatedImage, [image], name, options)


def flat(text: str) -> str:
    """Return a text as it was before it was folded."""
    return " ".join(text.split())


def rows_of(image: GatedImage) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said(image, "csv"))))


def rules_of(image: GatedImage) -> dict[str, RuleRow]:
    return {row.rule: row for row in summary_of(image).rules}


def findings_by_origin(*findings: Finding, **fields: Any) -> dict[str, int]:
    summary = summary_of(gated(full_audit(findings=findings, **fields)))
    return {row.origin: row.findings for row in summary.origins if row.findings}


def many(number: int) -> tuple[Finding, ...]:
    return tuple(blocking(f"so:lib{index}.so") for index in range(number))


def test_what_blocks_comes_before_what_warns_and_remarks_are_counted() -> None:
    summary = summary_of(full_image())

    assert [(todo.finding.rule, todo.blocks) for todo in summary.todos] == [
        ("FA-NEED-001", True),
        ("FA-SRC-001", True),
        ("FA-PIN-001", False),
    ]
    assert "1 remark not listed here\n" in said(full_image())
    assert "all:  fleet-audit report image --audit audits/family-vision/4e09.audit.json -o csv\n" in said(
        full_image()
    )


def test_a_gap_that_keeps_it_from_passing_is_something_to_do() -> None:
    text = said(gated(audit("web", gaps=(blocking_gap("trivy"),))))

    assert text.startswith("INCOMPLETE  web: not examined: trivy")
    assert "What to do (1)\n look  scanner-absent  trivy\n" in text


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_the_lines_to_add_stand_outside_of_tables(name: str) -> None:
    lines = said(full_image(), name).splitlines()
    start = lines.index("RUN apt-get update \\")

    assert lines[start + 1 : start + 5] == [
        "    && apt-get install -y --no-install-recommends \\",
        "        libjack0=1:0.126.0-2 \\",
        "        libportaudio2=19.6.0-1.2 \\",
        "    && rm -rf /var/lib/apt/lists/*",
    ]


def test_every_finding_has_one_outcome_in_the_matrix() -> None:
    image = full_image()

    rows = rules_of(image).values()

    told = [row.blocks + row.warns + row.excused + row.dry_run + row.waived for row in rows]
    assert sum(told) == len(image.findings)
    assert [row.rule for row in rows][:2] == ["FA-NEED-001", "FA-SRC-001"]


def test_clean_are_the_things_of_its_kind_in_which_a_rule_found_nothing() -> None:
    rules = rules_of(full_image())

    assert (rules["FA-SRC-001"].blocks, rules["FA-SRC-001"].clean) == (1, 1)
    assert (rules["FA-IMG-002"].is_clean, rules["FA-IMG-002"].clean) == (True, 1)


def test_a_rule_that_had_nothing_to_judge_is_no_rule_that_found_nothing() -> None:
    assert "FA-IMG-002" not in rules_of(gated(full_audit(evidence=())))
    assert "1 rule found nothing: FA-IMG-002" in said(full_image())


def test_a_rule_on_the_whole_audit_has_no_things_that_are_clean() -> None:
    missing = blocking("audit:vision", rule="FA-EVID-002")

    assert rules_of(gated(full_audit(findings=(missing,))))["FA-EVID-002"].clean is None


def test_a_rule_that_is_off_is_not_in_the_matrix() -> None:
    off = tuple(msgspec.structs.replace(rule, mode=Mode.OFF) for rule in POLICY.rules)

    assert rules_of(gated(full_audit(findings=(), policy=msgspec.structs.replace(POLICY, rules=off)))) == {}


def test_what_a_baseline_excuses_does_not_block_in_the_matrix() -> None:
    old = blocking()
    image = gated(audit("web", old), comparison=Comparison("x", known=(old.fingerprint,)))

    row = rules_of(image)["FA-NEED-001"]

    assert (row.blocks, row.excused) == (0, 1)
    assert "known before" in said(image)


def test_a_need_is_the_images_own_and_a_file_of_one_service_is_that_services() -> None:
    need = blocking(matter=(("need", "so:libGL.so.1"), ("service", "Dream")))
    file = blocking("file:x.py", matter=(("service", "Dream"),))
    everyone = blocking("file:y.py", matter=tuple(("service", name) for name in SERVICES))

    assert findings_by_origin(need, file, everyone) == {"family-vision": 2, "Dream": 1}


def test_a_file_of_the_only_service_is_the_images_own() -> None:
    file = blocking("file:x.py", matter=(("service", "Dream"),))

    assert findings_by_origin(file, services=("Dream",)) == {"family-vision": 1}


def test_what_is_said_of_a_package_is_of_who_brought_it() -> None:
    zlib = blocking("advisory:CVE-2023-45853:deb/zlib", matter=(("service", "Dream"),))
    pillow = blocking("dist:pillow", matter=(("package", "pillow"),))
    unknown = blocking("dist:nothing", matter=(("package", "nothing"),))

    assert findings_by_origin(zlib, pillow, unknown) == {"base": 1, "family-vision": 2}


def test_an_origin_that_only_an_advisory_names_is_told_as_well() -> None:
    advisory = msgspec.structs.replace(full_audit().advisories[0], origins=("base-torch",))

    summary = summary_of(gated(full_audit(advisories=(advisory,), findings=())))

    assert {row.origin: row.advisories for row in summary.origins if row.advisories} == {"base-torch": 1}


def test_origins_come_in_the_order_of_layers_and_share_all_bytes() -> None:
    summary = summary_of(full_image())

    sizes = {row.origin: (row.stored_bytes, row.unpacked_bytes) for row in summary.origins}
    assert list(sizes) == ["base", "base-python", "family-vision", "Dream"]
    assert sizes["base-python"] == (243, None)
    assert sizes["Dream"] == (None, None)
    stored = [size for size, _ in sizes.values() if size is not None]
    assert sum(stored) == sum(layer.stored_bytes for layer in summary.layers)


def test_a_sum_with_a_size_that_is_not_known_is_not_known() -> None:
    assert "3 layers, 230.0 MB stored, not known unpacked" in said(full_image())


def test_advisories_are_counted_by_gravity_and_reach_and_the_gravest_come_first() -> None:
    summary = summary_of(full_image())

    rows = {row.severity: (row.reached, row.unknown, row.unreached, row.fixable) for row in summary.gravity}
    assert rows == {"critical": (1, 1, 0, 1), "high": (1, 0, 0, 1), "low": (0, 0, 1, 0)}
    assert [each.package for each in gravest_first(reversed(summary.audit.advisories))] == [
        "zlib",
        "torch",
        "libwebp",
        "perl",
    ]


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_what_nobody_looked_at_is_not_called_clean(name: str) -> None:
    bare = gated(audit("web", image=None, tools=(), evidence=(), gaps=(blocking_gap(),)))

    text = said(bare, name)

    assert "No package was looked at, so no advisory is known." in text
    assert "No image was looked at, so no need is known." in text
    assert "Whether anything is surplus was not looked at." in text
    assert "none has looked at this image" in text


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_what_a_rule_in_dry_run_would_keep_back_is_told(name: str) -> None:
    text = said(full_image(), name).replace("`", "")

    assert "FA-VULN-006 (dry run) would block 1 of 1 image and 2 of 2 services" in text


def test_the_verdict_stands_at_both_ends() -> None:
    lines = said(full_image()).splitlines()

    assert [lines.index(lines[0]), lines.count(lines[0])] == [0, 2]
    assert lines[0] in lines[-5:]


def test_required_things_that_are_there_and_fatal_are_told_from_missing_ones() -> None:
    assert "(fatal: 1, missing: 1)" in flat(said(full_image()))


def test_a_scan_of_another_image_is_told() -> None:
    other = Digest("sha256:" + "f" * 64)

    assert f"scanned {other}: not this image" in flat(said(gated(full_audit(scanned_digest=other))))
    assert "not this image" not in said(full_image())


def test_a_long_list_is_cut_with_its_number_and_the_command_that_shows_all() -> None:
    image = msgspec.structs.replace(gated(full_audit(findings=many(20), gaps=())), file="a b.audit.json")

    text = said(image)

    assert "What to do (20)" in text
    assert " and 5 more; all of them:\n" in text
    assert "\n  fleet-audit report image --audit 'a b.audit.json' --full\n" in text
    assert ("so:lib3.so" in text, "so:lib9.so" in text) == (True, False)
    assert "so:lib9.so" in said(image, options=FULL)
    assert "all of them:" not in said(image, options=FULL)


@pytest.mark.parametrize("width", [60, 80, 89, 90, 140])
def test_every_origin_and_rule_has_its_name_at_any_width(width: int) -> None:
    waived = blocking(waiver="W-1")
    old = blocking("so:old.so")
    findings = (*full_audit().findings, waived, old)
    image = gated(full_audit(findings=findings), comparison=Comparison("x", known=(old.fingerprint,)))

    text = said(image, options=msgspec.structs.replace(OPTIONS, width=width))

    summary = summary_of(image)
    assert all(f"\n {row.origin} " in text for row in summary.origins)
    assert all(row.rule in text for row in summary.rules)
    assert max(map(len, text.splitlines())) <= max(width, len("  fleet-audit gate family-vision -o json"))


def test_of_an_audit_that_is_not_stored_the_gate_shows_all() -> None:
    text = said(gated(full_audit(findings=many(20))))

    assert "\n  fleet-audit gate family-vision -o json\n" in text


def test_markdown_fits_into_the_summary_of_a_step_and_names_what_does_not() -> None:
    long = tuple(blocking(f"so:lib{index}.so", message="x" * 5000) for index in range(400))

    text = said(gated(full_audit(findings=long)), "markdown", FULL)

    assert len(text.encode()) <= MAX_BYTES
    assert text.startswith("## FAIL: family-vision\n\n400 findings block")
    assert (
        "section left out for want of room (What to do &#40;402&#41; of family" in text or "left out" in text
    )
    assert "### What this rests on" in text


def test_every_table_of_the_markdown_has_its_shape_whatever_stands_in_it() -> None:
    hostile = blocking("so:a|b", message="a | b\n| --- |", matter=(("service", "a|b"),))

    body = cells(said(gated(full_audit(findings=(hostile,), services=("a|b", "c"))), "markdown", FULL))

    assert {len(row) for row in body} <= {2, 4, 5, 6, 7, 8}
    assert ["a|b", "0", "–", "–", "1", "1", "0"] in body


def test_csv_has_a_row_for_each_finding_and_each_gap() -> None:
    image = full_image()

    rows = rows_of(image)

    assert [row["row"] for row in rows] == ["finding"] * len(image.findings) + ["gap"] * len(image.gaps)
    assert {row["image_digest"] for row in rows} == {"sha256:" + "4e09" * 16}
    webp = next(row for row in rows if row["about"] == "advisory:CVE-2023-4863:deb/libwebp")
    assert (webp["reach"], webp["fix"], webp["blocks"]) == ("reached", "1.2.4-0.2+deb12u1", "false")
    index = next(row for row in rows if row["rule"] == "no-archive-index")
    assert (index["blocks"], index["remedy"]) == ("true", "fleet-audit index update")


def test_no_cell_of_csv_is_a_formula() -> None:
    pinned = next(row for row in rows_of(full_image()) if row["rule"] == "FA-PIN-001")

    assert pinned["message"] == "'=tini is installed at any version"


def test_the_document_is_the_audit_itself() -> None:
    image = full_image()

    assert audit_of(said(image, "json").encode(), "x") == image.audit


def test_several_subjects_are_listed_with_the_verdict_on_all() -> None:
    images = [gated(audit("web")), full_image()]

    document = decoded(render(GatedImage, images, "json", OPTIONS))

    assert (document["schema"], document["verdict"]) == ("fleet-audit.audit/1", "fail")
    subjects = document["subjects"]
    assert isinstance(subjects, list)
    assert [each["subject"] for each in subjects] == ["web", "family-vision"]


def test_formats_agree_on_how_many_findings_block() -> None:
    image = full_image()

    document = decoded(said(image, "json"))

    findings = document["findings"]
    assert isinstance(findings, list)
    blocks = sum(each["blocks"] for each in findings)
    assert blocks == sum(row["blocks"] == "true" and row["row"] == "finding" for row in rows_of(image))
    assert f"{blocks} findings block" in said(image)
    assert f"{blocks} findings block" in said(image, "markdown")
    assert sum(row.blocks for row in summary_of(image).rules) == blocks
    assert sum(row.blocking for row in summary_of(image).origins) == blocks


def test_a_waived_finding_is_nothing_to_do_and_counts_as_waived() -> None:
    waived = blocking(waiver="W-1", severity=Severity.CRITICAL)
    image = gated(audit("web", waived))

    assert summary_of(image).todos == ()
    assert rules_of(image)["FA-NEED-001"].waived == 1

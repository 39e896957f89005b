"""JSON documents keep the names of the contract."""

import msgspec
import pytest

from fleet_audit.audit.model.apt import Placement
from fleet_audit.audit.model.report import DepsReport, Judged
from fleet_audit.reports.deps_document import deps_document
from fleet_audit.reports.documents import encode, imports_document, ldd_document
from tests.support.proposals import BASE_DOCKERFILE, audio_plan
from tests.support.reports import (
    OPTIONS,
    clean_report,
    decoded,
    deps_report,
    imports_report,
    ldd_report,
    planned_report,
)


def keys(value: object) -> set[str]:
    assert isinstance(value, dict)
    return set(value)


def first(document: dict[str, object], *path: str) -> object:
    value: object = document
    for step in path:
        assert isinstance(value, dict)
        value = value[step]
        if isinstance(value, list):
            value = value[0]
    return value


def test_one_subject_is_one_document_in_the_envelope() -> None:
    document = decoded(deps_document([deps_report()], OPTIONS))

    assert list(document)[:4] == ["schema", "tool", "created", "subject"]
    assert document["schema"] == "fleet-audit.deps/1"
    assert document["tool"] == {"name": "fleet-audit", "version": "0.1.0"}
    assert document["verdict"] == "fail"
    assert list(document)[-1] == "verdict"


def test_several_subjects_are_documents_in_a_document_with_the_worst_verdict() -> None:
    document = decoded(deps_document([clean_report(), deps_report()], OPTIONS))

    subjects = document["subjects"]
    assert isinstance(subjects, list)
    assert [s["subject"] for s in subjects] == ["family-web", "family-vision-cu121"]
    assert [s["verdict"] for s in subjects] == ["pass", "fail"]
    assert document["verdict"] == "fail"


def test_findings_and_gaps_have_the_fields_of_the_contract() -> None:
    document = decoded(deps_document([deps_report()], OPTIONS))

    assert keys(first(document, "findings")) == {
        "rule", "severity", "confidence", "mode", "subject", "message", "remedy", "location", "related",
        "fingerprint", "waiver", "waived_by",
    }  # fmt: skip
    assert first(document, "findings", "location") == {"path": "services/face_recognition/app.py", "line": 12}
    assert keys(first(document, "gaps")) == {"stage", "kind", "what", "why", "blocking", "location"}


def test_deps_has_the_fields_of_the_contract() -> None:
    document = decoded(deps_document([deps_report()], OPTIONS))

    assert {"image", "family", "services", "needs", "proposal", "surplus"} <= keys(document)
    assert {"kind", "name", "tier", "status", "wanted_by", "via", "reached_from"} <= keys(
        first(document, "needs")
    )
    assert {"service", "path", "line", "chain"} <= keys(first(document, "needs", "reached_from"))
    assert {
        "roots", "packages", "installed_bytes", "download_bytes", "optimal", "apt_default", "unsatisfied",
        "remedies", "placement", "dockerfile",
    } <= keys(document["proposal"])  # fmt: skip
    assert {"name", "version", "because", "installed_bytes", "download_bytes"} <= keys(
        first(document, "proposal", "packages")
    )
    assert {"package", "installed_bytes", "origin", "reason", "confidence"} <= keys(
        first(document, "surplus")
    )
    assert document["image"] == {
        "ref": "oci:build/images:family-vision-cu121",
        "digest": "sha256:" + "9b1e" * 16,
        "platform": "linux/amd64",
        "distro": {"id": "debian", "version": "12", "codename": "bookworm"},
    }


def test_all_that_is_known_of_a_proposal_is_in_the_document() -> None:
    proposal = decoded(deps_document([planned_report()], OPTIONS))["proposal"]

    assert isinstance(proposal, dict)
    assert proposal["optimal"] is True
    assert proposal["steering"] == ["libjack0=1:0.126.0-2"]
    assert [step["choice"] for step in proposal["steps"]] == [False, False, True]
    assert keys(proposal["steps"][0]) == {"package", "because", "excluded", "choice"}
    another_plan = {"roots", "packages", "installed_bytes", "download_bytes", "why_not"}
    assert keys(proposal["apt_default"]) == keys(proposal["others"][0]) == another_plan
    assert keys(proposal["remedies"][0]) == {
        "id", "needs", "action", "change", "saved_bytes", "confidence", "evidence", "locations", "row",
        "references",
    }  # fmt: skip
    assert [remedy["saved_bytes"] for remedy in proposal["remedies"]] == [1500000, None]
    assert keys(proposal["shares"][0]) == {
        "family", "roots", "installed_bytes", "for_families", "needs", "why", "option", "separate_bytes",
        "carried_by",
    }  # fmt: skip
    assert keys(proposal["verification"]) == {"outcome", "how", "why", "installed", "loaded", "failed"}
    assert proposal["dockerfile"]["patch"].startswith("--- a/docker/family-audio/Dockerfile\n")


def test_every_dockerfile_of_an_addition_is_in_the_document() -> None:
    plan = audio_plan()
    base = Placement(
        "base", BASE_DOCKERFILE, patch="--- a/x\n", is_written=False, why_not_written="it changed"
    )
    place = msgspec.structs.replace(plan.placement, also=(base,))
    report = msgspec.structs.replace(
        planned_report(), proposal=msgspec.structs.replace(plan, placement=place, instructions="COPY a b")
    )

    proposal = decoded(deps_document([report], OPTIONS))["proposal"]

    assert isinstance(proposal, dict)
    (also,) = proposal["also"]
    assert also["dockerfile"] == {
        "path": "docker/base-gpu-cu121/Dockerfile", "line": 4, "why": "", "patch": "--- a/x\n"
    }  # fmt: skip
    assert (also["placement"], also["written"], also["why_not_written"]) == ("base", False, "it changed")
    assert proposal["instructions"] == "COPY a b"


def test_apts_own_plan_is_null_where_apt_alone_would_come_to_the_same() -> None:
    proposal = decoded(deps_document([deps_report()], OPTIONS))["proposal"]

    assert isinstance(proposal, dict)
    assert proposal["apt_default"] is None


def test_a_package_that_nothing_needs_says_whence_it_came_and_what_it_goes_with() -> None:
    document = decoded(deps_document([planned_report(), clean_report()], OPTIONS))
    subjects = document["subjects"]
    assert isinstance(subjects, list)
    planned, clean = subjects

    by_name = {surplus["package"]: surplus for surplus in planned["surplus"]}
    assert by_name["cmake-data"]["goes_with"] == "cmake"
    assert by_name["cmake"]["goes_with"] is None
    assert by_name["fonts-noto"]["inherited"] is True
    assert by_name["fonts-noto"]["dockerfile"] == {"path": "docker/base-gpu-cu121/Dockerfile", "line": 4}
    assert (planned["surplus_examined"], clean["surplus_examined"]) == (True, False)


def test_imports_has_the_fields_of_the_contract() -> None:
    document = decoded(imports_document([imports_report()], OPTIONS))

    assert {
        "name", "entry", "files", "imports", "missing", "unused_distributions", "native_loads", "programs",
        "path_edits", "extension_modules",
    } <= keys(first(document, "services"))  # fmt: skip
    assert first(document, "services", "imports", "provided_by") == "family:base-cpu-pydeps"
    assert {"module", "suggestions", "context", "locations"} <= keys(first(document, "services", "missing"))
    assert keys(first(document, "unparsed")) == {
        "path", "line", "error", "recovered", "parser", "skimmed",
    }  # fmt: skip


def test_ldd_has_the_fields_of_the_contract() -> None:
    document = decoded(ldd_document([ldd_report()], OPTIONS))

    assert document["counts"] == {"elf": 1214, "extension_modules": 233, "entry_points": 3}
    assert {"path", "kind", "module", "distribution", "problems"} <= keys(first(document, "entries"))
    assert {"package", "layer", "origin"} <= keys(first(document, "entries"))
    assert keys(first(document, "entries", "problems")) == {
        "kind",
        "soname",
        "wanted_by",
        "searched",
        "detail",
    }


def test_no_image_is_null_and_not_left_out() -> None:
    document = decoded(deps_document([DepsReport(subject="a", family="a")], OPTIONS))

    assert document["image"] is None


@pytest.mark.parametrize("text", ["\udcff", "a\ud800b"])
def test_a_file_name_that_utf_8_cannot_carry_is_written_as_its_escape(text: str) -> None:
    document = msgspec.json.decode(encode({"path": [text], text: 1}))

    assert document["path"] == [text.encode(errors="backslashreplace").decode()]


def test_what_is_measured_about_a_run_is_in_no_document() -> None:
    report: Judged = deps_report()

    assert isinstance(report, DepsReport)
    assert "seconds" not in deps_document([report], OPTIONS)

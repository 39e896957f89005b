"""Which stored audits a report is about: what is damaged or not there is told, and never left out."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.fleet import Family, Fleet, Manifest, Service
from fleet_audit.audit.model.stored_audit import AuditUnreadable
from fleet_audit.audit.pipeline.audits.reporting import as_stored, audits_in, audits_of, file_of
from fleet_audit.audit.pipeline.audits.stored import store
from tests.support.gated import audit, blocking


def names(folder: Path, *words: str, fleet: Fleet | None = None) -> dict[str, str]:
    return {one.subject: one.verdict.value for one in audits_in(folder, words, fleet)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with audits of two subjects."""
    store(audit("vision", blocking()), tmp_path)
    store(audit("web"), tmp_path)
    return tmp_path


def test_without_names_all_that_is_stored_is_reported(folder: Path) -> None:
    assert names(folder) == {"vision": "fail", "web": "pass"}


def test_the_newest_audit_of_a_subject_counts(folder: Path) -> None:
    newer = msgspec.structs.replace(audit("vision"), created="2026-11-21T00:00:00Z", image=None)
    store(newer, folder)

    assert names(folder, "vision") == {"vision": "pass"}


def test_what_has_no_audit_is_incomplete(folder: Path) -> None:
    assert names(folder, "web", "nobody") == {"web": "pass", "nobody": "incomplete"}


def test_what_is_damaged_keeps_its_subject_from_passing(folder: Path) -> None:
    (folder / "web" / "other.audit.json").write_text("{")

    assert names(folder, "web") == {"web": "incomplete"}
    assert names(folder, "vision") == {"vision": "fail"}


def test_without_names_what_is_damaged_is_a_subject_of_its_own(folder: Path) -> None:
    broken = folder / "old" / "x.audit.json"
    broken.parent.mkdir()
    broken.write_text("{")

    assert names(folder) == {"vision": "fail", "web": "pass", str(broken): "incomplete"}


def test_a_folder_without_audits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditUnreadable, match="holds no audits"):
        audits_in(tmp_path, (), None)


def test_a_name_twice_is_one_report(folder: Path) -> None:
    assert len(audits_in(folder, ("web", "web"), None)) == 1


def test_a_service_without_an_image_is_in_its_familys_report(folder: Path) -> None:
    assert names(folder, "face", fleet=fleet()) == {"vision": "fail"}


def test_an_audit_of_the_service_itself_comes_before_its_familys(folder: Path) -> None:
    store(audit("face"), folder)

    assert names(folder, "face", fleet=fleet()) == {"face": "pass"}


def test_a_name_that_the_manifest_does_not_have_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean vision"):
        audits_in(folder, ("visoin",), fleet())


def test_an_audit_in_a_file_is_read_as_it_is(folder: Path) -> None:
    (one,) = audits_of([Path(file_of(audit("vision"), folder))])

    assert [image.audit for image in as_stored([one])] == [one]
    assert one.verdict == "fail"


def test_an_audit_that_is_not_stored_has_no_file(folder: Path) -> None:
    assert file_of(audit("nobody"), folder) == ""


def fleet() -> Fleet:
    """Return a fleet with one family and one service on it."""
    manifest = Manifest(
        version=1,
        fleet="small",
        families={"vision": Family()},
        services=(Service(name="face", family="vision", entry="app.py"),),
    )
    return Fleet(manifest=manifest, file="fleet.yaml", root=".")

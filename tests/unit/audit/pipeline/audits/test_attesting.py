"""Statements are written for a pass alone, all or none, and none of an earlier gate is left."""

import json
from pathlib import Path

import pytest

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.audit import AuditReport
from fleet_audit.audit.model.gating import GatedImage, gated
from fleet_audit.audit.model.identity import ImageRef
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.pipeline.audits.attesting import AttestationFailed, Attesting, Signing
from fleet_audit.audit.pipeline.audits.stored import store
from tests.support.gated import audit, blocking
from tests.support.scanner_programs import program

AT = "2026-11-20T09:00:00Z"
OURS = '{"predicateType": "https://slsa.dev/verification_summary/v1"}'


def stored(folder: Path, one: AuditReport) -> GatedImage:
    return gated(one, file=str(store(one, folder / "audits")))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_each_image_has_a_statement_of_its_own(tmp_path: Path) -> None:
    images = [stored(tmp_path, audit("vision")), stored(tmp_path, audit("web"))]

    written = Attesting(tmp_path / "vsa").attest(images, AT)

    assert [path.name for path in written] == ["vision.vsa.intoto.json", "web.vsa.intoto.json"]
    told = json.loads(written[0].read_text())
    assert told["subject"][0]["name"] == "oci:build/images:vision"
    assert told["predicate"]["inputAttestations"][0]["uri"].endswith("vision/9b1e9b1e9b1e9b1e.audit.json")


def test_the_digest_is_that_of_the_stored_audit(tmp_path: Path) -> None:
    image = stored(tmp_path, audit("vision"))
    (before,) = Attesting(tmp_path / "vsa").attest([image], AT)
    first = json.loads(before.read_text())["predicate"]["inputAttestations"]

    Path(image.file).write_bytes(b"another")
    (after,) = Attesting(tmp_path / "vsa").attest([image], AT)

    assert json.loads(after.read_text())["predicate"]["inputAttestations"] != first


@pytest.mark.parametrize(
    "last",
    [
        audit("web", blocking()),
        audit("web", image=ImageIdentity(ImageRef("dir", "/root"))),
        audit("web", image=None),
    ],
)
def test_where_one_image_cannot_be_attested_none_is(tmp_path: Path, last: AuditReport) -> None:
    images = [stored(tmp_path, audit("vision")), stored(tmp_path, last)]

    with pytest.raises(AttestationFailed, match="web"):
        Attesting(tmp_path / "vsa").attest(images, AT)

    assert names(tmp_path / "vsa") == []


def test_where_a_signature_fails_no_statement_and_no_signature_is_left(tmp_path: Path) -> None:
    images = [stored(tmp_path, audit("vision")), stored(tmp_path, audit("web"))]
    script = ('case "$4" in *web*) echo no >&2; exit 1;; esac', 'echo signed > "$6"')
    signing = Signing(program(tmp_path / "bin", "cosign", *script))

    with pytest.raises(AttestationFailed, match="ended with status 1: no"):
        Attesting(tmp_path / "vsa", signing=signing).attest(images, AT)

    assert names(tmp_path / "vsa") == []


def test_an_audit_that_is_gone_is_not_attested(tmp_path: Path) -> None:
    image = stored(tmp_path, audit("vision"))
    Path(image.file).unlink()

    with pytest.raises(AttestationFailed, match="nothing is attested"):
        Attesting(tmp_path / "vsa").attest([image], AT)


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AttestationFailed, match="nothing is attested"):
        Attesting(tmp_path / "file" / "vsa").attest([stored(tmp_path, audit("vision"))], AT)


def test_what_an_earlier_gate_stated_of_the_same_subjects_is_withdrawn_with_its_signature(
    tmp_path: Path,
) -> None:
    for name in ("vision.vsa.intoto.json", "web.vsa.intoto.json"):
        (tmp_path / name).write_text(OURS)
    (tmp_path / "vision.vsa.intoto.sigstore.json").write_text("signed")
    (tmp_path / "notes.txt").write_text("mine")

    Attesting(tmp_path).withdraw(["vision", "new"])

    assert names(tmp_path) == ["notes.txt", "web.vsa.intoto.json"]


@pytest.mark.parametrize(
    "text", ["", "not JSON", "[]", '{"predicateType": "https://other.example"}', "[" * 9999]
)
def test_what_is_no_statement_is_left_alone_and_nothing_else_is_withdrawn(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.vsa.intoto.json").write_text(OURS)
    (tmp_path / "vision.vsa.intoto.json").write_text(text)

    with pytest.raises(UsageError, match="is left alone"):
        Attesting(tmp_path).withdraw(["a", "vision"])

    assert names(tmp_path) == ["a.vsa.intoto.json", "vision.vsa.intoto.json"]


def test_a_statement_that_cannot_be_withdrawn_is_an_error_in_words(tmp_path: Path) -> None:
    place = tmp_path / "vision.vsa.intoto.json"
    place.write_text(OURS)
    (tmp_path / "vision.vsa.intoto.sigstore.json").mkdir()

    with pytest.raises(AttestationFailed, match="cannot be withdrawn: Is a directory; remove"):
        Attesting(tmp_path).withdraw(["vision"])


def test_links_and_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text(OURS)
    (tmp_path / "link.vsa.intoto.json").symlink_to(tmp_path / "real.json")
    (tmp_path / "folder.vsa.intoto.json").mkdir()

    for name in ("link", "folder"):
        with pytest.raises(UsageError, match="is left alone"):
            Attesting(tmp_path).withdraw([name])

    assert len(names(tmp_path)) == 3


def test_no_name_of_a_subject_leads_out_of_the_folder(tmp_path: Path) -> None:
    image = stored(tmp_path, audit("../../etc/x"))

    (written,) = Attesting(tmp_path / "vsa").attest([image], AT)

    assert written.parent == tmp_path / "vsa"

"""Audits in a folder: whole or not at all, and whatever else lies there is refused in words."""

import os
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.model.audit import AuditReport, EvidencePart, Statement
from fleet_audit.audit.model.stored_audit import SCHEMA, AuditUnreadable, audit_of, document_of, encoded
from fleet_audit.audit.pipeline.audits.stored import (
    AuditsUnwritable,
    file_name,
    newest,
    newest_audits,
    read_audit,
    store,
    stored_audits,
)
from tests.support.gated import audit, blocking, blocking_gap, image


def test_what_is_stored_is_read_back(tmp_path: Path) -> None:
    one = audit("vision", blocking(), gaps=(blocking_gap(),))

    place = store(one, tmp_path / "audits")

    assert place.relative_to(tmp_path / "audits").as_posix() == "vision/9b1e9b1e9b1e9b1e.audit.json"
    assert read_audit(place) == one
    assert stored_audits(tmp_path / "audits") == ([one], [])


def test_an_audit_of_the_same_image_replaces_the_one_before(tmp_path: Path) -> None:
    store(audit("vision", blocking()), tmp_path)
    store(audit("vision"), tmp_path)

    assert stored_audits(tmp_path)[0] == [audit("vision")]
    assert [path.name for path in (tmp_path / "vision").iterdir()] == ["9b1e9b1e9b1e9b1e.audit.json"]


def test_builds_of_one_family_stand_side_by_side_and_the_newest_counts(tmp_path: Path) -> None:
    old = audit("vision", created="2026-11-01T00:00:00Z")
    new = audit("vision", created="2026-11-19T00:00:00Z", image=image("vision", "abcd"))
    for one in (new, old):
        store(one, tmp_path)

    assert newest(stored_audits(tmp_path)[0]) == [new]
    assert newest_audits(tmp_path) == ([new], [])


def test_of_two_images_at_one_time_none_is_taken_for_the_newer(tmp_path: Path) -> None:
    one, other = audit("vision"), audit("vision", image=image("vision", "abcd"))
    later = audit("vision", created="2026-11-21T00:00:00Z", image=image("vision", "0123"))
    first, second = (store(each, tmp_path) for each in (one, other))

    _, refused = newest_audits(tmp_path)
    store(later, tmp_path)

    assert [each.file for each in refused] == [str(second)]
    assert f"of the same time as {first}" in refused[0].why
    assert newest_audits(tmp_path) == ([later], [])


def test_an_image_that_is_there_comes_before_that_it_was_not_at_the_same_time(tmp_path: Path) -> None:
    there = audit("vision")
    for each in (there, audit("vision", image=None)):
        store(each, tmp_path)

    assert newest_audits(tmp_path) == ([there], [])


def test_a_newest_audit_that_is_damaged_is_told_beside_the_one_before(tmp_path: Path) -> None:
    old = audit("vision", created="2026-11-01T00:00:00Z", image=image("vision", "abcd"))
    store(old, tmp_path)
    place = store(audit("vision"), tmp_path)
    place.write_bytes(place.read_bytes().replace(b'"findings":[]', b'"findings":7'))

    audits, refused = newest_audits(tmp_path)

    assert audits == [old]
    assert [each.file for each in refused] == [str(place)]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..", ".", ".hidden", "/etc", "a/b", "oci:images:x", "", "\udc80\n", "x" * 900],
)
def test_no_name_leads_out_of_the_folder_or_hides_in_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "audits"

    place = store(audit(name), folder)

    assert place.resolve().parent.parent == folder.resolve()
    assert not any(part.startswith(".") for part in place.relative_to(folder).parts)
    assert len(stored_audits(folder)[0]) == 1


def test_long_names_that_begin_alike_stay_apart() -> None:
    assert file_name(audit("x" * 300 + "a")) != file_name(audit("x" * 300 + "b"))


def test_names_that_are_no_text_are_stored_as_their_escapes(tmp_path: Path) -> None:
    statement = Statement("need", {"wanted_by": ["\udcff"]}, "so:\udcff.so")
    place = store(audit("vision", evidence=(EvidencePart("deps", (statement,)),)), tmp_path)

    assert read_audit(place).evidence[0].statements[0].name == "so:\\udcff.so"


def test_the_document_says_what_follows_from_it_and_that_is_not_read_from_it() -> None:
    document = document_of(audit("vision", blocking(), gaps=(blocking_gap(),)))
    assert (document["schema"], document["verdict"]) == (SCHEMA, "fail")
    assert (document["findings"][0]["blocks"], document["gaps"][0]["blocking"]) == (True, True)

    document["verdict"] = "pass"
    document["findings"][0]["blocks"] = False
    document["gaps"][0]["blocking"] = False

    assert audit_of(msgspec.json.encode(document), "a.json").verdict == "fail"


def of_schema(schema: str, **fields: object) -> bytes:
    return msgspec.json.encode({**document_of(audit("vision")), "schema": schema, **fields})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "damaged"),
        (b"not JSON", "damaged"),
        (b"[]", "damaged"),
        (b"{}", "JSON without a schema"),
        (b"\xff\xfe{}", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"schema": "fleet-audit.audit/1"}', "missing required field `subject`"),
        (encoded(audit("vision"))[:-40], "damaged"),
        (of_schema("fleet-audit.deps/1"), "a document of the schema 'fleet-audit.deps/1'"),
        (of_schema("fleet-audit.audit/2", tool={"version": "9.9"}), "written by fleet-audit 9.9"),
        (of_schema("fleet-audit.audit/0"), "audit the image again"),
        (of_schema(SCHEMA, findings="none"), "`$.findings`"),
        (
            of_schema(SCHEMA, gaps=[{"stage": "x", "kind": "unheard-of", "what": "", "why": ""}]),
            "`$.gaps[0].kind`",
        ),
        (of_schema(SCHEMA, image={"ref": 3}), "`$.image.ref`"),
    ],
)
def test_what_is_no_audit_is_refused_with_what_it_is_instead(body: bytes, words: str) -> None:
    with pytest.raises(AuditUnreadable) as caught:
        audit_of(body, "a.json")

    assert str(caught.value).startswith("a.json: ")
    assert words in str(caught.value)


def test_an_audit_that_is_still_one_but_not_what_was_written_is_refused() -> None:
    body = encoded(audit("vision", blocking()))

    for changed in (body.replace(b'"error"', b'"warn"'), body.replace(b'"evidence"', b'"evidense"')):
        with pytest.raises(AuditUnreadable, match="is not what was written, by its checksum"):
            audit_of(changed, "a.json")


def test_the_end_of_a_line_behind_an_audit_changes_nothing() -> None:
    written = audit("vision", blocking())

    assert audit_of(encoded(written) + b"\n", "a.json") == written


def test_a_huge_file_is_refused_without_being_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = store(audit("vision"), tmp_path)
    monkeypatch.setattr("fleet_audit.audit.model.stored_audit.MAX_AUDIT_BYTES", 100)
    monkeypatch.setattr("fleet_audit.audit.pipeline.audits.stored.MAX_AUDIT_BYTES", 100)

    with pytest.raises(AuditUnreadable, match="is larger than"):
        read_audit(place)


def test_pipes_and_folders_in_the_place_of_an_audit_are_refused_and_the_others_read(tmp_path: Path) -> None:
    store(audit("vision"), tmp_path)
    os.mkfifo(tmp_path / "vision" / "pipe.audit.json")
    (tmp_path / "vision" / "gone.audit.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "vision" / "notes.txt").write_text("no audit, and not asked for")
    (tmp_path / "vision" / "damaged.audit.json").write_text("{")

    audits, refused = stored_audits(tmp_path)

    assert audits == [audit("vision")]
    assert sorted(Path(each.file).name for each in refused) == [
        "damaged.audit.json",
        "gone.audit.json",
        "pipe.audit.json",
    ]


def test_a_link_among_audits_is_not_followed_into_other_folders(tmp_path: Path) -> None:
    store(audit("vision"), tmp_path / "elsewhere")
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "vision").symlink_to(tmp_path / "elsewhere" / "vision")

    assert stored_audits(tmp_path / "audits") == ([], [])


@pytest.mark.parametrize(("name", "words"), [("nothing", "there is no such"), ("file", "is a file")])
def test_what_is_no_folder_of_audits_is_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AuditUnreadable, match=words):
        stored_audits(tmp_path / name)


def test_an_audit_that_cannot_be_stored_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = store(audit("vision", blocking()), tmp_path)
    before = place.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AuditsUnwritable, match="No space left on device"):
        store(audit("vision"), tmp_path)

    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_folder_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(AuditsUnwritable, match="name another with --audits"):
        store(AuditReport(subject="vision"), tmp_path / "file" / "audits")

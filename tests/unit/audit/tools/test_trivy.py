"""trivy is asked, and no answer of it passes for one that finds nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.tools import trivy
from fleet_audit.audit.tools.process import ToolError, ToolTimedOut, run
from fleet_audit.audit.tools.scanner import AnswerUnreadable, Scanner
from fleet_audit.audit.tools.trivy import DatabaseUnusable, TrivyKind, TrivyTarget
from tests.support.record_scanners import TRIVY
from tests.support.scanner_programs import trivy_that
from tests.support.trivy_database import DEBIAN, MADE, PYPI, write_trivy_database
from tests.support.vulnerable_image import FINDINGS

IMAGE = TrivyTarget(TrivyKind.IMAGE, Path("image.tar"))


def _found(path: Path) -> Scanner:
    found = trivy.find_trivy({"PATH": str(path.parent)})
    assert found is not None
    return found


def _scan(folder: Path, *lines: str, timeout: float = 60.0) -> trivy.TrivyReport:
    scanner = _found(trivy_that(folder / "bin", *lines))
    caches = write_trivy_database(folder / "caches")
    return trivy.scan(scanner, IMAGE, caches=caches, folder=folder / "work", timeout=timeout)


def test_what_it_recorded_of_an_image_is_read_whole() -> None:
    report = trivy.parse(TRIVY.read_bytes())

    found = [each for result in report.results or () for each in result.vulnerabilities or ()]
    by_id = {(each.pkg_name, each.vulnerability_id): each for each in found}
    torch, zlib = by_id["torch", "CVE-2025-32434"], by_id["zlib1g", "CVE-2023-45853"]
    assert set(by_id) == FINDINGS
    assert (torch.fixed_version, torch.status) == ("2.6.0", "fixed")
    assert torch.vendor_severity == {"ghsa": 4, "nvd": 4}
    assert torch.cvss is not None
    assert (torch.cvss["ghsa"].v4_score, torch.cvss["nvd"].v3_score) == (9.3, 9.8)
    assert by_id["libwebp7", "CVE-2023-4863"].vendor_ids == ("DSA-5497-1",)
    assert (zlib.installed_version, zlib.fixed_version, zlib.status) == (
        "1:1.2.13.dfsg-1",
        None,
        "will_not_fix",
    )
    assert report.metadata.os == trivy.TrivyOS("debian", "12.15")


def test_packages_keep_the_source_that_advisories_are_of() -> None:
    report = trivy.parse(TRIVY.read_bytes())

    packages = {each.name: each for result in report.results or () for each in result.packages or ()}
    zlib = packages["zlib1g"]
    assert (zlib.src_name, zlib.src_epoch, zlib.src_version, zlib.src_release) == (
        "zlib",
        1,
        "1.2.13.dfsg",
        "1",
    )
    assert zlib.layer.diff_id.startswith("sha256:")


def test_fixed_versions_may_be_a_list() -> None:
    document = json.loads(TRIVY.read_bytes())
    document["Results"][0]["Vulnerabilities"][0]["FixedVersion"] = ["1", "2"]

    report = trivy.parse(json.dumps(document).encode())

    assert report.results is not None
    assert report.results[0].vulnerabilities is not None
    assert report.results[0].vulnerabilities[0].fixed_version == ("1", "2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"SchemaVersion": 3}, "it has schema 3, and 2"),
        ({"SchemaVersion": "2"}, "SchemaVersion"),
        ({"Results": {}}, "Results"),
        ({"Results": [{"Target": "x", "Vulnerabilities": [{"VulnerabilityID": "CVE-1"}]}]}, "PkgName"),
    ],
)
def test_what_is_of_another_form_is_none_of_its_answers(change: dict[str, object], words: str) -> None:
    document = json.loads(TRIVY.read_bytes()) | change

    with pytest.raises(AnswerUnreadable, match=words):
        trivy.parse(json.dumps(document).encode())


@pytest.mark.parametrize("length", [0, 1, 5000])
def test_an_answer_that_is_cut_short_is_none(length: int) -> None:
    with pytest.raises(AnswerUnreadable):
        trivy.parse(TRIVY.read_bytes()[:length])


def test_its_answer_comes_through_a_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    report = _scan(tmp_path, f"cat '{TRIVY}' > \"$OUT\"")

    assert report.results is not None
    assert list((tmp_path / "work").iterdir()) == []


def test_it_is_told_to_make_no_connection_and_to_ignore_nothing(tmp_path: Path) -> None:
    told = tmp_path / "told"

    _scan(tmp_path, f"echo \"$@\" > '{told}'; env >> '{told}'; pwd >> '{told}'", f"cat '{TRIVY}' > \"$OUT\"")

    words, *lines = told.read_text().splitlines()
    assert {"--skip-db-update", "--skip-java-db-update", "--offline-scan", "--list-all-pkgs"} <= set(
        words.split()
    )
    assert f"--cache-backend memory --cache-dir {tmp_path / 'caches'}" in words
    assert {"TRIVY_DISABLE_TELEMETRY=true", "TRIVY_SKIP_VERSION_CHECK=true", f"HOME={lines[-1]}"} <= set(
        lines
    )
    # What it would ignore or be configured by lies in the folder where it runs.
    assert lines[-1].startswith(str(tmp_path / "work"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 0", "it is empty"),
        (': > "$OUT"', "it is empty"),
        ('truncate -s 2G "$OUT"', "it has 2147483648 bytes"),
        (f"head -c 3000 '{TRIVY}' > \"$OUT\"", "cannot be read"),
        ('echo "{}" > "$OUT"', "SchemaVersion"),
        ("echo '\033[31mFATAL\033[0m scan error' >&2; exit 1", "status 1: FATAL scan error"),
        (f"cat '{TRIVY}' > \"$OUT\"; exit 1", "status 1"),
        (
            "printf 'now\\tINFO\\tenabled\\nnow\\tFATAL\\tdisk full\\n' >&2; exit 1",
            "status 1: now FATAL disk full",
        ),
        ("kill -BUS $$", "status -7"),
    ],
)
def test_an_answer_that_is_none_is_an_error_in_words(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        _scan(tmp_path, line)

    assert list((tmp_path / "work").iterdir()) == []


def test_without_the_database_of_java_archives_all_else_is_scanned(tmp_path: Path) -> None:
    report = _scan(
        tmp_path,
        'case "$*" in *--skip-files*) ;; *)',
        'echo "The first run cannot skip downloading Java DB" >&2; exit 1;; esac',
        f"cat '{TRIVY}' > \"$OUT\"",
    )

    assert report.has_unread_java
    assert report.results == trivy.parse(TRIVY.read_bytes()).results
    assert not trivy.parse(TRIVY.read_bytes()).has_unread_java


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ToolTimedOut):
        _scan(tmp_path, "sleep 60", timeout=0.2)


@pytest.mark.parametrize(
    "said",
    [
        "ERROR [vulndb] The first run cannot skip downloading DB",
        "ERROR The local DB has an old schema version which is not supported by the current version",
    ],
)
def test_a_database_that_trivy_refuses_is_told_with_what_to_do(tmp_path: Path, said: str) -> None:
    with pytest.raises(DatabaseUnusable, match="--download-db-only"):
        _scan(tmp_path, f"echo '{said}' >&2; exit 1")


def test_a_database_says_its_age_and_what_it_knows(tmp_path: Path) -> None:
    state = trivy.database(write_trivy_database(tmp_path))

    assert (state.version, state.updated_at) == (2, MADE)
    assert state.next_update == datetime(2099, 1, 1, tzinfo=UTC)
    assert {DEBIAN, PYPI} <= set(state.sources)


def test_another_database_has_another_identity(tmp_path: Path) -> None:
    one = trivy.database(write_trivy_database(tmp_path / "a"))
    other = trivy.database(write_trivy_database(tmp_path / "b", made=datetime(2026, 11, 2, tzinfo=UTC)))

    assert one.identity != other.identity


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("rm trivy.db", "is not there"),
        ("rm metadata.json", "is not there"),
        ("echo {} > metadata.json", "description that cannot be read"),
        ("echo '{\"Version\": 2' > metadata.json", "description that cannot be read"),
        ("sed -i s/Z//g metadata.json", "description that cannot be read"),
        ('sed -i \'s/"Version": 2/"Version": 9/\' metadata.json', "is of version 9, and 2 is the one"),
        ("truncate -s 12288 trivy.db", "is damaged: it should have"),
        ("truncate -s 0 trivy.db", "is damaged: it is empty"),
        ("echo garbage > trivy.db", "is damaged: it is no file of bbolt's"),
        ("rm trivy.db; mkdir trivy.db", "cannot be read"),
    ],
)
def test_a_missing_or_damaged_database_keeps_trivy_from_being_asked(
    tmp_path: Path, damage: str, words: str
) -> None:
    caches = write_trivy_database(tmp_path / "caches")
    run(["/bin/sh", "-c", damage], timeout=10, env={"PATH": "/usr/bin:/bin"}, cwd=caches / "db")
    scanner = _found(trivy_that(tmp_path / "bin", f"cat '{TRIVY}' > \"$OUT\""))

    with pytest.raises(DatabaseUnusable, match=words):
        trivy.scan(scanner, IMAGE, caches=caches, folder=tmp_path / "work")


def test_results_of_which_the_database_has_no_source_are_told(tmp_path: Path) -> None:
    state = trivy.database(write_trivy_database(tmp_path))
    report = trivy.parse(TRIVY.read_bytes())
    newer = msgspec.structs.replace(report, metadata=trivy.TrivyMetadata(os=trivy.TrivyOS("debian", "13.1")))
    empty = msgspec.structs.replace(state, sources=("vulnerability",))

    assert trivy.unknown_to(state, report) == ()
    assert [result.type for result in trivy.unknown_to(state, newer)] == ["debian"]
    assert [result.type for result in trivy.unknown_to(empty, report)] == ["debian", "python-pkg"]


def test_the_cache_folder_is_the_users_own() -> None:
    assert trivy.cache_folder({"TRIVY_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}) == Path("/a")
    assert trivy.cache_folder({"XDG_CACHE_HOME": "/b", "HOME": "/c"}) == Path("/b/trivy")
    assert trivy.cache_folder({"HOME": "/c"}) == Path("/c/.cache/trivy")


def test_an_update_is_the_only_run_that_hears_of_proxies(tmp_path: Path) -> None:
    told = tmp_path / "told"
    source = write_trivy_database(tmp_path / "source")
    scanner = _found(
        trivy_that(
            tmp_path / "bin", f"echo \"$@\" > '{told}'; env >> '{told}'; cp -r '{source}/db' '{tmp_path}/new'"
        )
    )
    (tmp_path / "new").mkdir()
    environment = {"HTTPS_PROXY": "http://proxy.example:3128", "AWS_SECRET_ACCESS_KEY": "x"}

    state = trivy.update_database(scanner, tmp_path / "new", environment, folder=tmp_path / "work")

    said = told.read_text()
    assert state.updated_at == MADE
    assert "--download-db-only" in said
    assert "HTTPS_PROXY=http://proxy.example:3128" in said
    assert "AWS_SECRET_ACCESS_KEY" not in said


def test_an_update_that_leaves_no_database_is_an_error(tmp_path: Path) -> None:
    scanner = _found(trivy_that(tmp_path / "bin", "exit 0"))

    with pytest.raises(DatabaseUnusable):
        trivy.update_database(scanner, tmp_path / "new", {}, folder=tmp_path / "work")


def test_what_does_not_say_its_version_is_not_asked(tmp_path: Path) -> None:
    path = trivy_that(tmp_path)
    path.write_text("#!/bin/sh\necho hello\n")

    with pytest.raises(ToolError, match="does not say its version"):
        trivy.find_trivy({"PATH": str(tmp_path)})

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.images.open import Image, open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.scanners.scanning import (
    SCANS,
    Scanned,
    advisories_found,
    packages_found,
    scan_target,
)
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.scanner import AnswerUnreadable, Scanner
from fleet_audit.audit.tools.syft import SyftDocument
from fleet_audit.audit.tools.trivy import DatabaseUnusable
from tests.support.images import OS_RELEASE, Content, image, sparse_layer
from tests.support.scanner_programs import syft_that, trivy_that
from tests.support.trivy_database import write_trivy_database

FILES: Mapping[str, Content] = {"etc/os-release": OS_RELEASE, "package.json": "{}"}
_LOCATION = '{"path": "/package.json", "layerID": "sha256:\'$LAYER\'"}'
_ARTIFACT = (
    '{"id": "1", "name": "a", "version": "1", "type": "npm", "foundBy": "x", "locations": ['
    + _LOCATION
    + '], "metadata": {"places": [[], '
    + _LOCATION
    + "]}}"
)
SYFT_ANSWER = (
    'echo run >> "$0.runs"',
    'LAYER=$(tar -xOf "${2#docker-archive:}" 0/layer.tar | sha256sum | cut -d" " -f1)',
    'echo \'{"schema": {"version": "16.0.0"}, "descriptor": {"name": "syft", "version": "1.18.1"}, '
    '"source": {"id": "s", "name": "n", "version": "", "type": "image", "metadata": {}}, '
    '"artifacts": [' + _ARTIFACT + '], "artifactRelationships": []}\' > "$OUT"',
)
TRIVY_ANSWER = (
    'echo run >> "$0.runs"',
    'LAYER=$(tar -xOf "$INPUT" 0/layer.tar | sha256sum | cut -d" " -f1)',
    (
        'echo \'{"SchemaVersion": 2, "ArtifactName": "x", "ArtifactType": "container_image", '
        '"Metadata": {"DiffIDs": ["sha256:\'$LAYER\'"]}}\' > "$OUT"'
    ),
)
_INPUT = 'for word; do if [ "$last" = --input ]; then INPUT="$word"; fi; last="$word"; done'


def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", created="2026-11-20T00:00:00Z")


def syft(tmp_path: Path, *lines: str, identity: str = "one", version: str = "1.18.1") -> Scanner:
    return Scanner("syft", syft_that(tmp_path / "bin", *(lines or SYFT_ANSWER)), version, identity)


def trivy(tmp_path: Path) -> Scanner:
    return Scanner("trivy", trivy_that(tmp_path / "bin", _INPUT, *TRIVY_ANSWER), "0.68.2", "one")


def runs(scanner: Scanner) -> int:
    counted = scanner.path.with_name(f"{scanner.path.name}.runs")
    return len(counted.read_text().split()) if counted.exists() else 0


def opened(tmp_path: Path, files: Mapping[str, Content] = FILES) -> Image:
    ref = image(files).write(tmp_path / "image")
    return open_image(ref, store=LayerStore(tmp_path / "cache" / "layers"))


def found(tmp_path: Path, scanner: Scanner, *, full: bool = False) -> Scanned[SyftDocument]:
    with opened(tmp_path) as looked_at:
        return packages_found(looked_at, scanner, settings(tmp_path), full=full)


def test_layers_are_those_of_the_image(tmp_path: Path) -> None:
    with opened(tmp_path) as looked_at:
        document = packages_found(looked_at, syft(tmp_path), settings(tmp_path)).document

        (artifact,) = document.artifacts
        (layer,) = looked_at.identity.layers
        assert [place.layer_id for place in artifact.locations] == [layer.diff_id]
        # What is said of one kind of package names files too.
        said = {"places": [[], {"path": "/package.json", "layerID": layer.diff_id}]}
        assert msgspec.json.decode(artifact.metadata) == said


def test_advisories_name_the_layers_of_the_image_and_the_image(tmp_path: Path) -> None:
    caches = tmp_path / "trivy"
    write_trivy_database(caches)

    with opened(tmp_path) as looked_at:
        report = advisories_found(looked_at, trivy(tmp_path), caches, settings(tmp_path)).document

        assert report.metadata.diff_ids == (looked_at.identity.layers[0].diff_id,)
        assert report.artifact_name == str(looked_at.identity.ref)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ('"ArtifactType": "filesystem"', "it is about a 'filesystem', and an image was shown"),
        (
            '"ArtifactType": "container_image", "Metadata": {"DiffIDs": ["sha256:other"]}',
            "it is about another image",
        ),
    ],
)
def test_advisories_on_anything_else_than_what_was_shown_are_no_answer(
    tmp_path: Path, told: str, words: str
) -> None:
    caches = write_trivy_database(tmp_path / "trivy")
    answer = f'{{"SchemaVersion": 2, "ArtifactName": "x", {told}}}'
    other = Scanner("trivy", trivy_that(tmp_path / "bin", f"echo '{answer}' > \"$OUT\""), "0.68.2", "one")

    with opened(tmp_path) as looked_at, pytest.raises(AnswerUnreadable, match=words):
        advisories_found(looked_at, other, caches, settings(tmp_path))


def test_the_same_program_is_asked_once_about_an_image(tmp_path: Path) -> None:
    scanner = syft(tmp_path)

    first, second = found(tmp_path, scanner), found(tmp_path, scanner)

    assert first == second
    assert runs(scanner) == 1


def test_until_syft_answers_something_else_is_done(tmp_path: Path) -> None:
    # It waits for what is done meanwhile.
    scanner = syft(tmp_path, 'until [ -e "$0.go" ]; do sleep 0.01; done', *SYFT_ANSWER)

    def meanwhile() -> None:
        scanner.path.with_name("syft.go").touch()
        raise ValueError("passed over")

    with opened(tmp_path) as looked_at:
        answer = packages_found(looked_at, scanner, settings(tmp_path), timeout=30, meanwhile=meanwhile)

    assert len(answer.document.artifacts) == 1


def test_another_program_and_the_whole_image_are_another_question(tmp_path: Path) -> None:
    found(tmp_path, syft(tmp_path))
    found(tmp_path, syft(tmp_path, identity="two"))
    found(tmp_path, syft(tmp_path), full=True)

    assert runs(syft(tmp_path)) == 3


def test_another_database_is_another_question(tmp_path: Path) -> None:
    caches, scanner = tmp_path / "trivy", trivy(tmp_path)
    with opened(tmp_path) as looked_at:
        for _ in range(2):
            write_trivy_database(caches)
            advisories_found(looked_at, scanner, caches, settings(tmp_path))

    assert runs(scanner) == 2


def test_an_answer_that_was_damaged_is_asked_for_again(tmp_path: Path) -> None:
    scanner = syft(tmp_path)
    found(tmp_path, scanner)
    for kept in (tmp_path / "cache" / SCANS).glob("??/*"):
        kept.write_bytes(kept.read_bytes()[:-5])

    assert len(found(tmp_path, scanner).document.artifacts) == 1
    assert runs(scanner) == 2


def test_a_folder_may_be_another_one_the_next_time(tmp_path: Path) -> None:
    root, scanner = tmp_path / "root", syft(tmp_path)
    root.mkdir()
    (root / "package.json").write_text("{}")
    for _ in range(2):
        with open_image(f"dir:{root}") as looked_at:
            packages_found(looked_at, scanner, settings(tmp_path))

    assert runs(scanner) == 2


def test_what_a_scanner_was_not_shown_is_told_and_not_kept(tmp_path: Path) -> None:
    scanner = syft(tmp_path)
    for _ in range(2):
        with open_image(image(sparse_layer("app/a.jar")).write(tmp_path / "other")) as looked_at:
            answer = packages_found(looked_at, scanner, settings(tmp_path))

        assert [gap.what for gap in answer.gaps] == ["/app/a.jar"]
    assert runs(scanner) == 2


@pytest.mark.parametrize("lines", [("exit 1",), ("exit 0",), ("echo '{' > \"$OUT\"",)])
def test_a_scanner_that_fails_leaves_nothing_behind(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with pytest.raises(ToolError):
        found(tmp_path, syft(tmp_path, *lines))

    assert list((tmp_path / "cache" / SCANS).iterdir()) == []


def test_without_a_database_nothing_is_scanned(tmp_path: Path) -> None:
    with opened(tmp_path) as looked_at, pytest.raises(DatabaseUnusable):
        advisories_found(looked_at, trivy(tmp_path), tmp_path / "nothing", settings(tmp_path))


def test_a_cache_that_cannot_be_written_is_the_tools_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    with opened(tmp_path) as looked_at, pytest.raises(ToolError, match="cannot be shown the image"):
        packages_found(looked_at, syft(tmp_path), settings(tmp_path))


def test_a_layer_that_changed_meanwhile_is_the_tools_error(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with opened(tmp_path) as looked_at:
        for blob in (tmp_path / "image" / "blobs" / "sha256").iterdir():
            blob.write_bytes(bytes(blob.stat().st_size))

        with (
            pytest.raises(ToolError, match="a layer is not the one whose facts are known"),
            scan_target(looked_at, settings(tmp_path), full=True),
        ):
            pass


@pytest.mark.parametrize(("version", "size"), [("1.18.1", 0), ("1.38.0", 6), ("dev", 6)])
def test_a_later_syft_is_shown_the_libraries_that_it_reads(tmp_path: Path, version: str, size: int) -> None:
    lines = (
        'tar -xOf "${2#docker-archive:}" 0/layer.tar | tar -xOf - a/libavcodec.so.58 | wc -c > "$0.size"',
        *SYFT_ANSWER,
    )
    scanner = syft(tmp_path, *lines, version=version)

    with opened(tmp_path, {"a/libavcodec.so.58": "FFmpeg"}) as looked_at:
        packages_found(looked_at, scanner, settings(tmp_path))

    assert int(scanner.path.with_name("syft.size").read_text()) == size

"""The real syft and trivy, on a small image in every form, and how they fail."""

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from fleet_audit.audit.tools import syft, trivy
from fleet_audit.audit.tools.process import ToolError, ToolFailed, ToolTimedOut
from fleet_audit.audit.tools.trivy import TrivyKind, TrivyReport, TrivyTarget
from tests.support.bolt import bolt_file
from tests.support.record_scanners import SYFT, TRIVY, record
from tests.support.scanner_programs import program
from tests.support.scanners import real_syft, real_trivy
from tests.support.trivy_database import MADE, write_trivy_database
from tests.support.vulnerable_image import (
    DISTRIBUTIONS,
    FINDINGS,
    INSTALLED,
    REMOVED,
    vulnerable_image,
    vulnerable_root,
)

pytestmark = pytest.mark.integration

Finding = tuple[str, str]
Make = Callable[[Path], TrivyTarget]


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trivy_database(tmp_path_factory.mktemp("trivy"))


def _scan(target: TrivyTarget, caches: Path, folder: Path) -> TrivyReport:
    return trivy.scan(real_trivy(), target, caches=caches, folder=folder / "work")


def _findings(report: TrivyReport) -> set[Finding]:
    return {
        (found.pkg_name, found.vulnerability_id)
        for result in report.results or ()
        for found in result.vulnerabilities or ()
    }


def _packages(report: TrivyReport) -> set[str]:
    return {package.name for result in report.results or () for package in result.packages or ()}


def _oci(folder: Path) -> TrivyTarget:
    vulnerable_image().write(folder / "oci")
    return TrivyTarget(TrivyKind.IMAGE, folder / "oci")


def _docker_archive(folder: Path) -> TrivyTarget:
    vulnerable_image().write(folder / "image.tar", "docker-archive")
    return TrivyTarget(TrivyKind.IMAGE, folder / "image.tar")


def _root(folder: Path) -> TrivyTarget:
    return TrivyTarget(TrivyKind.ROOTFS, vulnerable_root(folder / "root"))


@pytest.mark.parametrize("form", [_oci, _docker_archive, _root], ids=["oci", "docker-archive", "rootfs"])
def test_trivy_finds_the_same_in_every_form_of_the_image(form: Make, caches: Path, tmp_path: Path) -> None:
    report = _scan(form(tmp_path), caches, tmp_path)

    assert _findings(report) == FINDINGS
    # What a later layer deletes is not there; what has its fix was looked at.
    assert _packages(report) == {*INSTALLED, *DISTRIBUTIONS}
    assert trivy.unknown_to(trivy.database(caches), report) == ()


@pytest.mark.parametrize("form", ["oci-dir", "docker-archive", "dir"])
def test_syft_finds_the_same_in_every_form_of_the_image(form: str, tmp_path: Path) -> None:
    make = {"oci-dir": _oci, "docker-archive": _docker_archive, "dir": _root}[form]

    document = syft.scan(real_syft(), f"{form}:{make(tmp_path).path}", folder=tmp_path / "work")

    versions = {artifact.name: artifact.version for artifact in document.artifacts}
    assert versions == {name: version for name, (version, _) in INSTALLED.items()} | DISTRIBUTIONS
    assert not versions.keys() & REMOVED.keys()


def test_what_was_recorded_is_still_what_they_say() -> None:
    said = dict(zip((SYFT, TRIVY), map(json.loads, record()), strict=True))
    said[SYFT]["descriptor"].pop("configuration")
    recorded = {file: json.loads(file.read_bytes()) for file in said}
    for documents in (said, recorded):
        for name in ("ReportID", "CreatedAt"):
            documents[TRIVY].pop(name)

    assert said == recorded


def test_four_runs_at_once_share_one_database(caches: Path, tmp_path: Path) -> None:
    target = _oci(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: _scan(target, caches, tmp_path), range(4)))

    assert [_findings(report) for report in reports] == [FINDINGS] * 4
    assert sorted(path.name for path in caches.rglob("*")) == ["db", "metadata.json", "trivy.db"]


def test_both_work_where_there_is_no_network_at_all(caches: Path, tmp_path: Path) -> None:
    target = _oci(tmp_path)
    folder = tmp_path / "work"
    without = {
        scanner.name: msgspec.structs.replace(
            scanner,
            path=program(
                tmp_path / "bin",
                scanner.name,
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                f'exec unshare --map-root-user --net "{scanner.path}" "$@"',
            ),
        )
        for scanner in (real_syft(), real_trivy())
    }

    report = trivy.scan(without["trivy"], target, caches=caches, folder=folder)
    document = syft.scan(without["syft"], f"oci-dir:{target.path}", folder=folder)

    assert _findings(report) == FINDINGS
    assert len(document.artifacts) == len(INSTALLED) + len(DISTRIBUTIONS)


def test_what_the_database_knows_nothing_of_is_told_though_trivy_finds_nothing(tmp_path: Path) -> None:
    caches = write_trivy_database(tmp_path / "caches")
    (caches / "db" / "trivy.db").write_bytes(bolt_file({"vulnerability": {}}))

    report = _scan(_oci(tmp_path), caches, tmp_path)

    assert _findings(report) == set()
    unknown = trivy.unknown_to(trivy.database(caches), report)
    assert [result.type for result in unknown] == ["debian", "python-pkg"]


def test_a_release_that_gets_no_more_updates_is_told_to_be_one(caches: Path, tmp_path: Path) -> None:
    root = vulnerable_root(tmp_path / "root")
    (root / "etc/debian_version").write_text("9.13\n")
    release = root / "etc/os-release"
    release.write_text(release.read_text().replace('VERSION_ID="12"', 'VERSION_ID="9"'))

    report = _scan(TrivyTarget(TrivyKind.ROOTFS, root), caches, tmp_path)

    assert report.metadata.os == trivy.TrivyOS("debian", "9.13", is_end_of_life=True)
    # The database is of a later release's advisories.
    assert [result.type for result in trivy.unknown_to(trivy.database(caches), report)] == ["debian"]


def test_java_archives_without_their_database_hide_nothing_else(caches: Path, tmp_path: Path) -> None:
    root = vulnerable_root(tmp_path / "root")
    with zipfile.ZipFile(root / "library.jar", "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Title: library\n")

    report = _scan(TrivyTarget(TrivyKind.ROOTFS, root), caches, tmp_path)

    assert report.has_unread_java
    assert _findings(report) == FINDINGS


def test_what_lies_in_the_image_configures_no_scanner(caches: Path, tmp_path: Path) -> None:
    root = vulnerable_root(tmp_path / "root")
    (root / ".trivyignore").write_text("\n".join(sorted({advisory for _, advisory in FINDINGS})))
    (root / "trivy.yaml").write_text("severity: [LOW]\nvulnerability: {ignore-unfixed: true}\n")
    (root / ".syft.yaml").write_text("exclude: ['**']\n")

    report = _scan(TrivyTarget(TrivyKind.ROOTFS, root), caches, tmp_path)
    document = syft.scan(real_syft(), f"dir:{root}", folder=tmp_path / "work")

    assert _findings(report) == FINDINGS
    assert len(document.artifacts) == len(INSTALLED) + len(DISTRIBUTIONS)


def _no_image(folder: Path) -> Path:
    path = folder / "image.tar"
    path.write_bytes(b"this is no image")
    return path


def _cut_short(folder: Path) -> Path:
    path = folder / "image.tar"
    vulnerable_image().write(path, "docker-archive")
    path.write_bytes(path.read_bytes()[:5000])
    return path


@pytest.mark.parametrize("damaged", [_no_image, _cut_short])
def test_an_image_that_cannot_be_read_is_an_error_of_each(
    damaged: Callable[[Path], Path], caches: Path, tmp_path: Path
) -> None:
    path = damaged(tmp_path)

    with pytest.raises(ToolFailed, match="status 1"):
        _scan(TrivyTarget(TrivyKind.IMAGE, path), caches, tmp_path)
    with pytest.raises(ToolFailed, match="status 1"):
        syft.scan(real_syft(), f"docker-archive:{path}", folder=tmp_path / "work")

    assert list((tmp_path / "work").iterdir()) == []


def test_a_scan_that_takes_too_long_is_ended_and_leaves_nothing(caches: Path, tmp_path: Path) -> None:
    target = _oci(tmp_path)

    with pytest.raises(ToolTimedOut):
        trivy.scan(real_trivy(), target, caches=caches, folder=tmp_path / "work", timeout=0.2)
    with pytest.raises(ToolTimedOut):
        syft.scan(real_syft(), f"oci-dir:{target.path}", folder=tmp_path / "work", timeout=0.05)

    assert list((tmp_path / "work").iterdir()) == []


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    caches = write_trivy_database(tmp_path / "caches")
    description = caches / "db" / "metadata.json"
    description.write_text(description.read_text().replace('"Version": 2', '"Version": 1'))

    with pytest.raises(trivy.DatabaseUnusable, match="is of version 1, and 2 is the one that is known here"):
        _scan(_oci(tmp_path), caches, tmp_path)


def test_the_database_is_fetched_where_that_is_asked_for(caches: Path, tmp_path: Path) -> None:
    with _registry(caches / "db") as address:
        state = trivy.update_database(
            real_trivy(),
            tmp_path / "caches",
            {"TRIVY_DB_REPOSITORY": f"{address}/trivy-db:2"},
            folder=tmp_path / "work",
        )

    assert state.updated_at == MADE
    assert _findings(_scan(_oci(tmp_path), tmp_path / "caches", tmp_path)) == FINDINGS


def test_a_database_that_cannot_be_fetched_is_an_error(tmp_path: Path) -> None:
    with _registry(tmp_path / "empty") as address:
        pass

    with pytest.raises(ToolError, match="status 1"):
        trivy.update_database(
            real_trivy(),
            tmp_path / "caches",
            {"TRIVY_DB_REPOSITORY": f"{address}/trivy-db:2"},
            folder=tmp_path / "work",
        )


@contextmanager
def _registry(database: Path) -> Iterator[str]:
    """Serve one artifact as a registry does (OCI distribution), on loopback; give the registry's name."""
    files = {path.name: path.read_bytes() for path in sorted(database.glob("*"))}
    blobs = {_digest(body): body for body in (_archive(files), b"{}")}
    layer, config = blobs
    kinds = (
        "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip",
        "application/vnd.aquasec.trivy.config.v1+json",
    )
    described = [
        {
            "mediaType": kind,
            "digest": digest,
            "size": len(blobs[digest]),
            "annotations": {_TITLE: "db.tar.gz"},
        }
        for kind, digest in zip(kinds, (layer, config), strict=True)
    ]
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": described[1], "layers": described[:1]}
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_manifest = "/manifests/" in self.path
            found = manifest if is_manifest else blobs.get(self.path.rpartition("/")[2], b"{}")
            self.send_response(200)
            self.send_header("Content-Type", _MANIFEST if is_manifest else "application/octet-stream")
            self.send_header("Docker-Content-Digest", _digest(found))
            self.send_header("Content-Length", str(len(found)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found)

        do_HEAD = do_GET  # noqa: N815  (the name is the library's)

        def log_message(self, *_args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_TITLE = "org.opencontainers.image.title"


def _archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return gzip.compress(out.getvalue(), mtime=0)


def _digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"

"""What scanners find in a skinny image is what they find in the image itself."""

import json
import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.scanners.scanning import advisories_found, packages_found
from fleet_audit.audit.tools import syft, trivy
from fleet_audit.audit.tools.syft import SyftDocument
from fleet_audit.audit.tools.trivy import TrivyKind, TrivyReport, TrivyTarget
from fleet_audit.audit.vulns.asked import trivy_document
from tests.support.example_images import example_layout
from tests.support.images import OS_RELEASE, Content, image
from tests.support.scanners import real_syft, real_trivy
from tests.support.trees import Link
from tests.support.trivy_database import write_trivy_database

pytestmark = pytest.mark.integration

EXAMPLES = ("family-vision-cu121", "family-torch-cu121", "family-web")
_REF_NAME = "org.opencontainers.image.ref.name"


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trivy_database(tmp_path_factory.mktemp("trivy"))


def alone(layout: Path, tag: str, folder: Path) -> Path:
    """Return a layout with one image of another one, whose blobs it shares."""
    folder.mkdir()
    index = json.loads((layout / "index.json").read_text())
    chosen = [entry for entry in index["manifests"] if entry["annotations"][_REF_NAME] == tag]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": chosen}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "blobs").symlink_to(layout / "blobs")
    return folder


def said_by_syft(document: SyftDocument) -> tuple[Counter[str], Counter[tuple[str, str, str]], object]:
    """Return packages with all that is said of them, and relationships, without syft's own ids."""
    said = json.loads(msgspec.json.encode(document))
    names = {said["source"]["id"]: "the image"}
    for artifact in said["artifacts"]:
        identifier = artifact.pop("id")
        for name in ("locations", "licenses"):
            artifact[name] = sorted(json.dumps(each, sort_keys=True) for each in artifact[name])
        names[identifier] = json.dumps(artifact, sort_keys=True)
    packages = Counter(names.values())
    for file in said["files"] or ():
        names[file["id"]] = json.dumps(file["location"], sort_keys=True)
    related = Counter(
        (names[each["parent"]], names[each["child"]], each["type"]) for each in said["artifactRelationships"]
    )
    return packages, related, document.distro


def said_by_trivy(report: TrivyReport) -> tuple[Any, ...]:
    """Return all that trivy says, without what names the file that it was given and its own numbers."""
    known = json.loads(msgspec.json.encode(report))
    known["Metadata"].pop("ImageID", None)
    found: Counter[str] = Counter()
    for result in known.pop("Results", None) or ():
        for kind in ("Packages", "Vulnerabilities"):
            for each in result.get(kind) or ():
                for identifier in ("Identifier", "PkgIdentifier"):
                    for name in ("UID", "BOMRef"):
                        # Where wheels bring lists of packages, which of two alike is named is chance there.
                        (each.get(identifier) or {}).pop(name, None)
                # The digest of a layer as it is stored: an archive has none.
                each["Layer"].pop("Digest", None)
                found[f"{result['Class']} {result['Type']} {kind} {json.dumps(each, sort_keys=True)}"] += 1
    return known["Metadata"], found


def assert_the_same(layout: Path, caches: Path, folder: Path, *, packages: int, advisories: int) -> None:
    settings = Settings(cache_dir=folder / "cache", created="2026-11-20T00:00:00Z", jobs=2)
    with open_image(f"oci:{layout}", store=LayerStore(folder / "layers"), jobs=2) as opened:
        assert opened.gaps == ()
        ours = packages_found(opened, real_syft(), settings)
        found = advisories_found(opened, real_trivy(), caches, settings)
    theirs = syft.scan(real_syft(), f"oci-dir:{layout}", folder=folder / "work")
    known = trivy.scan(
        real_trivy(), TrivyTarget(TrivyKind.IMAGE, layout), caches=caches, folder=folder / "work"
    )

    assert ours.gaps == found.gaps == ()
    assert said_by_syft(ours.document) == said_by_syft(theirs)
    assert said_by_trivy(found.document) == said_by_trivy(known)
    # Two empty answers would be alike, too.
    assert len(theirs.artifacts) >= packages
    assert sum(len(result.vulnerabilities or ()) for result in known.results or ()) >= advisories


@pytest.mark.parametrize("tag", EXAMPLES)
def test_scanners_find_the_same_in_the_examples(tag: str, caches: Path, tmp_path: Path) -> None:
    layout = alone(example_layout(tag), tag, tmp_path / "layout")

    assert_the_same(layout, caches, tmp_path, packages=100, advisories=3)


def jar() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Title: core\n")
        archive.writestr(
            "META-INF/maven/org.example/core/pom.properties",
            "groupId=org.example\nartifactId=core\nversion=1.2\n",
        )
    return out.getvalue()


def test_scanners_find_the_same_in_an_image_of_many_kinds(caches: Path, tmp_path: Path) -> None:
    go = real_syft().path.read_bytes()
    below: dict[str, Content] = {
        "etc/os-release": OS_RELEASE,
        "etc/debian_version": "12.8\n",
        "var/lib/dpkg/status": (
            "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.2.13.dfsg-1\nSource: zlib\n"
            "Architecture: amd64\nMaintainer: x\n\n"
        ),
        "var/lib/dpkg/info/zlib1g.list": "/usr/lib/libz.so.1\n/usr/share/doc/zlib1g/copyright\n",
        "usr/lib/libz.so.1": "z" * 3000,
        "usr/share/doc/zlib1g/copyright": "License: Zlib\n",
        "opt/tools/looks-like-nothing": go,
        "app/core.jar": jar(),
        "app/node_modules/left-pad/package.json": '{"name":"left-pad","version":"1.3.0","license":"WTFPL"}',
        "app/node_modules/gone/package.json": '{"name":"gone","version":"1.0.0"}',
        "opt/site/jinja2-3.1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1.2\n",
        "opt/site/jinja2-3.1.2.dist-info/RECORD": "jinja2/__init__.py,,\n",
        "opt/current": Link("site"),
        "usr/bin/openssl": "\0OpenSSL 3.0.15 \0",
        # Known by the name of the link alone.
        "usr/bin/node": Link("/opt/runtimes/javascript"),
        "opt/runtimes/javascript": "\0node.js/v20.11.1\0",
        "usr/lib/jvm/a/release": 'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.13"\n',
        "var/www/wp-content/plugins/a/a.php": "<?php\n/**\n * Plugin Name: a\n * Version: 1.0\n */\n",
        "opt/conda/conda-meta/x.json": '{"name":"x","version":"1"}',
        "srv/specifications/a-1.0.gemspec": 'Gem::Specification.new do |s|\ns.name="a"\ns.version="1"\nend\n',
    }
    above: dict[str, Content] = {"app/node_modules/.wh.gone": "", "opt/tools/.wh.nothing": "", "app/a": "1"}
    image(below, above).write(tmp_path / "layout")

    assert_the_same(tmp_path / "layout", caches, tmp_path, packages=21, advisories=2)


def test_scanners_find_the_same_in_alpine(caches: Path, tmp_path: Path) -> None:
    image(
        {
            "etc/os-release": 'ID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"\n',
            "etc/alpine-release": "3.20.3\n",
            "lib/apk/db/installed": (
                "P:busybox\nV:1.36.1-r29\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:bin\nR:busybox\n\n"
                "P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl-x86_64.so.1\n\n"
            ),
            "bin/busybox": "\x7fELF BusyBox v1.36.1 ",
            "lib/ld-musl-x86_64.so.1": "\x7fELF",
        }
    ).write(tmp_path / "layout")

    assert_the_same(tmp_path / "layout", caches, tmp_path, packages=2, advisories=0)


def test_the_whole_image_as_it_is_handed_on_is_the_image(caches: Path, tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache", created="2026-11-20T00:00:00Z")
    ref = image({"etc/os-release": OS_RELEASE, "package.json": '{"name":"a","version":"1.0.0"}'}).write(
        tmp_path / "layout"
    )

    with open_image(ref) as opened:
        whole, skinny = (packages_found(opened, real_syft(), settings, full=full) for full in (True, False))
        all_of_it = advisories_found(opened, real_trivy(), caches, settings, full=True)

    assert said_by_syft(whole.document) == said_by_syft(skinny.document)
    assert [artifact.name for artifact in whole.document.artifacts] == ["a"]
    assert all_of_it.document.metadata.diff_ids == tuple(layer.diff_id for layer in opened.identity.layers)


def test_what_is_listed_beside_an_image_is_found_with_it(caches: Path, tmp_path: Path) -> None:
    settings = Settings(cache_dir=tmp_path / "cache", created="2026-11-20T00:00:00Z")
    ref = image({"etc/os-release": OS_RELEASE, "package.json": '{"name":"a","version":"1.0.0"}'}).write(
        tmp_path / "layout"
    )
    crate = Component(ref="x", name="regex", version="1.5.4", purl=Purl("pkg:cargo/regex@1.5.4"))

    with open_image(ref) as opened:
        without, whole, skinny = (
            advisories_found(opened, real_trivy(), caches, settings, full=full, listed=listed).document
            for full, listed in (
                (False, b""),
                (True, trivy_document("a", [crate])),
                (False, trivy_document("a", [crate])),
            )
        )

    assert said_by_trivy(whole) == said_by_trivy(skinny)
    assert {
        each.vulnerability_id for result in skinny.results or () for each in result.vulnerabilities or ()
    } == {"CVE-2022-24713"}
    assert skinny.metadata.diff_ids == without.metadata.diff_ids
    assert said_by_trivy(without)[1] < said_by_trivy(skinny)[1]

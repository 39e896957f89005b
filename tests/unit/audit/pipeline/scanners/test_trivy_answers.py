"""trivy is started once for an image, with what our own readers found where it does not look."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.model.advisories import Catalogue
from fleet_audit.audit.model.identity import Purl
from fleet_audit.audit.model.inventory import Component
from fleet_audit.audit.pipeline.run.settings import Settings
from fleet_audit.audit.pipeline.run.shared import Shared
from fleet_audit.audit.pipeline.scanners.trivy_answers import AskedTrivy, TrivyOptions, catalogue_of_image
from tests.support.images import OS_RELEASE, Content, image
from tests.support.scanner_programs import trivy_that
from tests.support.trivy_database import write_trivy_database

CRATE = Purl("pkg:cargo/regex@1.5.4")
SYSTEM = Purl("pkg:deb/debian/libxau6@1.0.9-1")
_KEPT = 'for word; do if [ "$last" = --input ]; then cp "$word" "$0.tar"; fi; last="$word"; done'
_ANSWER = {
    "SchemaVersion": 2,
    "ArtifactName": "x",
    "ArtifactType": "container_image",
    "Results": [
        {
            "Target": "packages0.cdx.json",
            "Class": "lang-pkgs",
            "Type": "cargo",
            "Packages": [{"Name": "regex", "Version": "1.5.4", "Identifier": {"PURL": CRATE}}],
        }
    ],
}


def in_wheel(purl: Purl) -> Component:
    name, _, version = purl.rpartition("/")[2].partition("@")
    return Component(
        ref=f"{purl}#/x.json",
        name=name,
        version=version,
        purl=purl,
        bundled_in="pkg:pypi/a@1",
        found_by=("x",),
    )


class Asked:
    """One question about an image to a program that stands where trivy would."""

    def __init__(self, tmp_path: Path, *known: Purl, files: dict[str, Content] | None = None) -> None:
        said = json.dumps(_ANSWER)
        program = trivy_that(tmp_path / "bin", _KEPT, 'echo "$1" >> "$0.runs"', f"echo '{said}' > \"$OUT\"")
        caches = write_trivy_database(tmp_path / "trivy")
        settings = Settings(cache_dir=tmp_path / "cache", created="2026-11-02T00:00:00Z")
        ref = image({"etc/os-release": OS_RELEASE, **(files or {})}).write(tmp_path / "image")
        shared, options = Shared(settings), TrivyOptions(program=str(program), caches=caches)
        with open_image(ref) as opened, AskedTrivy(shared, options) as asked:
            declared = [in_wheel(purl) for purl in known]
            self.catalogue: Catalogue = catalogue_of_image(opened, declared, shared, options, asked)
        self.runs = program.with_name("trivy.runs").read_text().split()
        self._shown = program.with_name("trivy.tar")

    @property
    def last_layer(self) -> dict[str, bytes]:
        """Return the files of the topmost layer that was shown."""
        with tarfile.open(self._shown) as archive:
            layers = json.load(archive.extractfile("manifest.json") or io.BytesIO())[0]["Layers"]
            layer = archive.extractfile(layers[-1])
            assert layer is not None
            with tarfile.open(fileobj=layer) as members:
                found = {member.name: members.extractfile(member) for member in members}
                return {name: body.read() for name, body in found.items() if body is not None}


def test_one_run_answers_for_what_wheels_list_too(tmp_path: Path) -> None:
    asked = Asked(tmp_path, CRATE)

    assert asked.runs == ["image"]
    assert asked.catalogue.examined == (CRATE,)
    (listed,) = json.loads(asked.last_layer["packages0.cdx.json"])["components"]
    assert listed["purl"] == CRATE


def test_without_such_packages_nothing_is_added_to_the_image(tmp_path: Path) -> None:
    asked = Asked(tmp_path)

    assert asked.runs == ["image"]
    assert set(asked.last_layer) == {"etc/os-release"}


def test_a_package_of_another_system_is_never_put_among_those_of_the_image(tmp_path: Path) -> None:
    asked = Asked(tmp_path, CRATE, SYSTEM)

    (listed,) = json.loads(asked.last_layer["packages0.cdx.json"])["components"]
    assert listed["purl"] == CRATE
    # It is asked for by itself.
    assert asked.runs == ["image", "sbom"]


@pytest.mark.parametrize("taken", ["packages0.cdx.json", "packages0.cdx.json/a"])
def test_the_list_stands_where_the_image_has_nothing(tmp_path: Path, taken: str) -> None:
    asked = Asked(tmp_path, CRATE, files={taken: "the image's own"})

    assert set(asked.last_layer) == {"packages1.cdx.json"}

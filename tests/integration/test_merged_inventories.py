"""``sbom merge`` of documents that the real syft writes of two example images."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from fleet_audit.audit.tools.process import run
from tests.support.example_images import example_layout
from tests.support.scanners import real_syft
from tests.support.worlds import World

pytestmark = pytest.mark.integration

IMAGES = ("base-utils", "family-web")
Sbom = dict[str, Any]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give syft's documents of both images: CycloneDX of one, SPDX of the other, and its own of each."""
    place = tmp_path_factory.mktemp("documents")
    layout = example_layout(*IMAGES)
    environment = {"PATH": os.defpath, "HOME": str(place), "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    for image, form in zip(IMAGES, ("cyclonedx-json", "spdx-json"), strict=True):
        source = _alone(layout, image, place / image)
        outputs = ("-o", f"{form}={place / image}.json", "-o", f"syft-json={place / image}.syft.json")
        command = [str(real_syft().path), "scan", f"oci-dir:{source}", "--source-name", image, *outputs]
        run(command, timeout=300, env=environment)
    return place


def _alone(layout: Path, image: str, place: Path) -> Path:
    """Return a layout with one of the images, which is all that syft reads of one."""
    place.mkdir()
    (place / "blobs").symlink_to(layout / "blobs")
    (place / "oci-layout").write_bytes((layout / "oci-layout").read_bytes())
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"] = [
        each
        for each in index["manifests"]
        if each.get("annotations", {}).get("org.opencontainers.image.ref.name") == image
    ]
    (place / "index.json").write_text(json.dumps(index))
    return place


def _purls(folder: Path, image: str) -> set[str]:
    """Return the packages that syft found in an image, each in its canonical form."""
    document = json.loads((folder / f"{image}.syft.json").read_bytes())
    return {purl for each in document["artifacts"] if (purl := canonical_purl(each["purl"]))}


@pytest.mark.parametrize("form", ["cyclonedx-json", "spdx-json"])
def test_each_image_has_what_syft_found_in_it_and_what_both_have_is_there_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, documents: Path, form: str
) -> None:
    world = World(tmp_path)
    monkeypatch.chdir(world.folder)
    files = [str(documents / f"{image}.json") for image in IMAGES]

    code, out, err = world.say("sbom", "merge", *files, "--name", "shop", "-o", form)
    _, again, _ = world.say("sbom", "merge", *reversed(files), "--name", "shop", "-o", form)

    assert (code, err) == (0, "")
    assert again == out
    (check_cyclonedx if form == "cyclonedx-json" else check_spdx)(out.encode())
    told = _listed(json.loads(out))
    wanted = {image: _purls(documents, image) for image in IMAGES}
    assert all(len(purls) > 80 for purls in wanted.values())
    assert wanted["base-utils"] & wanted["family-web"]
    for image in IMAGES:
        assert told[image] == wanted[image]
    every = [purl for purl in _every(json.loads(out)) if purl.startswith(("pkg:deb/", "pkg:pypi/"))]
    assert max(Counter(every).values()) == 1


def _every(document: Sbom) -> list[str]:
    if "packages" not in document:
        return [each["purl"] for each in document["components"] if "purl" in each]
    references = (each for package in document["packages"] for each in package.get("externalRefs", ()))
    return [each["referenceLocator"] for each in references if each["referenceType"] == "purl"]


def _listed(document: Sbom) -> dict[str, set[str]]:
    """Return the packages of each image in a merged document, by the image's name."""
    if "packages" in document:
        names = {each["SPDXID"]: each["name"] for each in document["packages"]}
        purls = {each["SPDXID"]: _every({"packages": [each]}) for each in document["packages"]}
        rows = [
            (row["spdxElementId"], [row["relatedSpdxElement"]])
            for row in document["relationships"]
            if row["relationshipType"] == "CONTAINS"
        ]
    else:
        names = {each["bom-ref"]: each["name"] for each in document["components"]}
        purls = {each["bom-ref"]: _every({"components": [each]}) for each in document["components"]}
        rows = [(row["ref"], row.get("dependsOn", [])) for row in document["dependencies"]]
    found: dict[str, set[str]] = {image: set() for image in IMAGES}
    for source, targets in rows:
        if names.get(source) in found:
            found[names[source]].update(purl for target in targets for purl in purls[target])
    return found

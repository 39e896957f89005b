"""``sbom --from FILE -o FORM``: a document in another form than its own, and nothing lost that both tell."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from fleet_audit.audit.sbom.validation import check_cyclonedx, check_spdx
from fleet_audit.audit.tools.process import run
from tests.support.scanners import real_syft
from tests.support.vulnerable_image import vulnerable_image
from tests.support.worlds import World

Sbom = dict[str, Any]
OTHER = {"cyclonedx-json": "spdx-json", "spdx-json": "cyclonedx-json"}
CHECKS = {"cyclonedx-json": check_cyclonedx, "spdx-json": check_spdx}
FORMS = pytest.mark.parametrize("form", OTHER)


def of_syft(world: World, form: str) -> Path:
    """Return a document of the small image that the real syft has written."""
    file = world.folder / f"syft.{form}"
    file.write_bytes(_scanned(form))
    return file


@cache
def _scanned(form: str) -> bytes:
    with TemporaryDirectory() as place:
        folder = Path(place)
        vulnerable_image().write(folder / "image.tar", "docker-archive")
        environment = {"PATH": os.defpath, "HOME": place, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
        command = [str(real_syft().path), "scan", "docker-archive:image.tar", "--output", form]
        return run(command, timeout=60, env=environment, cwd=folder)


def convert(world: World, file: Path, form: str) -> Path:
    """Return the document in another form; it is valid."""
    place = file.with_name(f"{file.name}.{form}")
    code, out, err = world.say("sbom", "--from", str(file), "-o", f"{form}={place}")
    assert (code, out) == (0, ""), err
    CHECKS[form](place.read_bytes())
    return place


def facts(document: Sbom) -> set[tuple[str, ...]]:
    """Return name, version, URL, licence and platform name of every component, as both forms tell them."""
    if "packages" in document:
        return {_of_spdx(each) for each in document["packages"] if each.get("externalRefs")}
    listed = (document["metadata"]["component"], *document["components"])
    return {_of_cyclonedx(each) for each in listed if "purl" in each}


def _of_spdx(package: Sbom) -> tuple[str, ...]:
    told = {each["referenceType"]: each["referenceLocator"] for each in reversed(package["externalRefs"])}
    licence = package["licenseDeclared"].replace("NOASSERTION", "")
    return package["name"], package["versionInfo"], told["purl"], licence, told.get("cpe23Type", "")


def _of_cyclonedx(component: Sbom) -> tuple[str, ...]:
    licence = "".join(each["license"]["id"] for each in component.get("licenses", ()))
    return component["name"], component["version"], component["purl"], licence, component.get("cpe", "")


@FORMS
def test_what_both_forms_have_a_field_for_stands_in_it(world: World, form: str) -> None:
    file = of_syft(world, form)
    before = facts(json.loads(file.read_bytes()))

    there = convert(world, file, OTHER[form])
    back = convert(world, there, form)

    # syft's SPDX has a URL of the image itself as well.
    assert len(before) == (12 if form == "spdx-json" else 11)
    assert facts(json.loads(there.read_bytes())) == before
    assert facts(json.loads(back.read_bytes())) == before


@FORMS
def test_a_converted_document_says_from_which_file_it_was_made(world: World, form: str) -> None:
    file = of_syft(world, form)

    text = convert(world, file, OTHER[form]).read_text()

    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"syft.{form} sha256:{digest}" in text


def test_what_hangs_on_what_is_told_in_every_form(world: World) -> None:
    refs = ("pkg:pypi/a@1", "pkg:pypi/b@1", "pkg:pypi/c@1")
    listed = [
        {"type": "library", "bom-ref": ref, "name": ref[9], "version": "1", "purl": ref} for ref in refs
    ]
    rows = [{"ref": refs[0], "dependsOn": [refs[1]]}, {"ref": refs[1], "dependsOn": [refs[2]]}]
    body = {"bomFormat": "CycloneDX", "specVersion": "1.4", "components": listed, "dependencies": rows}
    file = world.folder / "own.json"
    file.write_text(json.dumps(body))

    there = json.loads(convert(world, file, "spdx-json").read_bytes())
    back = json.loads(convert(world, file.with_name("own.json.spdx-json"), "cyclonedx-json").read_bytes())

    names = {each["SPDXID"]: each["name"] for each in there["packages"]}
    links = {
        (names[row["spdxElementId"]], names[row["relatedSpdxElement"]])
        for row in there["relationships"]
        if row["relationshipType"] == "DEPENDS_ON" and row.get("comment")
    }
    assert links == {("a", "b"), ("b", "c")}
    names = {each["bom-ref"]: each["name"] for each in back["components"]}
    told = {
        names.get(row["ref"]): [names[ref] for ref in row.get("dependsOn", ())]
        for row in back["dependencies"]
    }
    assert (told["a"], told["b"], told["c"]) == (["b"], ["c"], [])


def test_texts_go_from_field_to_field(world: World) -> None:
    component = {"type": "library", "name": "a", "description": 'An "a"', "copyright": "© Ann"}
    file = world.folder / "own.json"
    file.write_text(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [component]}))

    there = convert(world, file, "spdx-json")
    back = convert(world, there, "cyclonedx-json")

    (package,) = (each for each in json.loads(there.read_bytes())["packages"] if each["name"] == "a")
    assert (package["description"], package["copyrightText"]) == ('An "a"', "© Ann")
    (again,) = json.loads(back.read_bytes())["components"]
    assert (again["description"], again["copyright"]) == ('An "a"', "© Ann")
    assert "kept" not in json.dumps(again)


def test_one_reading_writes_both_the_own_form_and_another(world: World) -> None:
    file = of_syft(world, "cyclonedx-json")

    code, out, _ = world.say(
        "sbom", "--from", str(file), "-o", "cyclonedx-json", "-o", "spdx-json=other.json"
    )

    own, other = json.loads(out), json.loads((world.folder / "other.json").read_bytes())
    assert code == 0
    assert own["serialNumber"] == json.loads(file.read_bytes())["serialNumber"]
    assert facts(own) == facts(other)


def test_an_incomplete_document_stays_incomplete_in_another_form(world: World) -> None:
    body = {"bomFormat": "CycloneDX", "specVersion": "1.5", "compositions": [{"aggregate": "incomplete"}]}
    world.file("own.json", json.dumps(body))

    code, out, err = world.say("sbom", "--from", "own.json", "-o", "spdx-json")

    assert code == 3
    assert "its document says that something is missing" in err
    assert json.loads(out)["creationInfo"]["comment"].startswith("incomplete: ")

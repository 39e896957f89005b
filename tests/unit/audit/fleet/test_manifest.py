"""The manifest: found, read, and checked whole."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.fleet.manifest import find_manifest, load_fleet, schema
from fleet_audit.audit.model.fleet import Fleet
from fleet_audit.audit.model.location import SourceLocation

SMALL = """\
version: 1
fleet: assistant
machines:
  mainpc: {aliases: ['4090'], gpu: RTX 4090, sm: '8.9'}
families:
  base:
    parent: null
    published_by: someone else
  web:
    parent: base
    aliases: [family-web]
    machines: ['4090']
    cuda: '12.1'
services:
  - name: Registry
    family: family-web
    entry: services/registry/app.py
    requires: ['bin:ffmpeg', 'so:libGL.so.1']
    x-owner: {team: core}
"""


def fleet(folder: Path, text: str) -> Fleet:
    path = folder / "fleet.yaml"
    path.write_text(text, encoding="utf-8")
    return load_fleet(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        fleet(folder, text)
    return str(caught.value).splitlines()


def test_a_manifest_becomes_a_fleet_that_knows_its_lines(tmp_path: Path) -> None:
    loaded = fleet(tmp_path, SMALL)

    assert loaded.root == str(tmp_path)
    assert loaded.lines["families.web"] == SourceLocation("fleet.yaml", 9)
    assert loaded.lines["services.Registry"] == SourceLocation("fleet.yaml", 15)
    assert [s.name for s in loaded.services_of("web")] == ["Registry"]
    assert loaded.ancestors("web") == ("base",)


def test_problems_of_shape_and_of_meaning_come_together(tmp_path: Path) -> None:
    text = """\
version: 1
fleet: a
families:
  web: {parent: bass, gpu: yes please, dockerfile: [x]}
  base: {}
services:
  - {name: A, family: webb}
  - {name: A, requires: [ffmpeg], source_paths: [../other, /abs]}
"""

    assert problems(tmp_path, text) == [
        "fleet.yaml:4: families.web.dockerfile: unknown key; did you mean 'dockerfiles'?",
        "fleet.yaml:4: families.web.gpu: expected a boolean, got 'yes please'",
        "fleet.yaml:4: families.web.parent: unknown family 'bass'; did you mean 'base'?",
        "fleet.yaml:7: services[0].family: unknown family 'webb'; did you mean 'web'?",
        "fleet.yaml:8: services[1]: 'family' is missing",
        "fleet.yaml:8: services[1].name: service 'A' is defined already, in line 7",
        "fleet.yaml:8: services[1].requires[0]: 'ffmpeg' is no need: write bin:NAME, so:NAME or dist:NAME",
        "fleet.yaml:8: services[1].source_paths[0]: '../other' leaves the manifest's folder",
        "fleet.yaml:8: services[1].source_paths[1]: '/abs' must be relative to the manifest's folder",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  a: {parent: a}", "families.a.parent: is a cycle of parents: a -> a"),
        ("  a: {parent: b}\n  b: {parent: a}", "families.a.parent: is a cycle of parents: a -> b -> a"),
        ("  a: {machines: [pc9]}", "families.a.machines[0]: unknown machine 'pc9'"),
        ("  a: {aliases: [b]}\n  b: {}", "families.a.aliases[0]: family 'b' has the name 'b' already"),
        (
            "  a: {aliases: [x]}\n  b: {aliases: [x]}",
            "families.b.aliases[0]: family 'a' has the name 'x' already",
        ),
        ("  a: {context: a/../..}", "families.a.context: 'a/../..' leaves the manifest's folder"),
    ],
)
def test_a_contradiction_between_families_is_found(tmp_path: Path, line: str, message: str) -> None:
    found = problems(tmp_path, f"version: 1\nfleet: a\nservices: []\nfamilies:\n{line}\n")

    assert [p.partition(": ")[2] for p in found] == [message]


@pytest.mark.parametrize(
    "line",
    [
        "  a: {parent: b}\n  b: {parent: c}\n  c: {}",
        "  a: {parent: x}\n  b: {aliases: [x]}",
        "  a: {aliases: [x, x]}",
        "  a: {context: a/../b, dockerfiles: [./Dockerfile]}",
    ],
)
def test_what_only_looks_like_a_contradiction_is_left_alone(tmp_path: Path, line: str) -> None:
    assert (
        "a" in fleet(tmp_path, f"version: 1\nfleet: a\nservices: []\nfamilies:\n{line}\n").manifest.families
    )


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("entry: ../app.py", "entry: '../app.py' leaves the manifest's folder"),
        ("ports: {svc: 70000}", "ports.svc: 70000 is no port; 'svc' must be from 1 to 65535"),
        ("required: {pc: true}", "required.pc: unknown machine 'pc'"),
        ("requires: ['so:']", "requires[0]: 'so:' is no need"),
        ("machines: [pc]", "machines[0]: unknown machine 'pc'"),
    ],
)
def test_a_contradiction_in_a_service_is_found(tmp_path: Path, key: str, message: str) -> None:
    text = f"version: 1\nfleet: a\nfamilies: {{f: {{}}}}\nservices:\n- name: A\n  family: f\n  {key}\n"

    assert problems(tmp_path, text)[0].startswith(f"fleet.yaml:7: services[0].{message}")


@pytest.mark.parametrize(("name", "is_hidden"), [("f", True), ("alias", True), ("F", False)])
def test_a_service_with_its_own_image_has_a_name_of_its_own(
    tmp_path: Path, name: str, is_hidden: bool
) -> None:
    families = "families: {f: {aliases: [alias]}}"
    shared = f"version: 1\nfleet: a\n{families}\nservices:\n- name: {name}\n  family: f\n"
    text = f"{shared}  image: oci:x\n"

    assert fleet(tmp_path, shared).manifest.services[0].name == name
    if is_hidden:
        (problem,) = problems(tmp_path, text)
        assert problem.startswith("fleet.yaml:5: services[0].name: is the name of a family too, which hides")
    else:
        assert fleet(tmp_path, text).manifest.services[0].image == "oci:x"


def test_an_entry_that_is_a_module_is_no_path(tmp_path: Path) -> None:
    text = "version: 1\nfleet: a\nfamilies: {f: {}}\nservices: [{name: A, family: f, entry: 'module:a.b'}]\n"

    assert fleet(tmp_path, text).manifest.services[0].entry == "module:a.b"


def test_another_version_is_refused(tmp_path: Path) -> None:
    assert "version 2 is not known" in problems(tmp_path, SMALL.replace("version: 1", "version: 2"))[0]


def test_a_tag_pattern_must_be_a_regular_expression(tmp_path: Path) -> None:
    found = problems(tmp_path, SMALL + "registry: {tag_pattern: '['}\n")

    assert found[0].startswith("fleet.yaml:20: registry.tag_pattern: is not a regular expression")


def test_the_manifest_is_found_upwards(tmp_path: Path) -> None:
    fleet(tmp_path, SMALL)
    below = tmp_path / "services" / "registry"
    below.mkdir(parents=True)

    assert find_manifest(below) == tmp_path / "fleet.yaml"


def test_a_folder_named_like_a_manifest_is_none(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").mkdir()

    assert find_manifest(tmp_path) is None


def test_the_published_schema_is_fresh() -> None:
    published = Path(__file__).parents[4] / "fleet.schema.json"

    assert published.read_bytes() == schema(), (
        "write what fleet_audit.audit.fleet.manifest.schema() returns to fleet.schema.json"
    )


def test_the_published_schema_describes_and_allows_free_keys() -> None:
    definitions = msgspec.json.decode(schema())["$defs"]

    assert definitions["Service"]["description"]
    assert all("patternProperties" in d for d in definitions.values() if "properties" in d)

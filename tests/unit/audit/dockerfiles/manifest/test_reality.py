"""The manifest held against the repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from fleet_audit.audit.dockerfiles.manifest.dependencies import cycles
from fleet_audit.audit.dockerfiles.manifest.reality import mismatches
from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.model.manifest_claims import Disagreement, ManifestMismatch
from tests.support.trees import tree

FAMILY: dict[str, Any] = {"image": "oci:x"}


def _service(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "family": "base", "entry": f"{name}.py"} | facts


def _found(
    folder: Path,
    *services: dict[str, Any],
    files: Mapping[str, str] | None = None,
    families: Mapping[str, Any] | None = None,
    machines: Mapping[str, Any] | None = None,
) -> list[ManifestMismatch]:
    document = {
        "version": 1,
        "fleet": "small",
        "machines": machines or {"pc1": {}, "pc2": {"aliases": ["3060"]}},
        "families": families or {"base": FAMILY},
        "services": list(services),
    }
    text = yaml.safe_dump(document, sort_keys=False)
    (folder / "fleet.yaml").write_text(text)
    entries = {f"{service['name']}.py": "" for service in services}
    repository = Repository(tree({"fleet.yaml": text, **entries, **(files or {})}))
    found = mismatches(load_fleet(folder / "fleet.yaml"), repository)
    assert not repository.gaps
    return list(found)


def _kinds(found: list[ManifestMismatch]) -> list[tuple[str, str]]:
    return [(each.kind, each.about) for each in found]


def test_two_services_of_one_machine_cannot_share_a_port(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        _service("a", machines=["pc1", "3060"], ports={"svc": 5000, "health": 6000}),
        _service("b", machines=["pc2"], ports={"svc": 5000}),
        _service("c", machines=["pc1"], ports={"svc": 6000}),
    )
    assert [(e.kind, e.about, e.said, e.found, e.machine) for e in found] == [
        ("port-collision", "b", "5000", "a", "pc2"),
        ("port-collision", "c", "6000", "a", "pc1"),
    ]
    text = (tmp_path / "fleet.yaml").read_text().splitlines()
    assert [text[e.location.line - 1].strip() for e in found] == ["svc: 5000", "svc: 6000"]
    assert [text[e.related[0].line - 1].strip() for e in found] == ["svc: 5000", "health: 6000"]


def test_one_port_on_two_machines_or_twice_in_one_service_is_no_collision(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        _service("a", machines=["pc1"], ports={"svc": 5000, "health": 5000}),
        _service("b", machines=["pc2"], ports={"svc": 5000}),
        _service("c", ports={"svc": 5000}),
    )
    assert found == []


def test_a_service_without_entry_or_anything_that_builds_it_is_told(tmp_path: Path) -> None:
    found = _found(tmp_path, _service("a", entry=""), families={"base": {}})
    assert _kinds(found) == [
        (Disagreement.NO_ENTRY, "a"),
        (Disagreement.NO_DOCKERFILE, "a"),
        (Disagreement.NO_DOCKERFILE, "base"),
    ]


def test_a_family_that_is_an_image_of_others_needs_no_dockerfile(tmp_path: Path) -> None:
    service = _service("a", dockerfiles=["Dockerfile"])
    assert _found(tmp_path, service, families={"base": {"upstream": "python:3.11-slim"}}) == []


def test_paths_of_services_that_are_not_there_are_told_at_their_lines(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        _service("a", entry="gone/app.py", source_paths=["src", "gone"], requirements=["r.txt"]),
        _service("b", entry="module:src.app"),
        _service("c", entry="module:src.other"),
        _service("d", entry="module:uvicorn"),
        files={"src/app.py": "", "r.txt": ""},
    )
    assert [(e.about, e.said, e.found) for e in found] == [
        ("a", "gone/app.py", "entry"),
        ("a", "gone", "source_paths"),
        ("c", "module:src.other", "entry"),
    ]


def test_dependencies_on_nobody_and_on_oneself_are_told(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        _service("a", depends_on=["b"]),
        _service("b", depends_on=["c", "nobody"]),
        _service("c", depends_on=["a"]),
        _service("d", depends_on=["a"]),
    )
    assert [(e.kind, e.about, e.said) for e in found] == [
        (Disagreement.UNKNOWN_DEPENDENCY, "b", "nobody"),
        (Disagreement.DEPENDENCY_CYCLE, "a", "a -> b -> c -> a"),
    ]


def test_a_long_chain_of_dependencies_is_no_cycle() -> None:
    chain = {str(number): (str(number + 1),) for number in range(20_000)}
    assert cycles(chain) == []
    assert cycles({**chain, "20000": ("19999",)}) == [("19999", "20000")]


def test_a_family_that_nobody_uses_is_told_and_a_parent_is_used(tmp_path: Path) -> None:
    families = {"root": FAMILY, "base": FAMILY | {"parent": "root"}, "spare": FAMILY}
    assert _kinds(_found(tmp_path, _service("a"), families=families)) == [
        (Disagreement.UNUSED_FAMILY, "spare")
    ]


STARTUP = """\
global: {log: info}
agent_groups:
  core:
    a: {script_path: a.py, port: 5000, health_check_port: 6000}
    ghost: {script_path: ghost.py}
  audio:
    - {name: b, script: other.py, port: 5011}
    - {name: off, script: off.py, enabled: false}
"""


def test_what_has_a_name_in_a_list_of_services_is_one(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        _service("a", machines=["pc1"], ports={"svc": 5000}),
        files={"config/pc1.yaml": "services:\n  - {name: a, port: 5001}\n  - name: z\nhooks: [{name: x}]\n"},
        machines={"pc1": {"startup": "config/pc1.yaml"}},
    )

    assert [(each.kind, each.about, each.location.line) for each in found] == [
        ("other-port", "a", 2),
        ("not-declared", "z", 3),
    ]


def test_the_start_up_configuration_and_the_manifest_name_the_same_services(tmp_path: Path) -> None:
    machines = {"pc1": {"startup": "config/pc1.yaml"}, "pc2": {}}
    found = _found(
        tmp_path,
        _service("a", machines=["pc1"], ports={"svc": 5000, "health": 6000}),
        _service("b", machines=["pc1"], ports={"svc": 5010}),
        _service("c", machines=["pc1"]),
        _service("d", machines=["pc1"], required={"pc1": False}),
        _service("e", machines=["pc2"]),
        files={"config/pc1.yaml": STARTUP},
        machines=machines,
    )
    assert [
        (e.kind, e.about, e.said, e.found, str(e.location)) for e in found if e.kind != "not-started"
    ] == [
        ("other-port", "b", "5011", "5010", "config/pc1.yaml:7"),
        ("other-entry", "b", "other.py", "b.py", "config/pc1.yaml:7"),
        ("not-declared", "ghost", "config/pc1.yaml", "", "config/pc1.yaml:5"),
    ]
    assert [(e.about, e.machine) for e in found if e.kind == "not-started"] == [("c", "pc1")]


def test_a_start_up_configuration_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = _found(tmp_path, _service("a"), machines={"pc1": {"startup": "config/gone.yaml"}})
    assert [(e.kind, e.said) for e in found] == [(Disagreement.ABSENT_FILE, "config/gone.yaml")]

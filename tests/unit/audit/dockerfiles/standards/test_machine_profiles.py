"""Profiles of machines, against what the manifest expects of them."""

from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.repository import Repository
from fleet_audit.audit.dockerfiles.standards.machine_profiles import machine_profiles
from fleet_audit.audit.fleet.manifest import load_fleet
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.standards import MachineProfile, Observed
from tests.support.trees import FOLDER, Link, tree

MANIFEST = """\
version: 1
fleet: f
families: {}
services: []
machines:
  pc:
    profile: pc.json
    expect_profile:
      THREADS: '16'
"""


def profile(folder: Path, body: bytes | str | Link | None, *, is_there: bool = True) -> list[Observed]:
    (folder / "fleet.yaml").write_text(MANIFEST)
    files: dict[str, bytes | str | Link | None] = {"fleet.yaml": MANIFEST}
    repository = Repository(tree(files | ({"pc.json": body} if is_there else {})))
    return list(machine_profiles(load_fleet(folder / "fleet.yaml"), repository))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"THREADS": 16}', "16"),
        ('{"THREADS": "16"}', "16"),
        ('{"env": {"THREADS": true}}', "true"),
        ('{"THREADS": null, "x": {"THREADS": 4}}', "null"),
        ('{"THREADS": [16]}', ""),
        ("{}", ""),
    ],
)
def test_a_value_is_compared_as_the_manifest_writes_it(tmp_path: Path, body: str, found: str) -> None:
    whole, value = (each.standing for each in profile(tmp_path, body))

    assert isinstance(whole, MachineProfile)
    assert isinstance(value, MachineProfile)
    assert (whole.problem, value.expected, value.found, value.is_set) == ("", "16", found, bool(found))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[]", "holds no JSON object"),
        ("{", "is no JSON ("),
        ("[" * 100_000, "is no JSON ("),
        (b"\0", "cannot be read"),
        (b"\xff{}", "is no JSON ("),
        (FOLDER, "is a folder"),
        (Link("/etc/passwd"), "cannot be read"),
        (" " * (5 << 20), "cannot be read"),
    ],
    ids=["list", "cut", "deep", "nul", "bytes", "folder", "link", "large"],
)
def test_a_file_that_is_of_no_use_is_told_at_the_line_that_names_it(
    tmp_path: Path, body: bytes | str | Link | None, problem: str
) -> None:
    (told,) = profile(tmp_path, body)

    assert isinstance(told.standing, MachineProfile)
    assert told.standing.problem.startswith(problem)
    assert told.location == SourceLocation("fleet.yaml", 7)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (told,) = profile(tmp_path, None, is_there=False)

    assert isinstance(told.standing, MachineProfile)
    assert told.standing.problem == "is not there"


def test_a_value_stands_at_its_line_of_the_profile(tmp_path: Path) -> None:
    _, value = profile(tmp_path, '{\n "NOTE": "THREADS",\n "THREADS" : 8\n}')

    assert value.location == SourceLocation("pc.json", 3)
    assert value.related == (SourceLocation("fleet.yaml", 9),)

"""The locks name versions and hashes, and nothing of the machine that made them."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("requirements", "examples/fleet/builder/wheels", "tests/fixtures/wheels")
LOCKS = sorted(lock for folder in FOLDERS for lock in ROOT.glob(f"{folder}/*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _pins(lock: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def _ranges() -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    extras = PROJECT["project"].get("optional-dependencies", {})
    listed = [*PROJECT["project"]["dependencies"], *groups["dev"], *groups["lock"]]
    return [Requirement(text) for text in [*listed, *(r for rs in extras.values() for r in rs)]]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_no_local_file(lock: Path) -> None:
    assert re.findall(r"(?:https?:|file:|--(?:extra-)?index|--find-links|-e ).*", lock.read_text()) == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_of_a_lock_has_a_hash(lock: Path) -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)
    unhashed = [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]

    assert unhashed == []


@pytest.mark.parametrize("requirement", _ranges(), ids=str)
def test_every_dependency_has_a_lower_and_an_upper_bound(requirement: Requirement) -> None:
    operators = {specifier.operator for specifier in requirement.specifier}

    assert ">=" in operators
    assert "<" in operators


def test_the_runtime_lock_answers_every_dependency_within_its_range() -> None:
    pins = _pins(ROOT / "requirements/runtime.txt")

    for text in PROJECT["project"]["dependencies"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[requirement.name.lower().replace("_", "-")])

"""``doctor`` says which scanners are asked, and how old what they know is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.registries import PASSWORD, USER, basic, write_login
from tests.support.scanner_programs import program, syft_that, trivy_that
from tests.support.trivy_database import write_trivy_database
from tests.support.worlds import FAMILY, SERVICE, World

TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(TODAY.timestamp())))
    monkeypatch.setenv("PATH", str(world.folder / "bin"))
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(world.folder / "trivy"))
    for name in ("FLEET_AUDIT_SYFT", "FLEET_AUDIT_TRIVY"):
        monkeypatch.delenv(name, raising=False)


def _scanners(world: World) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in world.run("doctor").document["scanners"]}


def _trivy_database(world: World, *, days: int) -> None:
    write_trivy_database(world.folder / "trivy", made=TODAY - timedelta(days=days))


def test_each_scanner_is_shown_with_its_version_and_place(world: World) -> None:
    path = trivy_that(world.folder / "bin", version="0.68.2")
    syft_that(world.folder / "bin", version="99.1.0")

    parts = _scanners(world)

    assert parts["trivy"]["detail"] == f"0.68.2 ({path})"
    assert parts["syft"]["detail"].startswith("99.1.0 (")


def test_what_is_missing_comes_with_what_to_do(world: World) -> None:
    parts = _scanners(world)

    assert parts["trivy"]["present"] is False
    assert "install trivy" in parts["trivy"]["advice"]
    assert "--download-db-only" in parts["trivy's database"]["advice"]


def test_another_program_of_that_name_is_said_to_be_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = program(world.folder / "other", "syft", "echo 'private deep learning'")
    monkeypatch.setenv("FLEET_AUDIT_SYFT", str(other))

    part = _scanners(world)["syft"]

    assert part["present"] is False
    assert "is not the syft that makes inventories" in part["advice"]


@pytest.mark.parametrize(
    ("days", "detail", "is_old"),
    [
        (0, "made 2026-11-20, today", False),
        (1, "made 2026-11-19, yesterday", False),
        (7, "made 2026-11-13, 7 days ago", False),
        (8, "made 2026-11-12, 8 days ago", True),
    ],
)
def test_the_database_is_shown_with_its_age(world: World, days: int, detail: str, *, is_old: bool) -> None:
    _trivy_database(world, days=days)

    part = _scanners(world)["trivy's database"]

    assert part["detail"] == f"{detail} ({world.folder / 'trivy'})"
    assert ("it is old" in part["advice"]) is is_old


def test_a_database_that_is_cut_short_is_no_database(world: World) -> None:
    _trivy_database(world, days=0)
    file = world.folder / "trivy" / "db" / "trivy.db"
    file.write_bytes(file.read_bytes()[:-4096])

    part = _scanners(world)["trivy's database"]

    assert part["present"] is False
    assert "is damaged" in part["advice"]


def test_the_text_names_them_under_a_heading(world: World) -> None:
    _, out, _ = world.say("doctor")

    assert "Scanners" in out.splitlines()


def test_files_of_credentials_for_registries_are_named_and_not_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = write_login(world.folder / "login", "registry.example")
    monkeypatch.setenv("DOCKER_CONFIG", str(login))

    answer = world.run("doctor")

    (part,) = [part for part in answer.document["engines"] if part["name"] == "registries"]
    assert part["present"] is True
    assert str(login / "config.json") in part["detail"]
    assert basic(USER, PASSWORD).split()[1] not in answer.out


def test_without_a_file_of_credentials_doctor_says_how_to_get_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(world.folder))

    (part,) = [part for part in world.run("doctor").document["engines"] if part["name"] == "registries"]

    assert part["present"] is False
    assert "docker login HOST" in part["advice"]


def test_every_folder_of_the_cache_is_shown(world: World) -> None:
    syft = syft_that(world.folder / "bin", "exit 1")
    world.family().service(SERVICE, "import os\n").run("deps", FAMILY)
    world.say("sbom", FAMILY, "--syft", str(syft))

    shown = {each["name"] for each in world.run("doctor").document["caches"]}

    assert {"layers", "scans"} <= {folder.name for folder in world.cache.iterdir()} <= shown

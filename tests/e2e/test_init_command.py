"""``fleet-audit init`` as people call it."""

import shutil
from pathlib import Path

import pytest

from fleet_audit.audit.fleet.manifest import load_fleet
from tests.support.packaged import with_known_rules
from tests.support.worlds import World

EXAMPLE = Path(__file__).parents[2] / "examples" / "fleet"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the example fleet, without its manifest and images, and be in it."""
    for name in ("docker", "services", "common", "builder"):
        shutil.copytree(EXAMPLE / name, tmp_path / "house" / name)
    monkeypatch.chdir(tmp_path / "house")
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path / "cache")))
    return tmp_path / "house"


def test_the_example_without_its_manifest_gets_one_that_dockerfiles_accepts(here: Path) -> None:
    assert World.say("init")[0] == 0
    assert World.say("dockerfiles")[0] == 0

    drafted, own = load_fleet(here / "fleet.yaml").manifest, load_fleet(EXAMPLE / "fleet.yaml").manifest
    assert {name: family.parent for name, family in drafted.families.items()} == {
        name: family.parent for name, family in own.families.items()
    }
    assert {(s.name, s.family, s.entry, *sorted(s.ports.values())) for s in drafted.services} == {
        (s.name, s.family, s.entry, *sorted(s.ports.values())) for s in own.services
    }
    assert {s.name: s.requirements for s in drafted.services} == {
        s.name: s.requirements for s in own.services
    }


def test_a_manifest_is_never_overwritten_and_can_be_compared(here: Path) -> None:
    (here / "fleet.yaml").write_text("mine")
    code, _, err = World.say("init")
    assert (code, (here / "fleet.yaml").read_text()) == (2, "mine")
    assert "--print" in err
    assert World.say("init", "--print")[1].startswith("# Drafted by")


@pytest.mark.usefixtures("here")
def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    Path("fleet.yaml").symlink_to(tmp_path / "elsewhere")
    assert World.say("init")[0] == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "words", [("nowhere",), ("empty",), ("fleet.txt",), ("-o", "json"), ("-f", "x.yaml")]
)
def test_where_there_is_nothing_to_draft_from_it_says_so(here: Path, words: tuple[str, ...]) -> None:
    (here / "empty").mkdir()
    (here / "fleet.txt").touch()
    code, out, err = World.say("init", *words)
    assert (code, out, err.startswith("fleet-audit: ")) == (2, "", True)


def test_what_could_not_be_read_is_said(here: Path) -> None:
    (here / "services" / "stt" / "Dockerfile").write_bytes(b"\0")
    code, _, err = World.say("init", "--print")
    assert (code, "services/stt/Dockerfile" in err) == (3, True)


def test_the_help_offers_what_a_draft_can_be_asked_for() -> None:
    shown = World.say("init", "--help")[1]
    assert "--print" in shown
    assert all(option not in shown for option in ("--output", "--fleet", "--platform", "--archive"))

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.fleet.builder.__main__ import build, main, proposed, run
from examples.fleet.builder.recipes import RECIPES


def complaint(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["builder", *words])
    with pytest.raises(SystemExit) as left:
        run()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    return said


def test_the_images_are_listed_with_what_they_stand_on() -> None:
    listed = CliRunner().invoke(main, ["list"]).output

    assert len(listed.splitlines()) == len(RECIPES)
    assert "from base-gpu-cu121, a variant of family-vision-cu121" in listed


def test_what_cannot_be_asked_for_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_plan = tmp_path / "plan.json"
    no_plan.write_text("[]")
    layout = str(tmp_path / "layout")

    assert "--replace-wheel a: is not OLD=NEW" in complaint(
        capsys, monkeypatch, "build", "--replace-wheel", "a"
    )
    assert "is no document of `fleet-audit deps`" in complaint(
        capsys, monkeypatch, "build", "--add-plan", str(no_plan)
    )
    assert "no such image; there are: none" in complaint(
        capsys, monkeypatch, "export", "one", str(tmp_path / "out"), "--layout", layout
    )


def test_a_plan_may_hold_one_family_or_several(tmp_path: Path) -> None:
    one, several = tmp_path / "one.json", tmp_path / "several.json"
    proposal = {"proposal": {"roots": ["b=1", "a=2"], "packages": []}, "schema": "fleet-audit.deps/1"}
    one.write_text(json.dumps(proposal))
    several.write_text(json.dumps({"subjects": [proposal, {"proposal": {"roots": ["c=3"]}}]}))

    assert proposed(one) == ["a=2", "b=1"]
    assert proposed(several) == ["a=2", "b=1", "c=3"]


def test_building_needs_no_subcommand_when_started_by_its_own_script() -> None:
    assert "Build IMAGES" in CliRunner().invoke(build, ["--help"]).output

"""Which build of a scanner is asked."""

from pathlib import Path

import pytest

from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.scanner import (
    find_scanner,
    named_program,
    on_path,
    sole_scanner,
    without_colours,
)
from tests.support.scanner_programs import program


class _Asked:
    """Says of each program the version that is its folder's name, and remembers who was asked."""

    def __init__(self) -> None:
        self.paths: list[Path] = []

    def __call__(self, path: Path) -> str:
        self.paths.append(path)
        if path.parent.name == "broken":
            raise ToolError((str(path),), "is broken")
        return path.parent.name


def _programs(folder: Path, *versions: str) -> list[Path]:
    return [program(folder / version, "scanner") for version in versions]


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        (("1.9.0", "1.10.0"), "1.10.0"),
        (("1.10.0", "1.9.0"), "1.10.0"),
        (("dev", "0.1"), "0.1"),
        (("dev", "other"), "dev"),
        (("broken", "1.0"), "1.0"),
    ],
)
def test_the_newest_is_used(tmp_path: Path, versions: tuple[str, ...], chosen: str) -> None:
    found = find_scanner("scanner", _programs(tmp_path, *versions), _Asked())

    assert found is not None
    assert found.version == chosen


def test_without_any_there_is_none(tmp_path: Path) -> None:
    unstartable = tmp_path / "scanner"
    unstartable.write_text("text")

    assert find_scanner("scanner", [tmp_path / "nowhere", unstartable], _Asked()) is None


def test_where_none_can_say_its_version_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="is broken"):
        find_scanner("scanner", _programs(tmp_path, "broken"), _Asked())


def test_a_program_is_asked_once_for_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    asked, versions = _Asked(), FolderStore(tmp_path / "kept")
    (path,) = _programs(tmp_path, "1.0")
    path.write_bytes(b"\x7fELF one build")

    first, second = (find_scanner("scanner", [path], asked, versions=versions) for _ in range(2))
    assert first == second
    assert len(asked.paths) == 1

    path.write_bytes(b"\x7fELF another build")
    third = find_scanner("scanner", [path], asked, versions=versions)

    assert len(asked.paths) == 2
    assert third is not None
    assert first is not None
    assert third.identity != first.identity


def test_a_script_is_asked_each_time_as_what_it_starts_may_be_another_build(tmp_path: Path) -> None:
    asked, versions = _Asked(), FolderStore(tmp_path / "kept")

    for _ in range(2):
        find_scanner("scanner", _programs(tmp_path, "1.0"), asked, versions=versions)

    assert len(asked.paths) == 2


def test_every_one_on_the_path_is_a_candidate_in_its_order(tmp_path: Path) -> None:
    paths = _programs(tmp_path, "b", "a")

    assert on_path("scanner", {"PATH": f"{tmp_path}/b:{tmp_path}/none::{tmp_path}/a"}) == tuple(paths)


def test_what_the_user_names_goes_before_the_environment(tmp_path: Path) -> None:
    one, other = _programs(tmp_path, "1", "2")
    environment = {"PATH": str(one.parent), "NAMED": str(other)}

    assert named_program("scanner", environment, named="scanner", variable="NAMED") == one
    assert named_program("scanner", environment, variable="NAMED") == other
    assert named_program("scanner", {}, variable="NAMED") is None


@pytest.mark.parametrize(
    ("named", "environment", "words"),
    [
        ("/nowhere/scanner", {}, "/nowhere/scanner is named and is no program"),
        ("", {"NAMED": "other"}, "other is named by NAMED"),
    ],
)
def test_a_named_program_that_is_not_there_is_an_error(
    named: str, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ToolError, match=words):
        named_program("scanner", environment, named=named, variable="NAMED")


def test_colours_are_taken_from_what_a_program_says() -> None:
    assert without_colours("\x1b[31mERROR\x1b[0m could not \x1b[1;4mread\x1b[K") == "ERROR could not read"


def _compiled(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "scanner"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    return path


def test_one_compiled_program_is_known_without_being_asked(tmp_path: Path) -> None:
    path = _compiled(tmp_path / "one")

    found = sole_scanner("scanner", [path, tmp_path / "nowhere", path])

    assert found is not None
    assert (found.path, found.version) == (path, "")
    asked = find_scanner("scanner", [path], _Asked())
    assert asked is not None
    assert asked.identity == found.identity


def test_of_several_programs_and_of_a_script_versions_tell(tmp_path: Path) -> None:
    first, second = _compiled(tmp_path / "one"), _compiled(tmp_path / "two")

    assert sole_scanner("scanner", [first, second]) is None
    assert sole_scanner("scanner", _programs(tmp_path, "1.0")) is None
    assert sole_scanner("scanner", []) is None

"""Packages for an image that cannot install any: a stage before the last, and a COPY from it."""

from pathlib import Path

import pytest

from fleet_audit.audit.dockerfiles.addition.foreign_stage import STAGE, ForeignStage, patch_with_stage
from fleet_audit.audit.dockerfiles.addition.instruction import UnsafePin
from fleet_audit.audit.dockerfiles.language.building import refusals
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.tools.process import ToolFailed, run

WANTED = ForeignStage("debian:bookworm-slim", ("libgl1=1.6.0-1",), ("libgl1", "libglvnd0"))
SOURCE = """\
# syntax=docker/dockerfile:1
FROM base:1 AS build
RUN make

FROM small:1
USER 10001
COPY --from=0 /a /a
"""


def test_the_last_stage_copies_from_a_new_one_before_it() -> None:
    after = parse(patch_with_stage(SOURCE, WANTED).after)

    assert [stage.base for stage in after.stages] == ["base:1", "debian:bookworm-slim", "small:1"]
    assert [each.keyword for each in after.stages[2].instructions] == ["FROM", "COPY", "USER", "COPY"]
    assert after.stages[2].instructions[1].flag("from") == after.stages[1].name
    assert refusals(after, scopes(after)) == ()


def test_all_other_lines_stay_as_they_are() -> None:
    after = patch_with_stage(SOURCE, WANTED).after
    new = {*WANTED.stage().split("\n"), WANTED.copy(), ""}

    assert [line for line in after.split("\n") if line not in new] == [x for x in SOURCE.split("\n") if x]


def test_applied_again_it_changes_nothing() -> None:
    once = patch_with_stage(SOURCE, WANTED).after

    assert patch_with_stage(once, WANTED).is_empty


def test_other_packages_get_a_stage_of_another_name() -> None:
    once = patch_with_stage(SOURCE, WANTED).after
    other = ForeignStage("debian:bookworm-slim", ("libz=1",), ("libz",))

    twice = patch_with_stage(once, other).after

    assert [stage.name for stage in parse(twice).stages][1:3] == [STAGE, f"{STAGE}-2"]
    assert f"COPY --from={STAGE}-2 " in twice
    assert patch_with_stage(twice, WANTED).is_empty
    assert patch_with_stage(twice, other).is_empty


@pytest.mark.parametrize(
    ("source", "end"),
    [
        ("FROM small:1", f"COPY --from={STAGE} /kept/ /"),
        ("FROM small:1\r\nUSER 1\r\n", "/kept/ /\r\nUSER 1\r\n"),
    ],
)
def test_line_ends_are_those_of_the_file(source: str, end: str) -> None:
    after = patch_with_stage(source, WANTED).after

    assert after.endswith(end)
    assert after.count("\n") - after.count("\r\n") == (0 if "\r" in source else after.count("\n"))


@pytest.mark.parametrize(
    ("source", "why"),
    [("# nothing\n", "has no FROM"), ("FROM a\nRUN <<EOF\n", "line 2"), ("", "has no FROM")],
)
def test_where_no_stage_is_known_nothing_changes(source: str, why: str) -> None:
    change = patch_with_stage(source, WANTED)

    assert change.is_empty
    assert why in change.why


@pytest.mark.parametrize("pin", ["libgl1;reboot", "$(x)", "a b", ""])
def test_what_is_no_name_is_not_written(pin: str) -> None:
    with pytest.raises(UnsafePin):
        ForeignStage("debian:bookworm-slim", (pin,), ("libgl1",)).stage()
    with pytest.raises(UnsafePin):
        ForeignStage("debian:bookworm-slim", ("libgl1",), (pin,)).stage()


PROGRAMS = {
    "apt-get": "exit 0",
    "dpkg-query": """
case "$1 $2" in
  "-s liba") echo "Package: liba";;
  "--control-show liba") echo "0  usr/lib/liba.so.1";;
  "-L liba")
    printf '%s\\n' /. "$ROOT/lib" "$ROOT/lib/liba.so.1" "$ROOT/lib/liba.so.1.0"
    echo "package diverts others to: /x";;
  "-s libb") echo "Package: libb";;
  "-L libb") echo "$ROOT/usr/lib/with a space";;
  *) exit 1;;
esac""",
}


def keep(folder: Path, *packages: str) -> Path:
    """Run the stage's command with programs that play Debian's, on a root of which /lib is a link."""
    for name, body in PROGRAMS.items():
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    lib = folder / "root" / "usr" / "lib"
    lib.mkdir(parents=True)
    (lib / "liba.so.1.0").write_text("a")
    (lib / "liba.so.1").symlink_to("liba.so.1.0")
    (lib / "with a space").write_text("b")
    (folder / "root" / "lib").symlink_to("usr/lib")
    stage = ForeignStage("debian:12", packages, packages).stage()
    (instruction,) = parse(stage).stages[0].instructions[1:]
    script = instruction.body.replace("/kept", str(folder / "kept"), 1).replace(
        "find /usr/bin /usr/lib", f"find {lib}"
    )
    environment = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "ROOT": str(folder / "root")}
    run(["/bin/sh", "-c", script], timeout=60, env=environment)
    return folder / "kept"


def test_the_stage_keeps_what_packages_ship_below_folders_that_are_no_links(tmp_path: Path) -> None:
    kept = keep(tmp_path, "liba", "libb")

    lib = kept / str(tmp_path / "root/usr/lib").lstrip("/")
    assert (lib / "liba.so.1").readlink() == Path("liba.so.1.0")
    assert (lib / "liba.so.1.0").read_text() == "a"
    assert (lib / "with a space").read_text() == "b"
    status = kept / "var/lib/dpkg/status.d"
    assert sorted(path.name for path in status.iterdir()) == ["liba", "liba.md5sums", "libb"]


def test_a_package_that_was_not_installed_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed):
        keep(tmp_path, "liba", "libc-not-there")

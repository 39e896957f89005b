"""Which scripts the kernel would not start for want of what their first line names."""

import pytest

from fleet_audit.audit.images.tree import FileKind
from fleet_audit.audit.ldd.programs import unstartable
from fleet_audit.audit.ldd.scripts import MAX_INTERPRETERS, FirstLine, first_line, why_not_started
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig
from tests.support.elf import ImageBuilder, image

RUN = ImagePath("/app/run")


def _world(script: str | bytes, *programs: str) -> ImageBuilder:
    builder = image().file(RUN, script, mode=0o755)
    for program in programs:
        builder.file(program, b"\x7fELF", mode=0o755)
    return builder


def _why(builder: ImageBuilder, program: ImagePath = RUN) -> str | None:
    built = builder.build()

    def find(name: str) -> ImagePath | None:
        path = built.tree.realpath(ImagePath(name if "/" in name else f"/usr/bin/{name}"))
        entry = None if path is None else built.tree.entry(path)
        return path if entry is not None and entry.kind is FileKind.FILE else None

    return why_not_started(built.tree, built.elf, program, find)


@pytest.mark.parametrize(
    ("script", "line"),
    [
        ("#!/bin/sh\n", FirstLine("/bin/sh", "")),
        ("#! \t/bin/sh -e  \nexit\n", FirstLine("/bin/sh", "-e")),
        ("#!/usr/bin/env\tpython3 -u\n", FirstLine("/usr/bin/env", "python3 -u")),
        ("#!/bin/sh\r\n", FirstLine("/bin/sh\r", "")),
        ("#!/bin/sh", FirstLine("/bin/sh", "")),
        ("#!\n", None),
        ("print()\n", None),
        ("", None),
    ],
)
def test_a_first_line_is_read_as_the_kernel_reads_it(script: str, line: FirstLine | None) -> None:
    assert first_line(_world(script).build().tree, RUN) == line


def test_a_script_whose_interpreter_is_there_starts() -> None:
    assert _why(_world("#!/bin/sh\n", "/bin/sh")) is None
    assert _why(_world("no script\n")) is None


@pytest.mark.parametrize(
    ("script", "name"),
    [("#!/usr/bin/python3\n", "/usr/bin/python3"), ("#!/bin/sh\r\n", "/bin/sh\\r")],
)
def test_an_interpreter_that_is_not_there_is_named(script: str, name: str) -> None:
    why = _why(_world(script, "/bin/sh"))

    assert why == f"its interpreter {name} is not there: No such file or directory"


def test_an_interpreter_that_may_not_be_executed_is_refused() -> None:
    folder = _world("#!/opt/tools\n").file("/opt/tools/x", "")
    plain = _world("#!/opt/tool\n").file("/opt/tool", "", mode=0o644)

    assert "Permission denied" in (_why(folder) or "")
    assert "Permission denied" in (_why(plain) or "")


def test_env_has_to_find_its_program() -> None:
    line = "#!/usr/bin/env python3\n"

    assert _why(_world(line, "/usr/bin/env", "/usr/bin/python3")) is None
    assert "env does not find python3" in (_why(_world(line, "/usr/bin/env")) or "")
    assert _why(_world("#!/usr/bin/env -S A=1 python3\n", "/usr/bin/env")) is None


def test_interpreters_of_interpreters_are_followed_as_far_as_the_kernel_goes() -> None:
    chain = _world("#!/s1\n", "/bin/sh")
    for number in range(1, MAX_INTERPRETERS):
        chain.file(f"/s{number}", f"#!/s{number + 1}\n", mode=0o755)
    chain.file(f"/s{MAX_INTERPRETERS}", "#!/bin/sh\n", mode=0o755)
    broken = _world("#!/s1\n").file("/s1", "#!/gone\n", mode=0o755)

    assert "Too many levels" in (_why(chain) or "")
    assert _why(chain, ImagePath("/s1")) is None
    assert "/gone is not there" in (_why(broken) or "")
    assert "Too many levels" in (_why(_world(f"#!{RUN}\n")) or "")


def test_what_the_configuration_starts_in_vain_is_told() -> None:
    built = _world("#!/gone\n").build()

    found = unstartable(built.tree, built.elf, ImageConfig(entrypoint=(RUN,)), ImagePath)

    assert {entry.path: fatal.path for entry, fatal in found.items()} == {RUN: RUN}

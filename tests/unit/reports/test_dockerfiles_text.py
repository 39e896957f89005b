"""What a repository claims of its images, for a terminal."""

import msgspec
import pytest

from fleet_audit.audit.model.finding import Finding, Mode, Severity
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.reports.dockerfiles import MAX_AGAIN, MAX_ALONE, MAX_NAMES, dockerfiles_text
from tests.support.reports import OPTIONS, dockerfiles_report, finding


def open_version(
    name: str, line: int, severity: Severity = Severity.WARN, waiver: str | None = None
) -> Finding:
    return msgspec.structs.replace(
        finding(severity, rule="FA-PIN-001", subject=f"apt:{name}", message=f"{name} is open", waiver=waiver),
        location=SourceLocation("web/Dockerfile", line),
    )


def text(*findings: Finding, **options: str) -> str:
    report = msgspec.structs.replace(dockerfiles_report(), findings=findings)
    return dockerfiles_text((report,), msgspec.structs.replace(OPTIONS, width=200, **options))


def test_many_warnings_of_one_rule_in_a_file_stand_at_the_first_of_them() -> None:
    shown = text(*(open_version(f"lib{line}", line) for line in (9, 4, 5, 7)))

    assert "4  warn  FA-PIN-001  lib4 is open" in shown
    assert "and 3 more in lines 5 to 9: lib5, lib7, lib9\n" in shown
    assert "lib5 is open" not in shown


def test_few_warnings_stand_alone() -> None:
    shown = text(*(open_version(f"lib{line}", line) for line in range(MAX_ALONE)))

    assert shown.count("is open") == MAX_ALONE
    assert "more in" not in shown


def test_each_error_and_each_waived_finding_stands_alone() -> None:
    errors = [open_version(f"e{line}", line, Severity.ERROR) for line in range(1, 6)]
    waived = [open_version(f"w{line}", line, waiver="known") for line in range(1, 6)]
    shown = text(*errors, *waived)

    assert shown.count("is open") == 10
    assert "more in" not in shown


def test_of_very_many_names_the_first_are_told() -> None:
    shown = text(*(open_version(f"lib{at:02}", 8) for at in range(MAX_NAMES + 2)))

    assert f"and {MAX_NAMES + 1} more in line 8: lib01, " in shown
    assert f", lib{MAX_NAMES:02}, …\n" in shown


def blocking(path: str) -> Finding:
    return msgspec.structs.replace(finding(Severity.ERROR), location=SourceLocation(path, 3))


def test_files_in_which_something_blocks_come_first_and_are_named_for_another_look() -> None:
    small = msgspec.structs.replace(
        finding(Severity.WARN, mode=Mode.WARN), location=SourceLocation("a/Dockerfile", 1)
    )
    shown = text(small, blocking("b/Dockerfile"), blocking("a b/Dockerfile")).splitlines()

    files = [line for line in shown if line.endswith("Dockerfile") and line[0] in "ab"]
    assert files == ["a b/Dockerfile", "b/Dockerfile", "a/Dockerfile"]
    assert shown[-1] == "once mended  fleet-audit dockerfiles 'a b/Dockerfile' b/Dockerfile"


@pytest.mark.parametrize(
    ("start", "here", "paths", "root"),
    [
        (".", ".", "./-v sub/x", ""),
        ("..", "sub", "../-v x", " .."),
        ("..", "other", "../-v ../sub/x", " .."),
        ("shop", "..", "shop/-v shop/sub/x", " shop"),
        ("../shop", "../other", "../shop/-v ../shop/sub/x", " ../shop"),
    ],
)
def test_what_to_type_next_is_meant_for_the_folder_where_it_is_typed(
    start: str, here: str, paths: str, root: str
) -> None:
    shown = text(blocking("-v"), blocking("sub/x"), start=start, here=here, manifest="").splitlines()
    assert shown[-2:] == [
        f"once mended       fleet-audit dockerfiles {paths}",
        f"draft a manifest  fleet-audit init{root}",
    ]


def test_where_much_blocks_the_first_files_are_named() -> None:
    shown = text(*(blocking(f"{at}/Dockerfile") for at in range(MAX_AGAIN + 1))).splitlines()
    assert shown[-1].startswith("once mended (the first of them)  fleet-audit dockerfiles 0/Dockerfile 1/")
    assert shown[-1].endswith(f" {MAX_AGAIN - 1}/Dockerfile")


def test_where_nothing_blocks_and_a_manifest_is_there_nothing_is_to_be_typed() -> None:
    assert "fleet-audit " not in text(open_version("a", 1))

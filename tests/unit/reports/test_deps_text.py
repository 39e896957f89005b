"""The main job's answer for a terminal."""

import msgspec

from fleet_audit.audit.model.elf import Unknown
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.need import NeedKind
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.reports.deps_text import deps_text
from fleet_audit.reports.summary import chain_summary
from tests.support.reports import OPTIONS, clean_report, deps_report, need, planned_report


def text(*reports: DepsReport, width: int = 100) -> str:
    return deps_text(reports, msgspec.structs.replace(OPTIONS, width=width))


def test_a_missing_need_names_service_line_chain_and_package() -> None:
    shown = text(deps_report())

    for part in (
        "✗  so:libGL.so.1",
        "services/face_recognition/app.py:12",
        "cv2 → cv2.abi3.so → libGL.so.1",
        "libgl1=1.6.0-1",
    ):
        assert part in shown


def test_the_line_to_copy_stands_alone_at_the_margin_at_any_width() -> None:
    for width in (40, 100, 200):
        lines = text(deps_report(), width=width).splitlines()
        start = lines.index("RUN apt-get update \\")
        assert lines[start : start + 4] == [
            "RUN apt-get update \\",
            "    && apt-get install -y --no-install-recommends \\",
            "        libgl1=1.6.0-1 \\",
            "    && rm -rf /var/lib/apt/lists/*",
        ]


def test_the_dockerfile_line_and_the_size_are_said() -> None:
    shown = text(deps_report())

    assert "docker/family-vision-cu121/Dockerfile:18" in shown
    assert "2 packages, 296.6 kB installed, 122.8 kB to download" in shown


def test_a_host_driver_is_neither_missing_nor_proposed() -> None:
    shown = text(deps_report())

    assert "·  so:libcuda.so.1" in shown
    assert "the host's driver" in shown
    assert "3 missing · 1 found · 1 from the host's driver" in shown


def test_a_need_without_a_package_says_so_beside_it() -> None:
    (row,) = [line for line in text(deps_report()).splitlines() if "so:libacme.so.1" in line]

    assert row.endswith("no package: no package has it")


def test_when_nothing_is_missing_one_line_says_so_and_nothing_is_proposed() -> None:
    shown = text(clean_report())

    assert "Nothing that ServiceRegistry requires is missing." in shown
    assert "Proposal" not in shown
    assert "RUN" not in shown


def test_completeness_is_not_claimed_where_something_could_not_be_examined() -> None:
    gap = Gap("imports", GapKind.NO_SERVICE_SOURCE, "Registry", "its source is not there")
    shown = text(msgspec.structs.replace(clean_report(), gaps=(gap,)))

    assert "✓" not in shown
    assert "Nothing is known to be missing, and not everything could be examined" in shown
    assert "INCOMPLETE" in shown


def test_what_is_undecided_is_not_called_missing() -> None:
    undecided = need("libx.so.1", Unknown("its layer could not be read"))
    shown = text(msgspec.structs.replace(clean_report(), needs=(undecided,)))

    assert "1 undecided · 0 found" in shown
    assert "unknown: its layer could not be read" in shown
    assert "missing" not in shown.replace("its layer", "").split("Needs")[1].splitlines()[0]


def test_nothing_is_claimed_of_an_image_that_was_not_read() -> None:
    shown = text(DepsReport(subject="a", family="a"))

    assert "missing" not in shown
    assert "Needs" not in shown


def test_no_proof_is_claimed_where_none_was_made() -> None:
    assert "smallest" not in text(deps_report())


def test_the_exit_code_stands_beside_the_verdict() -> None:
    (line,) = [line for line in text(deps_report()).splitlines() if line.startswith("FAIL")]

    assert line.startswith("FAIL  2 findings block · exit code 1  (2 errors, 1 warning, 1 remark, 1 waived,")


def test_the_last_lines_are_what_to_type_next() -> None:
    assert text(deps_report()).splitlines()[-3:] == [
        "why?        fleet-audit explain so:libGL.so.1 --family family-vision-cu121",
        "try it:     fleet-audit deps family-vision-cu121 --verify",
        "all of it:  fleet-audit deps family-vision-cu121 -o json",
    ]


def test_a_name_in_a_command_is_quoted_for_a_shell() -> None:
    report = msgspec.structs.replace(clean_report(), subject="a; rm -rf b")

    assert text(report).splitlines()[-1] == "all of it:  fleet-audit deps 'a; rm -rf b' -o json"


def test_several_families_end_with_a_table_and_one_verdict() -> None:
    lines = text(deps_report(), clean_report()).splitlines()

    assert lines[-1] == "FAIL  2 images · exit code 1"
    (row,) = [line for line in lines if line.startswith(" family-web ")]
    assert row.split() == ["family-web", "pass", "0", "0", "–", "unknown", "0"]


def test_the_table_tells_what_taking_surplus_out_of_each_image_saves() -> None:
    looked = msgspec.structs.replace(clean_report(), is_surplus_known=True)
    lines = text(planned_report(), looked, clean_report()).splitlines()

    saved = [line.split()[-4:-1] for line in lines if line.startswith((" family-audio ", " family-web "))]
    assert [" ".join(cells) for cells in saved] == ["MB 49.1 MB", "0 – –", "0 – unknown"]


def test_no_family_at_all_is_said() -> None:
    assert text() == "Nothing to report on: no family was chosen.\n"


def test_a_chain_says_each_name_once_and_files_by_their_last_part() -> None:
    steps = (
        "service:Face",
        "imports module:cv2 (app.py:3)",
        "loads file:/usr/lib/cv2/cv2.abi3.so",
        "needs so:libQt5Gui.so.5",
        "is found at file:/usr/lib/cv2 (copy)/libQt5Gui.so.5",
        "needs so:libGL.so.1",
    )

    assert chain_summary(steps) == ("cv2", "cv2.abi3.so", "libQt5Gui.so.5", "libGL.so.1")


def test_what_to_type_next_is_a_command_that_answers() -> None:
    report = deps_report()
    version = need("GLIBC_2.38 of libc.so.6")
    version = msgspec.structs.replace(version, kind=NeedKind.SYMBOL_VERSION)
    of_service = msgspec.structs.replace(report, subject="FaceRecognitionAgent", needs=(version,))
    of_source = msgspec.structs.replace(report, family=None, subject=str(report.image and report.image.ref))

    assert "explain so:libGL.so.1 --family" in text(report)
    assert "explain" not in text(of_service)
    assert "deps FaceRecognitionAgent -o json" in text(of_service)
    assert "fleet-audit explain" not in text(of_source)

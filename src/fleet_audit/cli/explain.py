"""``fleet-audit explain``: the whole chain behind one thing."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.scanners import program_option, trivy_caches_option
from fleet_audit.cli.subjects import bare_image, every_family

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.report import ExplainReport
    from fleet_audit.audit.pipeline.run.shared import Shared
    from fleet_audit.audit.pipeline.run.subject import Subject
    from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions

FORMATS = ("text", "json")


class NothingKnown(FleetAuditError):
    """No evidence speaks of what was asked about, in none of the images that were looked at."""

    def __init__(
        self,
        question: str,
        places: list[str],
        *,
        is_complete: bool,
        near: tuple[str, ...] = (),
        see: str = "deps",
    ) -> None:
        """Keep the question, where it was looked for, whether all was seen, names like it, and who tells."""
        super().__init__(question, places, is_complete, near, see)
        self.question = question
        self.places = places
        self.near = near
        self.see = see
        self.exit_code = 2 if is_complete else 3

    def __str__(self) -> str:
        """Return one sentence."""
        hint = "" if self.exit_code == 2 else f", and not everything could be examined (see {self.see})"
        guess = f"; did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"no evidence speaks of {self.question} in {', '.join(self.places)}{hint}{guess}"


@click.command("explain")
@click.argument("question", metavar="KIND:NAME")
@click.option("--family", metavar="FAMILY", help="Only in this family's image.")
@click.option("--image", metavar="REF", help="In this image, or in this one for the family.")
@program_option("trivy", " about an advisory")
@trivy_caches_option
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *, question: str, family: str | None, image: str | None, trivy: str, db: Path | None, common: Common
) -> int:
    """Show who needs something, from which line, and every step between.

    KIND is so, bin, dist, module, file, package, service, advisory or rule. A bare NAME that means several
    things lists them; CVE-… is an advisory. Without --family or --image every family of the manifest is
    looked at.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.model.report import ExplainReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.explaining import parse_question  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    parse_question(question)
    fleet = find_fleet(common)
    with common.settings() as settings:
        shared = Shared(settings, fleet)
        ask = _asking(question, shared, TrivyOptions(program=trivy, caches=db))
        reports = _reports(question, fleet, shared, ask, family=family, image=image)
    write(outputs, renderer(ExplainReport, reports, common, fleet))
    return exit_code(reports)


def _asking(question: str, shared: "Shared", options: "TrivyOptions") -> "Callable[[Subject], ExplainReport]":
    """Return what explains the question on one subject; only advisories have a scanner asked."""
    from fleet_audit.audit.pipeline.explaining import explain_on, parse_question  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.explaining_advisories import (  # noqa: PLC0415  (the same)
        explain_advisory,
        names_advisory,
    )

    kind, name = parse_question(question)
    if names_advisory(kind, name):
        return lambda subject: explain_advisory(question, name, subject, shared, options)
    return lambda subject: explain_on(question, subject, shared)


def _reports(  # noqa: PLR0913  (what is asked, of whom, and where)
    question: str,
    fleet: "Fleet | None",
    shared: "Shared",
    ask: "Callable[[Subject], ExplainReport]",
    *,
    family: str | None,
    image: str | None,
) -> "list[ExplainReport]":
    from fleet_audit.audit.model.evidence import NodeKind  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.explaining import explain_rule, parse_question  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.explaining_advisories import names_advisory  # noqa: PLC0415  (the same)

    kind, name = parse_question(question)
    if kind is NodeKind.RULE:
        about_rule = explain_rule(name, shared.rules)
        if about_rule.node is None:
            raise NothingKnown(question, ["the policy's rules"], is_complete=True)
        return [about_rule]
    subjects = _subjects(fleet, family=family, image=image)
    reports = [ask(subject) for subject in subjects]
    known = [report for report in reports if report.node is not None or report.candidates]
    unseen = [
        subject.name
        for subject, report in zip(subjects, reports, strict=True)
        if report not in known and any(gap.blocking for gap in report.gaps)
    ]
    if not known:
        near = tuple(dict.fromkeys(str(node) for report in reports for node in report.near))[:3]
        places = [subject.name for subject in subjects]
        see = "vulns" if names_advisory(kind, name) else "deps"
        raise NothingKnown(question, places, is_complete=not unseen, near=near, see=see)
    return [_with_unseen(report, unseen) for report in known]


def _with_unseen(report: "ExplainReport", unseen: list[str]) -> "ExplainReport":
    """Return the report with a note on the images that say nothing because they were not seen whole."""
    if not unseen:
        return report
    note = f"not everything could be examined in {', '.join(unseen)}, where it may be needed too (see deps)"
    return msgspec.structs.replace(report, notes=(*report.notes, note))


def _subjects(fleet: "Fleet | None", *, family: str | None, image: str | None) -> "list[Subject]":
    from fleet_audit.audit.pipeline.run.subject import named_subject  # noqa: PLC0415  (not for --help)

    if family is not None:
        return [named_subject(need_fleet(fleet), family, image=image)]
    if image is not None:
        return [bare_image(image)]
    return every_family(need_fleet(fleet))

"""``fleet-audit vex``: what the fleet says itself of vulnerabilities."""

import os
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.exceptions import Exceptions, exceptions
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common, created_now
from fleet_audit.cli.output import check_writable, parse_outputs, write

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.vex import VexReport

FORMATS = ("openvex",)


@click.group("vex", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Say to those who use the images what is known of vulnerabilities in them."""


@command.command("export")
@exceptions
@click.option(
    "--author", default="", metavar="NAME", help="Who answers for it (default: the manifest's fleet)."
)
@common
def export(*, asked: Exceptions, author: str, common: Common) -> int:
    """Write the waivers on vulnerabilities that hold today as VEX statements.

    One with a justification says not_affected, any other affected, and what is done about it. With --audits
    each names the very images and packages that it was applied to; without, only those are written whose
    every word a statement can hold. What is left out is told on stderr.

    Formats: openvex (OpenVEX 0.2.0).
    """
    outputs = parse_outputs(common.output, FORMATS, FORMATS[0])
    check_writable(outputs)

    from fleet_audit.audit.model.vex import VexReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits.vex_report import vex_report  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    asked.check(fleet)
    name = _author(author, fleet)
    with common.settings(policy=asked.policy, rules=asked.rules) as settings:
        report = vex_report(Shared(settings, fleet), asked.places, audits=asked.audits, author=name)
    if os.environ.get("SOURCE_DATE_EPOCH"):
        report = msgspec.structs.replace(report, issued=created_now())
    _say(report, common)
    write(outputs, renderer(VexReport, [report], common, fleet))
    return exit_code([report])


def _author(author: str, fleet: "Fleet | None") -> str:
    name = author or (fleet.manifest.fleet if fleet else "")
    if not name.strip():
        raise UsageError("somebody answers for a VEX document: say who with --author NAME")
    if not name.isprintable():  # so bytes of the command line that are no text
        raise UsageError(f"--author {name!r}: write a name, an address or a URL")
    return name


def _say(report: "VexReport", common: Common) -> None:
    """Say on stderr what is missing from a document that goes where nobody reads it."""
    from fleet_audit.reports.terminal import visible  # noqa: PLC0415  (not for --help)

    for waiver, why in () if common.quiet else report.left_out:
        click.echo(visible(f"fleet-audit: note: {waiver} is left out: {why}"), err=True)
    for gap in () if common.quiet else report.gaps:
        click.echo(visible(f"fleet-audit: incomplete: {gap.what}: {gap.reason}"), err=True)

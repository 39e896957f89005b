"""``fleet-audit waivers``: exceptions from rules, and when they end."""

import click

from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.exceptions import Exceptions, exceptions
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write

FORMATS = ("text", "json", "markdown")


@click.group("waivers", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show exceptions from rules, who answers for them, and when they end."""


@command.command("list")
@exceptions
@common
def list_(*, asked: Exceptions, common: Common) -> int:
    """List all waivers with their days, owners and reasons.

    They are those that the manifest names, or those of the files and folders that are given. With --audits,
    each is shown with the findings that it names.

    Formats: text, json, markdown.
    """
    return _report(asked, common, is_checked=False)


@command.command("check")
@exceptions
@common
def check(*, asked: Exceptions, common: Common) -> int:
    """Check all waivers: exit code 2 where one is broken, 1 where one has expired.

    What is broken is told for all of them at once, with file and line. One that nothing needs any more is
    told with --audits.

    Formats: text, json, markdown.
    """
    return _report(asked, common, is_checked=True)


def _report(asked: Exceptions, common: Common, *, is_checked: bool) -> int:
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.model.waiver import WaiversReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits.waiver_report import waivers_report  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    asked.check(fleet)
    with common.settings(policy=asked.policy, rules=asked.rules) as settings:
        shared = Shared(settings, fleet)
        report = waivers_report(shared, asked.places, audits=asked.audits, is_checked=is_checked)
    write(outputs, renderer(WaiversReport, [report], common, fleet))
    return exit_code([report])

"""``fleet-audit doctor``: what is there, and what is missing."""

import click

from fleet_audit import __version__
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write

FORMATS = ("text", "json")


@click.command("doctor")
@common
def command(*, common: Common) -> int:
    """Show which libraries, engines, archives and caches are there, and what to do where one is missing."""
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.pipeline.checkup import checkup  # noqa: PLC0415  (not for --help)
    from fleet_audit.cli.rendering import options_for  # noqa: PLC0415  (the same)
    from fleet_audit.reports.doctor_text import doctor_document, doctor_text  # noqa: PLC0415  (the same)

    with common.settings() as settings:
        report = checkup(settings, __version__)
    writers = {"text": doctor_text, "json": doctor_document}
    write(outputs, lambda name: writers[name](report, options_for(common, None)))
    return 0

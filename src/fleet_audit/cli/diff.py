"""``fleet-audit diff``: how two images, SBOMs or audits differ."""

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.scanners import full_option, program_option, timeout_option

FORMATS = ("text", "json", "markdown")


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--no-scan", is_flag=True, help="Ask no syft: compare what our own readers find in images.")
@program_option("syft")
@full_option("syft")
@timeout_option
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    first: str,
    second: str,
    no_scan: bool,
    syft: str,
    full: bool,
    scanner_timeout: float,
    common: Common,
) -> int:
    """Tell how B differs from A: what came, went, and moved up or down.

    Each of them is a family or service of the manifest, an image, an SBOM (CycloneDX or SPDX as JSON, or
    syft's own) or an audit (what deps or vulns wrote with -o json, or gate --audits stored). Compared is what
    both of them tell; what is not compared is said. Where one is a family and the other an image, the
    family's services are looked at on that image.

    A difference is no verdict: the exit code is 0, or 3 where a side could not be examined as a whole. No
    network is used but for images in registries.

    Formats: text, json, markdown.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    if no_scan and (syft or full):
        raise UsageError("--no-scan asks no syft; leave --syft and --full out")

    from fleet_audit.audit.model.difference import DiffReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.comparing.choosing import compared_words  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.comparing.images import Looking  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    looking = Looking(SyftOptions(syft, full, scanner_timeout), is_own=no_scan)
    with common.settings() as settings:
        report = compared_words((first, second), Shared(settings, fleet), looking)
    write(outputs, renderer(DiffReport, [report], common, fleet))
    return exit_code([report])

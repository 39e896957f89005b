"""``fleet-audit ldd``: which entry points of an image cannot load."""

import click

from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write

FORMATS = ("text", "json", "sarif")


@click.command("ldd")
@click.argument("image", metavar="IMAGE|FAMILY|SERVICE")
@common
def command(*, image: str, common: Common) -> int:
    """Say which entry points of an image cannot load, and exactly why.

    Entry points are the extension modules that the image's Python can import and the programs that its
    configuration starts, whether or not a service uses them.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.errors import UsageError  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.model.report import LddReport  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.linking import entry_points_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.subject import named_subject, names_image  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common.fleet)
    reference = image if names_image(image) else named_subject(need_fleet(fleet, image), image).image
    if reference is None:
        raise UsageError(f"{image} has no `image` in {need_fleet(fleet).file}; name the image itself")
    with common.settings() as settings:
        linked = entry_points_of(reference, Shared(settings, fleet))
    common.say_cost([linked.statistics])
    write(outputs, renderer(LddReport, [linked.report], common, fleet))
    return exit_code([linked.report])

"""``fleet-audit ldd``: which entry points of an image cannot load."""

from typing import TYPE_CHECKING

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.subjects import meant

if TYPE_CHECKING:
    from fleet_audit.audit.model.report import LddReport, Statistics
    from fleet_audit.audit.pipeline.run.shared import Shared
    from fleet_audit.audit.pipeline.run.subject import Subject

FORMATS = ("text", "json", "sarif")
SPECIAL_FORMATS = ("text", "json")


@click.command("ldd")
@click.argument("image", metavar="IMAGE|FAMILY|SERVICE")
@click.option("--tree", metavar="PATH", help="Only this file: each request, each place tried, and why.")
@click.option("--deep", metavar="PATH", help="Only this file: symbols, relocations, hardening, notes.")
@click.option("--hardening", is_flag=True, help="What protects each program and extension module.")
@common
def command(*, image: str, tree: str | None, deep: str | None, hardening: bool, common: Common) -> int:
    """Say which entry points of an image cannot load, and exactly why.

    Entry points are the extension modules that the image's Python can import and the programs that its
    configuration starts, whether or not a service uses them. With --tree: exit code 0 where the file loads, 1
    where it does not, 3 where that is not known.
    """
    if (tree is not None) + (deep is not None) + hardening > 1:
        raise UsageError("--tree, --deep and --hardening are three questions; ask one of them")
    is_special = tree is not None or deep is not None or hardening
    outputs = parse_outputs(common.output, SPECIAL_FORMATS if is_special else FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (not for --help)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    subject = meant(image, fleet)
    with common.settings() as settings:
        shared = Shared(settings, fleet)
        report, cost = _answer(subject, shared, tree=tree, deep=deep, hardening=hardening)
    common.say_cost([cost])
    write(outputs, renderer(type(report), [report], common, fleet))
    return exit_code([report])


def _answer(
    subject: "Subject", shared: "Shared", *, tree: str | None, deep: str | None, hardening: bool
) -> "tuple[LddReport, Statistics]":
    from fleet_audit.audit.pipeline.linking import unopened  # noqa: PLC0415  (see above)
    from fleet_audit.audit.pipeline.run.scene import missing_image  # noqa: PLC0415  (see above)

    gap = missing_image(subject)
    if gap is not None or subject.image is None:
        linked = unopened(subject, () if gap is None else (gap,), shared)
        return linked.report, linked.statistics
    reference = subject.image
    if tree is not None:
        from fleet_audit.audit.pipeline.one_file import tree_of  # noqa: PLC0415  (see above)

        return tree_of(reference, tree, shared)
    if deep is not None or hardening:
        from fleet_audit.audit.pipeline.in_depth import depth_of, hardening_of  # noqa: PLC0415  (see above)

        return hardening_of(reference, shared) if deep is None else depth_of(reference, deep, shared)
    from fleet_audit.audit.pipeline.linking import entry_points_of  # noqa: PLC0415  (see above)

    linked = entry_points_of(subject, reference, shared)
    return linked.report, linked.statistics

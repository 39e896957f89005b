"""``fleet-audit deps``: the main job."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.subjects import all_meant, every_family

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.report import DepsReport
    from fleet_audit.audit.pipeline.deps.analysis import Analysis
    from fleet_audit.audit.pipeline.run.shared import Shared
    from fleet_audit.audit.pipeline.run.subject import Subject

FORMATS = ("text", "json", "markdown", "sarif")


@click.command("deps")
@click.argument("subjects", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]...")
@click.option("--gpu", is_flag=True, help="Every GPU family of the manifest that has services.")
@click.option("--all", "every", is_flag=True, help="Every family of the manifest that has services.")
@click.option("--image", metavar="REF", help="Audit this image in place of the manifest's.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The source of the service that runs on IMAGE, without a manifest.",
)
@click.option("--entry", default="", metavar="FILE", help="The service's entry, relative to --source.")
@click.option(
    "--tier",
    type=click.Choice(["required", "lazy", "optional"]),
    default="required",
    show_default=True,
    help="Propose packages for needs up to this tier.",
)
@click.option("--write", "writes", is_flag=True, help="Apply the patch that the report shows.")
@click.option(
    "--verify",
    "verifies",
    is_flag=True,
    help="Install the proposal in a throw-away copy of the image and load each library there.",
)
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    subjects: tuple[str, ...],
    gpu: bool,
    every: bool,
    image: str | None,
    source: Path | None,
    entry: str,
    tier: str,
    writes: bool,
    verifies: bool,
    common: Common,
) -> int:
    """Say what services need from their image, what is missing, and what supplies it.

    Without a name, an image or --gpu/--all there is nothing to do. Exit code 1 where something required is
    missing, 3 where something could not be examined; --write changes neither. --verify runs programs of the
    image, in namespaces of their own, and nothing is written where it fails.

    Formats: text, json, markdown, sarif.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    fleet = find_fleet(common)
    chosen = _chosen(fleet, subjects, gpu=gpu, every=every, image=image, source=source, entry=entry)

    from fleet_audit.audit.model.report import DepsReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.deps.several import analyse_each  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import placed, renderer  # noqa: PLC0415  (the same)

    with common.settings(plan_tier=tier) as settings:
        shared = Shared(settings, fleet)
        analyses = analyse_each(chosen, shared)
        found = zip(analyses, chosen, strict=True)
        tried = [_tried(each, subject, shared) if verifies else each.report for each, subject in found]
    common.say_cost([analysis.statistics for analysis in analyses])
    reports = [placed(report, subject) for report, subject in zip(tried, chosen, strict=True)]
    if writes:
        reports = _written(reports, fleet)
    write(outputs, renderer(DepsReport, reports, common, fleet))
    return exit_code(reports)


def _tried(analysis: "Analysis", subject: "Subject", shared: "Shared") -> "DepsReport":
    from fleet_audit.audit.pipeline.deps.verifying import verified  # noqa: PLC0415  (only --verify pays for it)

    return verified(analysis, subject, shared)


def _written(reports: "Sequence[DepsReport]", fleet: "Fleet | None") -> "list[DepsReport]":
    from fleet_audit.audit.pipeline.planning.writing import written  # noqa: PLC0415  (not for --help)

    root = Path(fleet.root) if fleet is not None else None
    return written(reports, root)


def _chosen(  # noqa: PLR0913  (the words that decide what is audited)
    fleet: "Fleet | None",
    words: Sequence[str],
    *,
    gpu: bool,
    every: bool,
    image: str | None,
    source: Path | None,
    entry: str,
) -> "list[Subject]":
    _check_words(words, gpu=gpu, every=every, image=image, source=source, entry=entry)
    if gpu or every:
        return every_family(need_fleet(fleet), gpu=gpu)
    if source is not None or entry:
        from fleet_audit.audit.pipeline.run.subject import image_subject  # noqa: PLC0415  (not for --help)

        return [image_subject(image or words[0], source=source, entry=entry)]
    return all_meant(words, image, fleet)


def _check_words(  # noqa: PLR0913  (the same words)
    words: Sequence[str], *, gpu: bool, every: bool, image: str | None, source: Path | None, entry: str
) -> None:
    if gpu and every:
        raise UsageError("--gpu and --all contradict each other; give one of them")
    if (gpu or every) and (words or image or entry):
        raise UsageError("--gpu and --all choose the families; leave out names, --image and --entry")
    if not (words or gpu or every or image):
        raise UsageError("name a family, a service or an image, or give --gpu or --all")
    if source is not None and len(words) + (image is not None) != 1:
        raise UsageError("--source goes with exactly one image")

"""``fleet-audit index``: the package archives that ``deps`` plans with."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import SNAPSHOT_DATE, Common, common, parse_snapshot
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.subjects import all_meant, every_family

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.run.subject import Subject

FORMATS = ("text", "json")


@click.group("index", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Read the package archives that deps plans with, or show which states of them are kept."""


@command.command("update")
@click.argument("subjects", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]...")
@click.option("--image", metavar="REF", help="The image to plan for, in place of the manifest's.")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="CODENAME",
    help="A release of Debian or Ubuntu (bookworm, jammy), without an image; repeatable.",
)
@common
def update(*, subjects: tuple[str, ...], image: str | None, suites: tuple[str, ...], common: Common) -> int:
    """Read the archives that deps would plan with, as they are now.

    Without a name, those of every family that has services. What cannot be read is a gap and makes the exit
    code 3; what was kept before stays.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    begin = time.monotonic()
    fleet = find_fleet(common)

    from fleet_audit.audit.model.archives import IndexReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.indexing import releases, updated_archives  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    if common.snapshot and not SNAPSHOT_DATE.fullmatch(parse_snapshot(common.snapshot)):
        raise UsageError(f"--snapshot {common.snapshot}: a state that is kept needs no update; name a date")
    distros = releases(suites)
    chosen = _chosen(fleet, subjects, image=image, has_suites=bool(suites))
    with common.settings() as settings:
        report = updated_archives(chosen, distros, Shared(settings, fleet))
    if not common.quiet:
        click.echo(f"asked and read in {time.monotonic() - begin:.1f} s", err=True)
    write(outputs, renderer(IndexReport, [report], common, fleet))
    return exit_code([report])


@command.command("show")
@common
def show(*, common: Common) -> int:
    """Show which states of archives are kept, their dates, and who signed them; no archive is asked."""
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.model.archives import IndexReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.indexing import kept_archives  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    with common.settings() as settings:
        report = kept_archives(Shared(settings))
    write(outputs, renderer(IndexReport, [report], common, None))
    return exit_code([report])


@command.command("export", hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--suite", "suites", multiple=True, required=True, metavar="CODENAME")
@common
def export(*, folder: Path, suites: tuple[str, ...], common: Common) -> int:
    """Write the indexes that come along with fleet-audit: who ships which name, one file for each release."""
    from fleet_audit.audit.pipeline.indexing import exported_indexes, releases  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)

    distros = releases(suites)
    with common.settings() as settings:
        for name, body in exported_indexes(distros, Shared(settings)):
            (folder / name).write_bytes(body)
            click.echo(f"{folder / name}  {len(body)} bytes")
    return 0


def _chosen(
    fleet: "Fleet | None", words: Sequence[str], *, image: str | None, has_suites: bool
) -> "list[Subject]":
    if not words and image is None and not has_suites:
        return every_family(need_fleet(fleet))
    return all_meant(words, image, fleet)

"""``fleet-audit report``: what is known of images, for people who were not there when they were audited."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.advisory_options import max_age_option
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.policies import policy_option, rules_option, waivers_option
from fleet_audit.cli.recording import audits_place

if TYPE_CHECKING:
    from fleet_audit.audit.model.audit import AuditReport
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.gating import GatedImage

FORMATS = ("text", "json", "markdown", "csv")


class Stored(msgspec.Struct, frozen=True):
    """Which stored audits are meant: those of names below a folder, or those in files."""

    words: tuple[str, ...]
    folder: Path | None
    files: tuple[Path, ...]

    def found(self, fleet: "Fleet | None") -> "Iterator[tuple[AuditReport, str]]":
        """Yield the audits with their files; raises UsageError where nobody says where they are."""
        from fleet_audit.audit.pipeline.audits.reporting import audits_in, audits_of, file_of  # noqa: PLC0415  (not for --help)

        if self.files:
            yield from zip(audits_of(self.files), map(str, self.files), strict=True)
            return
        folder = audits_place(self.folder, fleet)
        if folder is None:
            raise UsageError("no folder of audits is named; pass --audits DIR, or --audit FILE")
        yield from ((audit, file_of(audit, folder)) for audit in audits_in(folder, self.words, fleet))


@click.group("report", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Tell what is known of images, from stored audits; no image is read."""


@command.command("image")
@click.argument("words", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]...")
@click.option(
    "--audits",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where gate stored the audits (default: the manifest's `audits`).",
)
@click.option(
    "--audit",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="The audit in this file; repeatable.",
)
@click.option("--as-stored", is_flag=True, help="Tell what was said then; judge nothing again.")
@click.option("--full", is_flag=True, help="Cut no list.")
@waivers_option
@policy_option
@rules_option
@max_age_option
@common
def image(  # noqa: PLR0913  (each is an option of the command)
    *,
    words: tuple[str, ...],
    audits: Path | None,
    files: tuple[Path, ...],
    as_stored: bool,
    full: bool,
    waivers: tuple[Path, ...],
    policy: str,
    rules: tuple[Path, ...],
    max_db_age: int,
    common: Common,
) -> int:
    """Report everything that the newest stored audit of each image says: without names, of all of them.

    Judged by today's rules, policy and waivers, unless --as-stored. The exit code is the verdict's: 1 where
    a finding blocks, 3 where something could not be looked at, so where there is no audit of what was named.

    Formats: text, json, markdown, csv.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    if files and (words or audits is not None):
        raise UsageError("--audit FILE says which audit is meant; leave out names and --audits")
    if as_stored and (waivers or policy or rules):
        raise UsageError("--as-stored judges nothing; leave out --waivers, --policy and --rules")

    from fleet_audit.audit.model.gating import GatedImage  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits import reporting  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.audits.gating import law_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    stored, places = zip(*Stored(words, audits, files).found(fleet), strict=True)
    with common.settings(policy=policy, rules=rules) as settings:
        if as_stored:
            told = reporting.as_stored(stored)
        else:
            told = reporting.judged_again(stored, law_of(Shared(settings, fleet), waivers), max_db_age)
        images = [_at(image, place) for image, place in zip(told, places, strict=True)]
    write(outputs, renderer(GatedImage, images, common, fleet, is_full=full))
    return exit_code(images)


def _at(image: "GatedImage", place: str) -> "GatedImage":
    return msgspec.structs.replace(image, file=place)

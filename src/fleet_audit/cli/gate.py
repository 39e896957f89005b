"""``fleet-audit gate``: which images may be released, and what keeps the others from it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import FleetAuditError
from fleet_audit.cli.advisory_options import Scanning, scanning_options
from fleet_audit.cli.attestations import Attestation, attestation_options
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.gated_audits import Keeping
from fleet_audit.cli.gated_subjects import Asked, Chosen, chosen_of
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.policies import policy_option, rules_option, waivers_option
from fleet_audit.cli.recording import history_option, history_place, record_in

if TYPE_CHECKING:
    from fleet_audit.audit.model.audit import AuditReport
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.gating import GatedImage, GateReport
    from fleet_audit.audit.pipeline.audits.gating import Kept, Law
    from fleet_audit.audit.pipeline.run.shared import Shared

FORMATS = ("text", "json", "markdown", "sarif", "junit")


@click.command("gate")
@click.argument("words", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]...")
@click.option("--image", metavar="REF", help="Audit this image, in place of the manifest's.")
@click.option("--built", is_flag=True, help="Every family and service whose image is built.")
@click.option("--all", "every", is_flag=True, help="Every family and service with an image, and the fleet.")
@click.option(
    "--audits",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the full audits are stored (default: the manifest's `audits`).",
)
@click.option("--stored", is_flag=True, help="Judge the newest stored audits again; read no image.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Stored audits to compare with: only what is new blocks.",
)
@attestation_options
@waivers_option
@history_option
@policy_option
@rules_option
@scanning_options
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    words: tuple[str, ...],
    image: str | None,
    built: bool,
    every: bool,
    audits: Path | None,
    stored: bool,
    baseline: Path | None,
    attestation: Attestation,
    waivers: tuple[Path, ...],
    history: Path | None,
    policy: str,
    rules: tuple[Path, ...],
    scanning: Scanning,
    common: Common,
) -> int:
    """Say whether images may be released: by every check, one policy, and exceptions that end.

    Exit code 1 where a finding blocks, 3 where something could not be looked at, so where an image that was
    named is not built. With --baseline only what is new blocks. Statements are written on pass alone.

    Formats: text, json, markdown, sarif, junit.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    asked = Asked(words, image, built, every, stored)
    asked.check()

    from fleet_audit.audit.model.gating import GateReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits.gating import gate, kept_audits, law_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    keeping = Keeping(audits, fleet, is_stored=stored)
    attesting = attestation.attesting(is_baseline=baseline is not None)
    if attesting is not None:
        keeping.need_folder("--attest")
    chosen = chosen_of(asked, fleet, keeping.stored)
    if attesting is not None:
        # Before the policy and the waivers are read: what was stated under others is no answer to these.
        attestation.begin(attesting, (subject.name for subject in chosen.subjects))
    if baseline is not None:
        keeping.need_other(baseline)
    base = None if baseline is None else kept_audits(baseline)
    with common.settings(policy=policy, rules=rules) as settings:
        shared = Shared(settings, fleet)
        law = law_of(shared, waivers)
        if stored:
            found = keeping.audits(chosen, fleet, law.today, scanning.max_db_age)
        else:
            found = _audited(chosen, shared, scanning)
        images = tuple(map(keeping.kept, gate(found, law, base)))
    report = _report(images, chosen, law, keeping.stored, base)
    failure = keeping.failure or _recorded(report, asked, history, fleet, settings.created)
    if failure is not None:
        report = _not_kept(report, failure)
    write(outputs, renderer(GateReport, [report], common, fleet))
    if failure is not None:
        raise failure
    if attesting is not None:
        attesting.attest_pass(report, settings.created)
    return exit_code([report])


def _audited(chosen: Chosen, shared: "Shared", scanning: Scanning) -> "Iterator[AuditReport]":
    from fleet_audit.audit.pipeline.audits.gating import all_audits, image_audits  # noqa: PLC0415  (not for --help)

    audits = all_audits if chosen.is_whole else image_audits
    return audits(chosen.subjects, shared, scanning.scanners())


def _report(
    images: "tuple[GatedImage, ...]", chosen: Chosen, law: "Law", stored: "Kept", base: "Kept | None"
) -> "GateReport":
    from fleet_audit.audit.model.gating import GateReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.audits.gating import idle_waivers  # noqa: PLC0415  (the same)

    refused = (*stored.refused, *(() if base is None else base.refused))
    return GateReport(
        subject=", ".join(image.subject for image in images),
        gaps=law.rules.settled(refused),
        policy=law.rules.summary(),
        images=images,
        absent=chosen.absent,
        idle=idle_waivers(images, law) if chosen.is_whole else (),
    )


def _not_kept(report: "GateReport", failure: FleetAuditError) -> "GateReport":
    """Return the report with a gap for what should have been kept and is not: no document of it says pass."""
    from fleet_audit.audit.model.finding import Gap, GapKind  # noqa: PLC0415  (not for --help)

    gap = Gap("gate", GapKind.TOOL_FAILED, "what this run was to keep", str(failure))
    return msgspec.structs.replace(report, gaps=(*report.gaps, gap))


def _recorded(
    report: "GateReport", asked: Asked, history: Path | None, fleet: "Fleet | None", now: str
) -> FleetAuditError | None:
    """Record the audits in the history; return why that could not be done.

    One that was judged again saw nothing new, and the manifest's history is of the manifest's images.
    """
    if asked.is_stored:
        return None
    place = history_place(history, fleet if asked.image is None else None)
    return record_in(place, (image.audit for image in report.images), now)

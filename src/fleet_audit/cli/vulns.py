"""``fleet-audit vulns``: what is known to be wrong with an image, and who reaches it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.advisory_options import (
    Lists,
    lists_options,
    max_age_option,
    severity_option,
    sources_of,
)
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.scanners import full_option, program_option, timeout_option, trivy_caches_option
from fleet_audit.cli.subjects import one_meant

if TYPE_CHECKING:
    from fleet_audit.audit.model.advisories import VulnsReport
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.advisories.annotating import Known
    from fleet_audit.audit.pipeline.run.settings import Settings
    from fleet_audit.audit.pipeline.run.subject import Subject
    from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions

FORMATS = ("text", "json", "markdown", "sarif")


@click.command("vulns")
@click.argument("words", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]")
@click.option("--image", metavar="REF", help="Look at this image, in place of the manifest's.")
@click.option(
    "--sbom",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Look at what an SBOM lists (CycloneDX or SPDX as JSON, or syft's own; - is standard input).",
)
@program_option("trivy")
@trivy_caches_option
@max_age_option
@lists_options
@severity_option
@click.option("--update-db", is_flag=True, help="Have trivy fetch its database first, over the network.")
@full_option("trivy")
@timeout_option
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    words: tuple[str, ...],
    image: str | None,
    sbom: Path | None,
    trivy: str,
    db: Path | None,
    max_db_age: int,
    lists: Lists,
    update_db: bool,
    severity_sources: str,
    full: bool,
    scanner_timeout: float,
    common: Common,
) -> int:
    """List what is known to be wrong with an image, and which services reach it.

    trivy is asked, without a network but for --update-db. Of a family or service, its code says whether an
    affected package is loaded: reached, with the whole chain; there and unreached; or unknown, and why. Exit
    code 3 where there is no trivy, or its database is missing, damaged or old.

    Formats: text, json, markdown, sarif.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)

    from fleet_audit.audit.model.advisories import VulnsReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    options = TrivyOptions(
        program=trivy,
        caches=db,
        max_age_days=max_db_age,
        is_full=full,
        is_renewed=update_db,
        seconds=scanner_timeout,
        severity_sources=sources_of(severity_sources),
    )
    if update_db and common.offline:
        raise UsageError("--update-db needs the network, and --offline forbids it")
    known = lists.known()
    with common.settings() as settings:
        # Packages are not planned for here: no archive is asked.
        alone = msgspec.structs.replace(settings, is_offline=True)
        if sbom is not None:
            if words or image is not None or full:
                raise UsageError("--sbom says what to look at; leave out names, --image and --full")
            report = _of_document(sbom, alone, fleet, options, known)
        else:
            subject = one_meant(words, image, fleet, or_else=", or give --sbom FILE")
            report = _of_image(subject, alone, fleet, options, known)
    write(outputs, renderer(VulnsReport, [report], common, fleet))
    return exit_code([report])


def _of_image(
    subject: "Subject",
    settings: "Settings",
    fleet: "Fleet | None",
    options: "TrivyOptions",
    known: "Known",
) -> "VulnsReport":
    from fleet_audit.audit.pipeline.advisories.advising import advise_on  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.deps.planning_together import Together  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import placed  # noqa: PLC0415  (the same)

    shared = Shared(settings, fleet)
    return placed(advise_on(subject, Together(shared), shared, options, known).report, subject)


def _of_document(
    sbom: Path,
    settings: "Settings",
    fleet: "Fleet | None",
    options: "TrivyOptions",
    known: "Known",
) -> "VulnsReport":
    from fleet_audit.audit.pipeline.advisories.advising import advise_on_listed  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.inventories.documents import body_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)

    return advise_on_listed(str(sbom), body_of(sbom), Shared(settings, fleet), options, known)

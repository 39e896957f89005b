"""``fleet-audit sbom``: what is in an image."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common, created_now
from fleet_audit.cli.output import Output, check_writable, parse_outputs, write
from fleet_audit.cli.scanners import full_option, program_option, timeout_option
from fleet_audit.cli.subjects import one_meant

if TYPE_CHECKING:
    from fleet_audit.audit.model.inventory import SbomReport

FORMATS = ("cyclonedx-json", "spdx-json", "text")
_MERGE = "merge"
_FLEET = "fleet"


@click.command("sbom")
@click.argument("words", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE|merge FILE...]")
@click.option("--image", metavar="REF", help="List this image, in place of the manifest's.")
@program_option("syft")
@full_option("syft")
@timeout_option
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add to this document: CycloneDX or SPDX as JSON, or syft's own; - is standard input.",
)
@click.option(
    "--name", metavar="NAME", help="With merge: what all images together are called (default: fleet)."
)
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    words: tuple[str, ...],
    image: str | None,
    syft: str,
    full: bool,
    scanner_timeout: float,
    file: Path | None,
    name: str | None,
    common: Common,
) -> int:
    """List what is in an image, as a software bill of materials.

    Packages are what syft finds and what our own readers find; libraries that wheels carry along are listed
    beside them, with what loads them. Of a family or service, what its code imports is told with the lines
    that do. Exit code 3 where something could not be examined, so where there is no syft.

    With --from, another tool's document is written again with what is added, in its own form; with -o in
    another form, it is a new document that says from which file it was made.

    sbom merge FILE... makes one document of those of several images: each image contains what is in it, and
    nothing that one of them says is lost.

    Formats: cyclonedx-json (CycloneDX 1.6, the default), spdx-json (SPDX 2.3), text.
    """
    if words[:1] == (_MERGE,) and len(words) > 1:
        if file is not None or image is not None:
            raise UsageError("sbom merge takes files alone; leave --from and --image out")
        return _merge([Path(word) for word in words[1:]], name or _FLEET, common)
    if name is not None:
        raise UsageError("--name is for sbom merge FILE...")
    if file is not None:
        if words or image is not None:
            raise UsageError("--from takes the place of an image; name one of them")
        return _add_to(file, common)
    outputs = parse_outputs(common.output, FORMATS, FORMATS[0])
    check_writable(outputs)

    from fleet_audit.audit.model.inventory import SbomReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.inventories.inventory import inventory_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    subject = one_meant(words, image, fleet)
    with common.settings() as settings:
        found = inventory_of(subject, Shared(settings, fleet), SyftOptions(syft, full, scanner_timeout))
    common.say_cost([found.statistics])
    report = msgspec.structs.replace(found.report, created=_created(found.report.created))
    _say_gaps(report, outputs, common)
    write(outputs, renderer(SbomReport, [report], common, fleet))
    return exit_code([report])


def _add_to(file: Path, common: Common) -> int:
    from fleet_audit.audit.pipeline.inventories.foreign import foreign  # noqa: PLC0415  (not for --help)

    found = foreign(file)
    own = found.patched
    outputs = parse_outputs(common.output, FORMATS, FORMATS[0] if own is None else own.form)
    check_writable(outputs)
    others = [output for output in outputs if own is None or output.format != own.form]
    if own is not None and len(others) < len(outputs):
        for note in () if common.quiet else own.notes:
            click.echo(f"fleet-audit: note: {file}: {note}", err=True)
    texts = {} if own is None else {own.form: own.body.decode()}
    if not others:
        write(outputs, texts.__getitem__)
        return 0

    from fleet_audit.audit.model.inventory import SbomReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.inventories.converted import converted  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    anew = converted(found.name, found.body)
    report = msgspec.structs.replace(anew, created=_created(anew.created))
    _say_gaps(report, others, common)
    render = renderer(SbomReport, [report], common, None)
    write(outputs, lambda form: texts.get(form) or render(form))
    return exit_code([report])


def _merge(files: Sequence[Path], name: str, common: Common) -> int:
    outputs = parse_outputs(common.output, FORMATS, FORMATS[0])
    check_writable(outputs)

    from fleet_audit.audit.model.inventory import SbomReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.inventories.merged import merged_report  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    found = merged_report(files, name)
    report = msgspec.structs.replace(found, created=_created(found.created))
    _say_gaps(report, outputs, common)
    write(outputs, renderer(SbomReport, [report], common, None))
    return exit_code([report])


def _created(of_image: str) -> str:
    """Return the time that documents bear: SOURCE_DATE_EPOCH, else when the image was made, else now."""
    return created_now() if os.environ.get("SOURCE_DATE_EPOCH") or not of_image else of_image


def _say_gaps(report: "SbomReport", outputs: Sequence[Output], common: Common) -> None:
    """Say on stderr what is missing from documents that go where nobody reads them."""
    if common.quiet or any(output.format == "text" for output in outputs):
        return
    for gap in report.gaps:
        how = "incomplete" if gap.blocking else "note"
        click.echo(f"fleet-audit: {how}: {gap.what}: {gap.reason}", err=True)

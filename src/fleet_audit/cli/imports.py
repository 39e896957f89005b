"""``fleet-audit imports``: what services import, and who provides it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.subject import Subject

FORMATS = ("text", "json", "sarif")


@click.command("imports")
@click.argument("words", nargs=-1, metavar="[SERVICE|PATH]...")
@click.option("--image", metavar="REF", help="Look for what is imported in this image.")
@common
def command(*, words: tuple[str, ...], image: str | None, common: Common) -> int:
    """Say which modules are imported, where, from which distribution, and which nobody provides.

    Without a name every service of the manifest is looked at. A PATH is a service of its own. A service of
    the manifest is looked at on its family's image, where that is built.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    fleet = find_fleet(common)
    subjects = _subjects(fleet, words, image)

    from fleet_audit.audit.model.report import ImportsReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.importing import imports_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import placed, renderer  # noqa: PLC0415  (the same)

    with common.settings() as settings:
        shared = Shared(settings, fleet)
        found = [imports_of(subject, shared) for subject in subjects]
    common.say_cost([imported.statistics for imported in found])
    reports = [placed(each.report, subject) for each, subject in zip(found, subjects, strict=True)]
    write(outputs, renderer(ImportsReport, reports, common, fleet))
    return exit_code(reports)


def _subjects(fleet: "Fleet | None", words: tuple[str, ...], image: str | None) -> "list[Subject]":
    from fleet_audit.audit.pipeline.subject import chosen_families, named_subject  # noqa: PLC0415  (not for --help)

    if words:
        subjects = [_subject(fleet, word, image) for word in words]
    else:
        known = need_fleet(fleet)
        subjects = [named_subject(known, name, image=image) for name in chosen_families(known, gpu=False)]
    return _joined(subjects)


def _subject(fleet: "Fleet | None", word: str, image: str | None) -> "Subject":
    from fleet_audit.audit.pipeline.subject import (  # noqa: PLC0415  (not for --help)
        has_name,
        named_subject,
        path_subject,
    )

    is_known = fleet is not None and has_name(fleet, word)
    if not is_known and ("/" in word or os.path.exists(word)):
        return path_subject(Path(word), image=image)
    return named_subject(need_fleet(fleet, word), word, image=image)


def _joined(subjects: "list[Subject]") -> "list[Subject]":
    """Join services of one family on one image, so that each image is opened once.

    Folders stay apart whatever they are called: each is a repository of its own.
    """
    joined: dict[tuple[str | int, str | None], Subject] = {}
    for number, subject in enumerate(subjects):
        key = (subject.family or number, subject.image)
        before = joined.get(key)
        services = subject.services if before is None else (*before.services, *subject.services)
        joined[key] = msgspec.structs.replace(before or subject, services=tuple(dict.fromkeys(services)))
    return list(joined.values())

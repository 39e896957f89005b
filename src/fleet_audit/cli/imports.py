"""``fleet-audit imports``: what services import, and who provides it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.subjects import every_family

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.pipeline.run.subject import Subject

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
    from fleet_audit.audit.pipeline.reached.importing import imports_of  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import placed, renderer  # noqa: PLC0415  (the same)

    with common.settings() as settings:
        shared = Shared(settings, fleet)
        found = [imports_of(subject, shared) for subject in subjects]
    common.say_cost([imported.statistics for imported in found])
    reports = [placed(each.report, subject) for each, subject in zip(found, subjects, strict=True)]
    write(outputs, renderer(ImportsReport, reports, common, fleet))
    return exit_code(reports)


def _subjects(fleet: "Fleet | None", words: tuple[str, ...], image: str | None) -> "list[Subject]":
    """Return what the words mean; raise UsageError with all that cannot be looked at."""
    if not words:
        return every_family(need_fleet(fleet), image=image)
    subjects: list[Subject] = []
    problems: list[str] = []
    for word in dict.fromkeys(words):
        try:
            subjects += _meant(fleet, word, image)
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("\n".join(problems))
    return _joined(subjects)


def _meant(fleet: "Fleet | None", word: str, image: str | None) -> "list[Subject]":
    from fleet_audit.audit.fleet.manifest import MANIFEST_NAME  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.run.subject import has_name, named_subject, path_subject  # noqa: PLC0415  (the same)

    is_known = fleet is not None and has_name(fleet, word)
    if is_known or not ("/" in word or os.path.exists(word)):
        if fleet is None:
            why = "there is no such file or folder, and no fleet.yaml here or above that could name a service"
            raise UsageError(f"{word}: {why}; check the path, or pass -f FILE")
        return [named_subject(fleet, word, image=image)]
    own = os.path.join(word, MANIFEST_NAME)
    if not os.path.isfile(own):
        return [path_subject(Path(word), image=image)]
    if fleet is None or not os.path.samefile(own, os.path.join(fleet.root, fleet.file)):
        raise UsageError(f"{word}: it has a manifest of its own; say -f {own} to look at its services")
    return every_family(fleet, image=image)


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

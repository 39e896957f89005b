"""``fleet-audit inspect``: what an image would run."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, repository_root
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.inspection import InspectReport
    from fleet_audit.audit.pipeline.run.settings import Settings
    from fleet_audit.audit.pipeline.run.shared import Shared

FORMATS = ("text", "json")


class _Asked(msgspec.Struct, frozen=True):
    """What is asked about; `path` where that is a Dockerfile."""

    subject: str
    path: Path | None
    target: str
    args: dict[str, str]


@click.command("inspect")
@click.argument("subject", metavar="IMAGE|DOCKERFILE|FAMILY|SERVICE")
@click.option(
    "--target", default="", metavar="STAGE", help="The stage of the Dockerfile (default: as it is built)."
)
@click.option(
    "--build-arg", "build_args", multiple=True, metavar="NAME=VALUE", help="A build argument; repeatable."
)
@common
def command(*, subject: str, target: str, build_args: tuple[str, ...], common: Common) -> int:
    """Say what an image would run: entrypoint, user, environment, ports, health, and which services.

    Of a Dockerfile, every value comes with the line that sets it, those of the images below included. A
    family means its image where that is built, a service its Dockerfile, a folder without an image the
    Dockerfile in it. Secrets are masked. Formats: text, json.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    args = _arguments(build_args)

    from fleet_audit.audit.model.inspection import InspectReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    path = _dockerfile_at(subject)
    fleet = find_fleet(common, path.parent if path is not None else Path())
    if path is not None and path != Path(subject) and fleet is not None and _names(fleet, subject):
        path = None
    with common.settings() as settings:
        report = _report(_Asked(subject, path, target, args), fleet, settings)
    root = repository_root(fleet, path.parent if path is not None else Path())
    write(outputs, renderer(InspectReport, [report], common, fleet, root=root))
    return exit_code([report])


def _arguments(words: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--build-arg {word}: is not of the form NAME=VALUE")
        pairs[name] = value
    return pairs


def _dockerfile_at(subject: str) -> Path | None:
    """Return the path of a Dockerfile that a word means: a file that is no archive of an image.

    A folder that holds no image means the Dockerfile in it.
    """
    from fleet_audit.audit.images.sources import IMAGE_SOURCES  # noqa: PLC0415  (not for --help)

    path = Path(subject)
    if any(source.holds(path) for source in IMAGE_SOURCES):
        return None
    return next((file for file in (path, path / "Dockerfile") if file.is_file()), None)


def _names(fleet: "Fleet", word: str) -> bool:
    return fleet.family(word) is not None or any(each.name == word for each in fleet.manifest.services)


def _report(asked: _Asked, fleet: "Fleet | None", settings: "Settings") -> "InspectReport":
    from fleet_audit.audit.pipeline.inspecting_images import inspect_image  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.subject import names_image  # noqa: PLC0415  (the same)

    shared = Shared(settings, fleet)
    if asked.path is not None:
        return _of_dockerfile(asked, repository_root(fleet, asked.path.parent), asked.path, shared)
    if not names_image(asked.subject, fleet):
        return _of_name(asked, _need_fleet(fleet, asked.subject), shared)
    if asked.target or asked.args:
        raise UsageError("--target and --build-arg are for Dockerfiles; an image is built already")
    report, _ = inspect_image(asked.subject, asked.subject, shared)
    return report


def _need_fleet(fleet: "Fleet | None", subject: str) -> "Fleet":
    if fleet is None:
        raise UsageError(
            f"{subject}: there is no such file or folder, and no fleet.yaml here or above whose family or "
            "service it could be; check the path, pass -f FILE, or name an image as docker:NAME or oci:DIR"
        )
    return fleet


def _of_dockerfile(asked: _Asked, root: Path, path: Path, shared: "Shared") -> "InspectReport":
    from fleet_audit.audit.dockerfiles.repository import Repository  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.images.folder import open_folder  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.inspecting_dockerfiles import Question, inspect_dockerfile  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.grounds import Grounds  # noqa: PLC0415  (the same)

    inside = os.path.relpath(os.path.join(os.path.realpath(path.parent), path.name), root)
    if inside.startswith("../"):
        raise UsageError(f"{path}: it is not below {root}, the folder of the manifest")
    grounds = Grounds(Repository(open_folder(root), dockerfiles=[inside]), shared)
    # Outside of any repository the files around it are nobody's claims about it, and may be many.
    is_alone = shared.fleet is None and not (root / ".git").exists()
    question = Question(asked.subject, inside, asked.target, asked.args, is_alone=is_alone)
    return inspect_dockerfile(question, grounds)


def _of_name(asked: _Asked, fleet: "Fleet", shared: "Shared") -> "InspectReport":
    """Return the answer for a family or service: its image where it is built, else its Dockerfile."""
    from fleet_audit.audit.pipeline.inspecting_images import inspect_image  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.pipeline.run.scene import missing_image  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.subject import named_subject  # noqa: PLC0415  (the same)

    subject = named_subject(fleet, asked.subject)
    family = fleet.family(asked.subject)
    service = next((each for each in fleet.manifest.services if each.name == asked.subject), None)
    is_own = family is not None or (service is not None and service.image is not None)
    is_built = is_own and subject.image is not None and missing_image(subject) is None
    if subject.image is not None and is_built and not asked.target and not asked.args:
        report, _ = inspect_image(asked.subject, subject.image, shared)
        return report
    paths = service.dockerfiles if service is not None and family is None else subject.dockerfiles
    if not paths:
        raise UsageError(f"{asked.subject}: has no image that is built, and the manifest names no Dockerfile")
    return _of_dockerfile(asked, Path(os.path.realpath(fleet.root)), Path(fleet.root) / paths[0], shared)

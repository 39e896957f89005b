"""``fleet-audit dockerfiles``: what the repository claims of its images, checked."""

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

FORMATS = ("text", "json", "sarif")
_OF_REPOSITORY = (".git", "fleet.yaml")


@click.command("dockerfiles")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--hadolint", "asks_hadolint", is_flag=True, help="Ask hadolint for a second opinion, too.")
@common
def command(*, paths: tuple[str, ...], asks_hadolint: bool, common: Common) -> int:
    """Check Dockerfiles, what builds them, what they copy, and the references to images.

    The whole repository is read: the manifest's folder, else the git repository around here. With PATHs,
    only what concerns these files and folders is told. Formats: text, json, sarif.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    for path in paths:
        if not os.path.lexists(path):
            raise UsageError(f"{path}: there is no such file or folder; check the path")
    fleet = _fleet(common, paths)
    root = repository_root(fleet, _folder(paths))
    chosen = _below(root, paths)

    from fleet_audit.audit.dockerfiles.repository import Repository  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.images.folder import open_folder  # noqa: PLC0415  (the same)
    from fleet_audit.audit.model.report import DockerfilesReport  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.auditing import audit_repository, says_anything  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.grounds import Grounds  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.second_opinion import SecondOpinions  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.tools.hadolint import find_hadolint  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer, repository_folder  # noqa: PLC0415  (the same)

    files = [path for path in chosen if os.path.isfile(root / path)]
    repository = Repository(open_folder(root), dockerfiles=files)
    with common.settings() as settings:
        grounds = Grounds(repository, Shared(settings, fleet))
        second = SecondOpinions(root, find_hadolint(os.environ)) if asks_hadolint else None
        report = audit_repository(_name(root, fleet), grounds, paths=chosen, second=second)
        if not says_anything(report, grounds, chosen):
            where = ", ".join(paths) or str(root)
            raise UsageError(
                f"{where}: no Dockerfile, and nothing that builds or names an image; nothing to check"
            )
    report = msgspec.structs.replace(report, folder=repository_folder(root))
    write(outputs, renderer(DockerfilesReport, [report], common, fleet, root=root))
    return exit_code([report])


def _fleet(common: Common, paths: tuple[str, ...]) -> "Fleet | None":
    """Return the fleet of ``-f FILE``, else of the nearest manifest above what is asked about."""
    return find_fleet(common, _folder(paths))


def _folder(paths: tuple[str, ...]) -> Path:
    """Return the folder that holds all that is asked about: what is above it speaks for each of them.

    Where that is in no repository, it may be any: the first path then says where to begin.
    """
    first = next((_folder_of(path) for path in paths), Path())
    common = Path(os.path.commonpath([os.path.realpath(_folder_of(path)) for path in paths] or ["."]))
    is_held = any((above / each).exists() for above in (common, *common.parents) for each in _OF_REPOSITORY)
    return common if len(paths) > 1 and is_held else first


def _folder_of(path: str) -> Path:
    return Path(path) if os.path.isdir(path) else Path(path).parent


def _below(root: Path, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the paths below the root; raise UsageError for those that are not."""
    found = []
    for path in paths:
        # The last part may be a link: it is itself that is asked about.
        folder, name = os.path.split(os.path.normpath(path))
        absolute = (
            os.path.realpath(path)
            if name in ("", ".", "..")
            else os.path.join(os.path.realpath(folder), name)
        )
        inside = os.path.relpath(absolute, root)
        if inside == ".." or inside.startswith("../"):
            raise UsageError(
                f"{path}: it is not below {root}, whose files are checked; name one repository at a time"
            )
        found.append(inside)
    return tuple(dict.fromkeys(found))


def _name(root: Path, fleet: "Fleet | None") -> str:
    return fleet.manifest.fleet if fleet is not None else root.name

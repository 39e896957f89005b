"""``fleet-audit init``: a manifest drafted from what a repository holds."""

import os
from pathlib import Path

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.options import Common, common


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--print", "is_printed", is_flag=True, help="Write the draft to standard output, and no file.")
@common
def command(*, folder: Path, is_printed: bool, common: Common) -> int:
    """Draft fleet.yaml from the Dockerfiles of FOLDER, what builds them, and what starts their services.

    Each guess says in a comment where it comes from. A manifest that is there is never overwritten.
    """
    from fleet_audit.audit.dockerfiles.repository import Repository  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.fleet.manifest import MANIFEST_NAME  # noqa: PLC0415  (the same)
    from fleet_audit.audit.images.folder import open_folder  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.drafting import drafted  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.repository.grounds import Grounds  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)

    if common.output:
        raise UsageError("-o: a draft has one format; use --print to see it without writing it")
    if common.fleet is not None:
        raise UsageError(
            f"-f: the draft goes to FOLDER/{MANIFEST_NAME}; with --print, send it where you like"
        )
    if not os.path.isdir(folder):
        what = "is a file" if os.path.lexists(folder) else "there is no such folder"
        raise UsageError(f"{folder}: {what}; name the repository to draft a manifest for")
    path = folder / MANIFEST_NAME
    if os.path.lexists(path) and not is_printed:
        raise UsageError(f"{path}: there is a manifest already; see what a draft would say with --print")
    repository = Repository(open_folder(folder))
    with common.settings() as settings:
        draft, text = drafted(folder.resolve().name or "fleet", Grounds(repository, Shared(settings)))
    if not draft.families:
        raise UsageError(
            f"{folder}: no Dockerfile that can be read; there is nothing to draft a manifest from"
        )
    if is_printed:
        click.echo(text, nl=False)
    else:
        _write(path, text)
        click.echo(
            f"{path}: {_count(len(draft.families), 'family', 'families')}, "
            f"{_count(len(draft.services), 'service', 'services')}; look at its comments, then type"
        )
        click.echo(
            f"  fleet-audit dockerfiles -f {path}" if str(folder) != "." else "  fleet-audit dockerfiles"
        )
    for gap in repository.gaps:
        if gap.blocking or not common.quiet:
            click.echo(f"not looked at: {gap.location}: {gap.why}", err=True)
    return 3 if any(gap.blocking for gap in repository.gaps) else 0


def _write(path: Path, text: str) -> None:
    try:
        # Not through a link, and not over a file that came meanwhile.
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "w", encoding="utf-8"
        ) as file:
            file.write(text)
    except OSError as e:
        raise UsageError(f"{path}: cannot be written: {e.strerror}; use --print") from e


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


for _option in command.params:
    # What every command takes and a draft does not ask for is not offered.
    if isinstance(_option, click.Option) and _option.name in ("output", "fleet", "platform", "archive"):
        _option.hidden = True

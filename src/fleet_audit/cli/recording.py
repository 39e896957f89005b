"""Where audits are stored, and which history a gate records them in."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_audit.audit.errors import FleetAuditError

if TYPE_CHECKING:
    from fleet_audit.audit.model.audit import AuditReport
    from fleet_audit.audit.model.fleet import Fleet

Command = Callable[..., Any]


def history_option(command: Command) -> Command:
    """Give a command ``--history``, which it receives as `history`."""
    return click.option(
        "--history",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Record what was found in this history (default: the manifest's `history`).",
    )(command)


def history_place(file: Path | None, fleet: "Fleet | None") -> Path | None:
    """Return where the history is, by ``--history``, else by the manifest; None where neither says."""
    if file is None and fleet is not None and fleet.manifest.history:
        return Path(os.path.join(fleet.root, fleet.manifest.history))
    return file


def audits_place(folder: Path | None, fleet: "Fleet | None") -> Path | None:
    """Return where audits are stored, by ``--audits``, else by the manifest; None where neither says."""
    if folder is None and fleet is not None and fleet.manifest.audits:
        return _seen_from_here(os.path.join(fleet.root, fleet.manifest.audits))
    return folder


def _seen_from_here(place: str) -> Path:
    """Return a path as it is typed here, where it is below this folder: it stands in documents."""
    seen = os.path.relpath(place)
    return Path(place if seen.startswith("..") else seen)


def record_in(place: Path | None, audits: "Iterable[AuditReport]", now: str) -> FleetAuditError | None:
    """Record audits in a history, if there is one, and say what became of a damaged one.

    Returns why they could not be recorded: the answer of a gate is worth having all the same.
    """
    if place is None:
        return None
    from fleet_audit.audit.pipeline.audits.recording import recorded  # noqa: PLC0415  (not for --help)

    try:
        told = recorded(audits, place, now)
    except FleetAuditError as e:
        return e
    if told.damaged is not None:
        click.echo(
            f"fleet-audit: {place} was damaged: it is kept as {told.damaged}, another is begun", err=True
        )
    for each in told.outdated:
        click.echo(f"fleet-audit: {each}", err=True)
    return None

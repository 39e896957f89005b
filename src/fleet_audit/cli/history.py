"""``fleet-audit history``: since when findings are there, and how that goes."""

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet
from fleet_audit.cli.options import Common, common, created_now
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.recording import history_place

if TYPE_CHECKING:
    from fleet_audit.audit.history.store import History
    from fleet_audit.audit.model.fleet import Fleet

Command = Callable[..., Any]

_SHOWN = ("text", "json")
_TREND = ("text", "json", "csv")
_EXPORTED = ("jsonl", "csv", "parquet")
_MAX_DAYS = 3660


def _file_option(command: Command) -> Command:
    return click.option(
        "--history",
        "file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Where the history is kept (default: the manifest's `history`).",
    )(command)


_names = click.argument("names", nargs=-1, metavar="[FAMILY|SERVICE]...")


@click.group("history", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Show since when findings are there and how many come and go; take a history out and in."""


@command.command("show")
@_names
@_file_option
@common
def show(*, names: tuple[str, ...], file: Path | None, common: Common) -> int:
    """Show what is open in each image, what is new since yesterday, and what has been open for longest.

    Formats: text, json.
    """
    outputs = parse_outputs(common.output, _SHOWN)
    check_writable(outputs)

    from fleet_audit.audit.model.lifecycle import HistoryReport  # noqa: PLC0415  (not for --help)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    with _read(file, fleet) as history:
        images = _images(history, names, fleet)
        report = HistoryReport(
            subject=str(history.path),
            now=created_now(),
            lifecycles=tuple(each for each in history.lifecycles() if each.image in images),
            audits=tuple(each for each in history.audits() if each.image in images),
        )
    write(outputs, renderer(HistoryReport, [report], common, fleet))
    return exit_code([report])


@command.command("trend")
@_names
@_file_option
@click.option(
    "--days",
    type=click.IntRange(1, _MAX_DAYS),
    default=90,
    show_default=True,
    metavar="N",
    help="How many days, the last of which is today.",
)
@common
def trend(*, names: tuple[str, ...], file: Path | None, days: int, common: Common) -> int:
    """Show how many findings were open by severity, came and went, day by day.

    Formats: text, json, csv.
    """
    outputs = parse_outputs(common.output, _TREND)
    check_writable(outputs)

    from fleet_audit.audit.history.trend import trend as trend_of  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.model.lifecycle import TrendReport  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    with _read(file, fleet) as history:
        images = _images(history, names, fleet)
        changes = history.change_columns(images if names else ())
        audits = [each for each in history.audits() if each.image in images]
        subject = str(history.path)
    told = trend_of(changes, audits, days=days, until=created_now())
    report = TrendReport(subject=subject, images=images, days=told)
    write(outputs, renderer(TrendReport, [report], common, fleet))
    return exit_code([report])


@command.command("export")
@_names
@_file_option
@common
def export(*, names: tuple[str, ...], file: Path | None, common: Common) -> int:
    """Write the whole history, of all images or of those that are named.

    Formats: jsonl, which history import takes; csv; parquet=FILE.
    """
    outputs = parse_outputs(common.output, _EXPORTED, default="jsonl")
    if any(output.format == "parquet" and output.file is None for output in outputs):
        raise UsageError("-o parquet: name a file for it: -o parquet=FILE")
    check_writable(outputs)
    fleet = find_fleet(common)
    with _read(file, fleet) as history:
        images = _images(history, names, fleet)
        lifecycles = [each for each in history.lifecycles() if each.image in images]
        audits = [each for each in history.audits() if each.image in images]

    from fleet_audit.audit.history.exchange import exported  # noqa: PLC0415  (not for --help)
    from fleet_audit.reports.lifecycle_tables import lifecycles_csv, lifecycles_parquet  # noqa: PLC0415  (the same)

    def render(format_name: str) -> str | bytes:
        match format_name:
            case "csv":
                return lifecycles_csv(lifecycles)
            case "parquet":
                return lifecycles_parquet(lifecycles)
            case _:
                return exported(lifecycles, audits)

    write(outputs, render)
    return 0


@command.command("import")
@click.argument("source", type=click.Path(path_type=Path), metavar="FILE")
@_file_option
@common
def import_(*, source: Path, file: Path | None, common: Common) -> int:
    """Add what history export wrote (JSON Lines); what is known already changes nothing.

    Whatever is wrong with FILE is told at once, with its lines, and then nothing of it is taken.
    """
    if common.output:
        raise UsageError("-o: history import writes no document")
    from fleet_audit.audit.history.exchange import imported  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.history.store import History  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    now = created_now()
    found = imported(str(source), _body(source), now)
    with History.open(_place(file, fleet), now) as history:
        number = history.merge(found.lifecycles, found.audits)
        damaged = history.damaged
    if damaged is not None:
        click.echo(f"fleet-audit: the history was damaged; it is kept as {damaged}", err=True)
    if not common.quiet:
        click.echo(f"{len(found.lifecycles)} findings read, {number} of them new or different", err=True)
    return 0


def _place(file: Path | None, fleet: "Fleet | None") -> Path:
    """Return where the history is: ``--history``, else as the manifest says."""
    place = history_place(file, fleet)
    if place is None:
        raise UsageError("no history is named; pass --history FILE, or write `history:` into fleet.yaml")
    return place


def _read(file: Path | None, fleet: "Fleet | None") -> "History":
    from fleet_audit.audit.history.store import History  # noqa: PLC0415  (not for --help)

    return History.read(_place(file, fleet))


def _images(history: "History", names: Sequence[str], fleet: "Fleet | None") -> tuple[str, ...]:
    """Return the images that are meant, or all; raise UsageError for one that the history does not have."""
    known = history.images()
    if not names:
        return known
    meant = [(fleet.family_name(name) if fleet else None) or name for name in names]
    unknown = [name for name in meant if name not in known]
    if unknown:
        there = ", ".join(known) or "none"
        raise UsageError(f"{', '.join(unknown)}: no audit of it was recorded; there are those of {there}")
    return tuple(sorted(set(meant)))


def _body(path: Path) -> bytes:
    """Return a file's bytes, of which one more is read than is allowed."""
    from fleet_audit.audit.history.exchange import MAX_BYTES  # noqa: PLC0415  (not for --help)

    try:
        # A pipe that nobody writes to would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{path}: it is no regular file")
            return file.read(MAX_BYTES + 1)
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror or e}") from e

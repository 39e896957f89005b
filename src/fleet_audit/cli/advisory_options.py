"""Options of the commands that look advisories up: how old a database may be, and what else is known."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.scanners import Option

if TYPE_CHECKING:
    from fleet_audit.audit.pipeline.advisories.annotating import Known

_MAX_AGE_DAYS = 7
_MAX_BYTES = 256 << 20
_FILE = click.Path(path_type=Path)

max_age_option: Option = click.option(
    "--max-db-age",
    type=click.IntRange(min=0),
    default=_MAX_AGE_DAYS,
    show_default=True,
    metavar="DAYS",
    help="A database that is older makes the answer incomplete.",
)

_OPTIONS = (
    click.option("--epss", type=_FILE, metavar="FILE", help="EPSS scores (CSV of FIRST, gzipped or not)."),
    click.option("--kev", type=_FILE, metavar="FILE", help="Known exploited ones (CISA's JSON or CSV)."),
    click.option(
        "--vex",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="OpenVEX or CycloneDX VEX (JSON); repeatable.",
    ),
)


class Lists:
    """The files that say more of vulnerabilities than a scanner does."""

    def __init__(self, epss: Path | None, kev: Path | None, vex: tuple[Path, ...]) -> None:
        """Take what ``--epss``, ``--kev`` and ``--vex`` name."""
        self._epss, self._kev, self._vex = epss, kev, vex

    def known(self) -> "Known":
        """Read them; raises UsageError for a file that cannot be read, and what `known_of` raises."""
        from fleet_audit.audit.pipeline.advisories.annotating import Given, known_of  # noqa: PLC0415  (not for --help)

        return known_of(
            Given(
                None if self._epss is None else read(self._epss),
                None if self._kev is None else read(self._kev),
                tuple(read(path) for path in self._vex),
            )
        )


def lists_options(command: Any) -> Any:
    """Give a command ``--epss``, ``--kev`` and ``--vex``, which it receives as one `lists`."""

    @functools.wraps(command)
    def gathered(*, epss: Path | None, kev: Path | None, vex: tuple[Path, ...], **words: Any) -> Any:
        return command(lists=Lists(epss, kev, vex), **words)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def read(path: Path) -> tuple[str, bytes]:
    """Return a file's name and bytes, of which one more is read than is allowed; raises UsageError."""
    try:
        with path.open("rb") as file:
            return str(path), file.read(_MAX_BYTES + 1)
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror or e}") from e

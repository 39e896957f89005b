"""Options of the commands that look advisories up: how old a database may be, and what else is known."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.scanners import Option, full_option, program_option, timeout_option, trivy_caches_option

if TYPE_CHECKING:
    from fleet_audit.audit.pipeline.advisories.annotating import Known
    from fleet_audit.audit.pipeline.audits.auditing import Scanners

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

severity_option: Option = click.option(
    "--severity-source",
    "severity_sources",
    default="",
    metavar="SOURCE[,SOURCE...]",
    help="Whose severities count before the distribution's own: nvd, ghsa, redhat and so on.",
)


def sources_of(words: str) -> tuple[str, ...]:
    """Return the sources that ``--severity-source`` names, in their order."""
    return tuple(word for each in words.split(",") if (word := each.strip()))


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


class Scanning(msgspec.Struct, frozen=True):
    """What the user decided on both scanners, and on what else is known of vulnerabilities."""

    syft: str
    trivy: str
    db: Path | None
    max_db_age: int
    lists: Lists
    severity_sources: str
    full: bool
    scanner_timeout: float

    def scanners(self) -> "Scanners":
        """Return the same for an audit; raises what `Lists.known` does."""
        from fleet_audit.audit.pipeline.audits.auditing import Scanners  # noqa: PLC0415  (not for --help)
        from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions  # noqa: PLC0415  (the same)
        from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions  # noqa: PLC0415  (the same)

        return Scanners(
            SyftOptions(self.syft, self.full, self.scanner_timeout),
            TrivyOptions(
                program=self.trivy,
                caches=self.db,
                max_age_days=self.max_db_age,
                is_full=self.full,
                seconds=self.scanner_timeout,
                severity_sources=sources_of(self.severity_sources),
            ),
            self.lists.known(),
        )


def scanning_options(command: Any) -> Any:
    """Give a command the options of both scanners, which it receives as one `scanning`."""

    @functools.wraps(command)
    def gathered(**words: Any) -> Any:
        given = Scanning(**{name: words.pop(name) for name in Scanning.__struct_fields__})
        return command(scanning=given, **words)

    options = (
        *(program_option("syft"), program_option("trivy"), trivy_caches_option),
        *(max_age_option, lists_options, severity_option, full_option("both scanners"), timeout_option),
    )
    return functools.reduce(lambda inner, option: option(inner), reversed(options), gathered)


def read(path: Path) -> tuple[str, bytes]:
    """Return a file's name and bytes, of which one more is read than is allowed; raises UsageError."""
    try:
        with path.open("rb") as file:
            return str(path), file.read(_MAX_BYTES + 1)
    except OSError as e:
        raise UsageError(f"{path}: {e.strerror or e}") from e

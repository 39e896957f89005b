"""Options that many commands share, and the settings that they make."""

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.identity import Platform
from fleet_audit.cli.progress import reporting

if TYPE_CHECKING:
    from fleet_audit.audit.model.report import Statistics
    from fleet_audit.audit.pipeline.run.settings import Settings

DEFAULT_PLATFORM = "linux/amd64"
SNAPSHOT_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_KEY = re.compile(r"[0-9a-f]{8,64}")

_OPTIONS = (
    click.option(
        "-o",
        "--output",
        "output",
        multiple=True,
        metavar="FORMAT[=FILE]",
        help="Write this format, to a file if one is named; repeatable.",
    ),
    click.option(
        "-f",
        "--fleet",
        "fleet",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The manifest (default: fleet.yaml found upwards from here).",
    ),
    click.option(
        "--platform",
        default=DEFAULT_PLATFORM,
        show_default=True,
        metavar="OS/ARCH[/VARIANT]",
        help="The platform to audit in images that hold several.",
    ),
    click.option(
        "--archive",
        multiple=True,
        envvar="FLEET_AUDIT_ARCHIVE",
        metavar="URL",
        help="Base address of the package archive to plan with; repeatable.",
    ),
    click.option(
        "--snapshot",
        metavar="DATE|KEY",
        help="The state to plan with: of Debian's snapshot service, or one that index show lists.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Processes that read layers or a folder (default: one for each processor).",
    ),
    click.option(
        "--cache-dir",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="FLEET_AUDIT_CACHE_DIR",
        metavar="DIR",
        help="Where facts are cached (default: the platform's cache folder).",
    ),
    click.option("--offline", is_flag=True, help="Use no network at all."),
    click.option("-v", "--verbose", count=True, help="Say what was read; show tracebacks."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors."),
)


class Common(msgspec.Struct, frozen=True):
    """What the shared options of one call say."""

    output: tuple[str, ...]
    fleet: Path | None
    platform: str
    archive: tuple[str, ...]
    snapshot: str | None
    jobs: int | None
    cache_dir: Path | None
    offline: bool
    verbose: int
    quiet: bool

    @property
    def cache_folder(self) -> Path:
        """Return where facts are cached."""
        return self.cache_dir or default_cache_dir()

    @contextmanager
    def settings(
        self, *, plan_tier: str = "required", policy: str = "", rules: "tuple[Path, ...]" = ()
    ) -> "Iterator[Settings]":
        """Give the settings of an analysis, and clear its progress bars whatever happens."""
        from fleet_audit.audit.model.need import Tier  # noqa: PLC0415  (not for --help)
        from fleet_audit.audit.pipeline.run.settings import Settings  # noqa: PLC0415  (the same)

        with reporting(quiet=self.quiet) as reporter:
            yield Settings(
                cache_dir=self.cache_folder,
                created=created_now(),
                is_offline=self.offline,
                jobs=self.jobs or len(os.sched_getaffinity(0)),
                platform=parse_platform(self.platform),
                archives=self.archive,
                snapshot=parse_snapshot(self.snapshot or ""),
                plan_tier=Tier(plan_tier),
                progress=reporter,
                typed=self._typed,
                policy=policy,
                rules=rules,
            )

    @property
    def _typed(self) -> tuple[str, ...]:
        """Return the options that another command has to be given to speak of the same things."""
        chosen = (
            ("-f", "" if self.fleet is None else str(self.fleet)),
            ("--platform", "" if self.platform == DEFAULT_PLATFORM else self.platform),
            ("--cache-dir", "" if self.cache_dir is None else str(self.cache_dir)),
            ("--snapshot", self.snapshot or ""),
            *(("--archive", address) for address in self.archive),
        )
        return tuple(word for option, value in chosen if value for word in (option, value))

    def say_cost(self, spent: "Iterable[Statistics]") -> None:
        """Say with ``-v`` on stderr what was read and what came from the cache."""
        if not self.verbose:
            return
        for cost in spent:
            click.echo(
                f"layers: {cost.layers_read} read, {cost.layers_cached} from the cache, "
                f"in {cost.layer_seconds:.2f} s; sources: {cost.sources_parsed} parsed, "
                f"{cost.sources_cached} from the cache",
                err=True,
            )


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the shared options, which it receives as one `common`."""

    @functools.wraps(command)
    def gathered(**words: Any) -> Any:
        shared = {name: words.pop(name) for name in Common.__struct_fields__}
        return command(common=Common(**shared), **words)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered


def default_cache_dir() -> Path:
    """Return the platform's cache folder for fleet-audit (XDG Base Directory Specification)."""
    from platformdirs import user_cache_path  # noqa: PLC0415  (not for --help)

    return user_cache_path("fleet-audit")


def parse_platform(text: str) -> Platform:
    """Return the platform that ``os/arch[/variant]`` names; raise UsageError for anything else."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise UsageError(f"--platform {text!r} is not of the form linux/amd64 or linux/arm64/v8")
    return Platform(*parts)


def parse_snapshot(text: str) -> str:
    """Return the date or the key that ``--snapshot`` names; raise UsageError for anything else."""
    if text and not (SNAPSHOT_DATE.fullmatch(text) or _KEY.fullmatch(text)):
        raise UsageError(
            f"--snapshot {text!r} is neither a date like 20261120T120000Z nor the beginning of a key that "
            "`fleet-audit index show` lists (at least eight of its digits)"
        )
    return text


def created_now() -> str:
    """Return the time for documents: SOURCE_DATE_EPOCH where set, else now; UTC, whole seconds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        at = datetime.now(tz=UTC)
    elif epoch.isascii() and epoch.isdigit() and len(epoch) <= 11:
        at = datetime.fromtimestamp(int(epoch), tz=UTC)
    else:
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds since 1970")
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")

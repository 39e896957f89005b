"""Options that many commands share, and the settings that they make."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from fleet_audit.audit.errors import UsageError
from fleet_audit.audit.model.identity import Platform

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def common(command: CommandT) -> CommandT:
    """Add the options that every analysing command has."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


_COMMON = (
    click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT[=FILE]",
        help="Write this format, to a file if one is named; repeatable.",
    ),
    click.option(
        "-f",
        "--fleet",
        "fleet_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The manifest (default: fleet.yaml found upwards from here).",
    ),
    click.option(
        "--platform",
        "platform",
        default="linux/amd64",
        show_default=True,
        metavar="OS/ARCH[/VARIANT]",
        help="The platform to audit in images that hold several.",
    ),
    click.option(
        "--archive",
        "archive",
        multiple=True,
        envvar="FLEET_AUDIT_ARCHIVE",
        metavar="URL",
        help="Base address of the Debian archive to plan with.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=None,
        metavar="N",
        help="Layers to read at the same time (default: one for each processor).",
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


def parse_platform(text: str) -> Platform:
    """Return the platform that ``os/arch[/variant]`` names; raise UsageError for anything else."""
    parts = text.split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise UsageError(f"--platform {text!r} is not of the form linux/amd64 or linux/arm64/v8")
    return Platform(*parts)


def created_now() -> str:
    """Return the time for documents: SOURCE_DATE_EPOCH where set, else now; UTC, whole seconds."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        at = datetime.now(tz=UTC)
    elif epoch.isascii() and epoch.isdigit() and len(epoch) <= 11:
        at = datetime.fromtimestamp(int(epoch), tz=UTC)
    else:
        raise UsageError(f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds since 1970")
    return at.replace(microsecond=0).isoformat().replace("+00:00", "Z")

"""Options of the commands that ask scanners."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Callable[..., Any]], Callable[..., Any]]

trivy_caches_option: Option = click.option(
    "--db",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="trivy's cache folder, which holds its database (default: where trivy keeps it).",
)


SECONDS = 1800.0
"""What a scanner is given to answer: large images take minutes on a busy machine."""

timeout_option: Option = click.option(
    "--scanner-timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="A scanner that takes longer is killed, and the answer incomplete.",
)


def program_option(scanner: str, about: str = "") -> Option:
    """Give a command the option named for a scanner: the program to ask, `about` what."""
    return click.option(
        f"--{scanner}",
        default="",
        metavar="PROGRAM",
        help=f"The {scanner} to ask{about} (default: the newest found).",
    )


def full_option(scanner: str) -> Option:
    """Give a command ``--full``: the scanner sees every file of an image."""
    return click.option(
        "--full", is_flag=True, help=f"Show {scanner} the whole image, not only the files that are looked at."
    )

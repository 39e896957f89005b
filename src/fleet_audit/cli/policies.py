"""Options by which a command is told what to judge by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def policy_option(command: Command) -> Command:
    """Give a command ``--policy``, which it receives as `policy`; empty where the manifest's holds."""
    return click.option(
        "--policy",
        default="",
        metavar="NAME|FILE",
        help="Judge by this policy, in place of the manifest's: default, strict, or a file.",
    )(command)


def rules_option(command: Command) -> Command:
    """Give a command ``--rules``, which it receives as `rules`."""
    return click.option(
        "--rules",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="A folder or file of rules besides the packaged ones and the manifest's; repeatable.",
    )(command)


def waivers_option(command: Command) -> Command:
    """Give a command ``--waivers``, which it receives as `waivers`."""
    return click.option(
        "--waivers",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE|DIR",
        help="Exceptions that hold, in place of the manifest's; repeatable.",
    )(command)

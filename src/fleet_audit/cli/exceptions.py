"""Options by which a command is told which waivers are meant, and what they are held against."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fleet_audit.audit.errors import UsageError
from fleet_audit.cli.policies import policy_option, rules_option

if TYPE_CHECKING:
    from fleet_audit.audit.model.fleet import Fleet

Command = Callable[..., Any]

_OPTIONS = (
    click.argument("places", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]..."),
    click.option(
        "--audits",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Hold them against the audits that gate stored here.",
    ),
    policy_option,
    rules_option,
)


class Exceptions(msgspec.Struct, frozen=True):
    """Files and folders of waivers, a folder of audits, and what to judge by."""

    places: tuple[Path, ...]
    audits: Path | None
    policy: str
    rules: tuple[Path, ...]

    def check(self, fleet: "Fleet | None") -> None:
        """Raise UsageError where nobody says which waivers are meant: nothing would look clean."""
        if not self.places and not (fleet and fleet.manifest.waivers):
            what = f"{fleet.file} names no waivers" if fleet else "there is no fleet.yaml here or above"
            raise UsageError(f"{what}; name files or folders of them, or a manifest that does with -f FILE")


def exceptions(command: Command) -> Command:
    """Give a command these options, which it receives as one `asked`."""

    @functools.wraps(command)
    def gathered(**words: Any) -> Any:
        asked = Exceptions(**{name: words.pop(name) for name in Exceptions.__struct_fields__})
        return command(asked=asked, **words)

    told: Command = gathered
    for option in reversed(_OPTIONS):
        told = option(told)
    return told

"""Installations whose failure nobody sees: the build goes on, and the image lacks what it should hold."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.pinning.managers import installs_anything
from fleet_audit.audit.dockerfiles.shell.calls import Call, called, inner_script
from fleet_audit.audit.dockerfiles.shell.following import MAX_COMMANDS
from fleet_audit.audit.dockerfiles.shell.outcomes import Loss, LossKind, lost_failure
from fleet_audit.audit.dockerfiles.shell.script import Command, Script

MAX_INSTALLS = 200
"""Installations that are looked at of a script with more than MAX_COMMANDS commands, which is a gap."""

_MAX_DEPTH = 5
_TOLD: Mapping[LossKind, str] = {
    LossKind.ALTERNATIVE: "|| {by}",
    LossKind.PIPE: "| {by}",
    LossKind.GOES_ON: "; {by}",
    LossKind.NEXT_ROUND: "the next round of `{by}`",
    LossKind.BACKGROUND: "{by}",
    LossKind.NEGATED: "{by}",
    LossKind.CONDITION: "a condition that lets it pass",
    LossKind.SUBSTITUTION: '{by} "$(…)"',
}
_FIXING = frozenset({"-f", "-fy", "-yf", "--fix-broken"})


class Masked(msgspec.Struct, frozen=True):
    """An installation, and what takes its failure."""

    command: Command
    call: Call
    loss: Loss


def masked_installs(script: Script, *, status_counts: bool = True) -> Iterator[Masked]:
    """Yield the installations of a script whose failure is lost, in order.

    Where `status_counts` is false, nothing is known of who looks at how the script ends: only alternatives
    that succeed (``|| true``) count then.
    """
    for found in _masked(script, None, 0):
        if status_counts or found.loss.kind is LossKind.ALTERNATIVE:
            yield found


def _masked(script: Script, outer: Loss | None, depth: int) -> Iterator[Masked]:
    installs = 0
    commands = script.commands
    for command in commands:
        call = called(command)
        inner = inner_script(call, command) if call is not None and depth < _MAX_DEPTH else None
        if call is None or (inner is None and not installs_anything(call)):
            continue
        installs += 1
        if installs > MAX_INSTALLS and len(commands) > MAX_COMMANDS:
            return
        loss = outer or lost_failure(script, command)
        if inner is not None:
            yield from _masked(inner, loss, depth + 1)
        elif loss is not None and not _is_mended(call, commands, command):
            yield Masked(command, call, loss)


def _is_mended(call: Call, commands: Sequence[Command], command: Command) -> bool:
    """Say whether apt-get installs afterwards what a package that ``dpkg -i`` refused depends on."""
    if call.program != "dpkg":
        return False
    behind = [called(each) for each in commands if each.start > command.start]
    return any(
        each is not None
        and each.program in ("apt", "apt-get")
        and not _FIXING.isdisjoint(word.text for word in each.arguments)
        for each in behind
    )


def told(loss: Loss) -> str:
    """Return what takes a failure, as it stands in the script."""
    text = _TOLD[loss.kind].format(by=loss.by)
    return f"{text} (set -e does not look at what stands before &&)" if loss.is_left_of_and else text

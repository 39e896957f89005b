"""What pip would refuse of an installation that demands hashes, and which installation demands none.

Rules: pip's documentation, "Secure installs": one hash in a file demands one, and a version, of all.
"""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.pinning.records import practised
from fleet_audit.audit.dockerfiles.pinning.requirement_files import Asked
from fleet_audit.audit.dockerfiles.pinning.steps import MAX_SHOWN, Step, shown_words, wanted_by
from fleet_audit.audit.model.installs import BuildCommand, HashClaim, Practised
from fleet_audit.audit.model.location import SourceLocation


def hash_claims(step: Step) -> Iterator[Practised]:
    """Yield what pip would refuse of an installation, or that nothing is checked against a hash."""
    if step.installing.manager != "pip" or step.installing.program in ("pipx", "uv tool"):
        return
    if not step.is_hash_mode:
        yield from _without_hashes(step)
    elif not step.is_constrained:
        yield from _in_files(step)
        for each, line in wanted_by(step):
            if not each.is_address:
                claim = HashClaim(step.ran.path, each.requirement[:MAX_SHOWN], problem="missing")
                yield practised(claim, f"hash:missing:{each.name}", line)


def _in_files(step: Step) -> Iterator[Practised]:
    command = SourceLocation(step.ran.path, step.executed.line)
    for one in step.read:
        if not step.around.files.is_new(one, ("hashes", step.ran.path)):
            continue
        for asked in one.asked:
            problem = _refused(asked)
            if problem:
                text = asked.text[:MAX_SHOWN]
                claim = HashClaim(asked.location.path, text, problem=problem)
                yield Practised(claim, f"hash:{problem}:{text}", asked.location, (command,))


def _refused(asked: Asked) -> str:
    """Say what pip misses of a requirement where it demands hashes; empty where it takes it."""
    if ";" in asked.text:
        # What the marker leaves out pip does not look at; whether it does depends on the image.
        return ""
    if not asked.hashes:
        return "missing"
    is_open = asked.what is not None and not asked.what.is_address and not asked.what.is_pinned
    return "unpinned" if is_open else ""


def _without_hashes(step: Step) -> Iterator[Practised]:
    if step.ran.place != "dockerfile" or step.is_fixed:
        return
    if not any(asked.what is not None for one in step.read for asked in one.asked):
        return
    ran, found = step.ran, step.installing
    file = next((option.value or "" for option in found.values("-r", "--requirement")), "")
    shown = shown_words(step.executed.command.words)
    command = BuildCommand(ran.path, "without-hashes", ran.place, found.program, shown, file)
    yield practised(command, f"without-hashes:{file}", found.word.line)

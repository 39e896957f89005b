"""Which packages an image gets by the apt-get of its own Dockerfile, and keeps."""

from collections.abc import Iterator

from fleet_audit.audit.dockerfiles.addition.installations import PackageWord, installations, package_name
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Instruction
from fleet_audit.audit.dockerfiles.shell.calls import called
from fleet_audit.audit.dockerfiles.shell.instructions import run_script

_PROGRAMS = frozenset({"apt", "apt-get", "aptitude", "dpkg"})
_REMOVING = frozenset({"remove", "purge", "-r", "-P", "--remove", "--purge"})


def own_packages(dockerfile: str, *, target: str = "") -> dict[str, PackageWord]:
    """Return the packages that the stage `target`, else the last, installs by name, each where it is named.

    Stages of the same file that it is built from count; what stands only in others does not. A package that a
    later command takes out again is not among them, nor one that not every build installs. What is named by a
    variable is not known.
    """
    parsed = parse(dockerfile)
    final = parsed.target(target)
    if final is None:
        return {}
    found: dict[str, PackageWord] = {}
    for stage in reversed(list(scopes(parsed).lineage(final))):
        for instruction in stage.instructions:
            for installation in installations(instruction):
                if installation.is_certain:
                    found.update({word.name: word for word in installation.packages})
            for name in _removed(instruction):
                found.pop(name, None)
    return found


def _removed(instruction: Instruction) -> Iterator[str]:
    if instruction.keyword != "RUN" or instruction.is_exec:
        return
    for command, _ in run_script(instruction).walk():
        call = called(command)
        words = [word.text for word in call.arguments] if call and call.program in _PROGRAMS else []
        if not _REMOVING.isdisjoint(words):
            yield from filter(None, map(package_name, words))

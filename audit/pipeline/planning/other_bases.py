"""What fits images into which apt-get brings no packages: other distributions, and images without it."""

import re
import shlex
from collections.abc import Iterable, Sequence

import msgspec

from fleet_audit.audit.apt.archive.sources import codename
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import Distro
from fleet_audit.audit.model.need import Need, NeedKind
from fleet_audit.audit.pipeline.planning.placing import STAGE

_MAX_NAMED = 6
_CODENAME = re.compile(r"[a-z]{2,20}")


def stage_base(distro: Distro) -> str:
    """Return an image of the same release that has apt-get; empty where none is known.

    Debian's has few packages beside the essential ones in its variant ``slim``; Ubuntu's has no other.
    """
    release = codename(distro)
    images = {"debian": f"debian:{release}-slim", "ubuntu": f"ubuntu:{release}"}
    return images.get(distro.id, "") if _CODENAME.fullmatch(release) else ""


class _Manager(msgspec.Struct, frozen=True):
    """A distribution's package manager, and the command that asks it who ships a library or a program."""

    name: str
    library: str
    program: str


# apk-search(8), with the names that Alpine's packages provide (so:, cmd:); dnf(8), "provides"; zypper(8),
# "search"; pacman(8), "-F".
_APK = _Manager("apk", "apk search so:{}", "apk search cmd:{}")
_DNF = _Manager("dnf", "dnf provides '*/{}'", "dnf provides '*/bin/{}'")
_ZYPPER = _Manager("zypper", "zypper search --file-list {}", "zypper search --file-list bin/{}")
_PACMAN = _Manager("pacman", "pacman -F {}", "pacman -F {}")

_MANAGERS = {
    **dict.fromkeys(("alpine", "wolfi", "chainguard", "postmarketos"), _APK),
    **dict.fromkeys(("fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn", "azurelinux"), _DNF),
    **dict.fromkeys(("opensuse-leap", "opensuse-tumbleweed", "sles", "sle-micro"), _ZYPPER),
    "arch": _PACMAN,
}
"""By ID of os-release(5)."""


def not_supported(subject: str, distro: Distro, missing: Sequence[Need]) -> Gap:
    """Return the gap of an image whose packages are not dpkg's: what is missing, and whom to ask for it."""
    name = distro.pretty_name or " ".join(filter(None, (distro.id, distro.version))) or "this image"
    manager = _MANAGERS.get(distro.id)
    names = _listed((need.subject for need in missing), ", ")
    if manager is None:
        why = f"{name} has no dpkg status, and what installs packages there is not known. Missing: {names}"
    else:
        how = f"{name} installs packages with {manager.name}, and which of them ships what is not known here"
        questions = _listed(_questions(manager, missing), " · ")
        why = f"{how}. Missing: {names}" + (f"; there: {questions}" if questions else "")
    return Gap(STAGE, GapKind.NO_PACKAGE_STATE, subject, f"not supported: {why}")


def _questions(manager: _Manager, missing: Iterable[Need]) -> Iterable[str]:
    for need in missing:
        form = manager.program if need.kind is NeedKind.PROGRAM else manager.library
        name = need.name.rpartition("/")[2]
        if shlex.quote(name) == name:
            yield form.format(name)


def _listed(words: Iterable[str], between: str) -> str:
    every = list(dict.fromkeys(words))
    more = f"{between}and {len(every) - _MAX_NAMED} more" if len(every) > _MAX_NAMED else ""
    return f"{between.join(every[:_MAX_NAMED])}{more}"

"""Where packages may come from besides the one index that is meant, and which checks are switched off.

Rules: pip's documentation, "pip install" (``--extra-index-url``, ``--trusted-host``) and "Configuration";
uv's "Indexes"; apt-get(8), apt.conf(5) and sources.list(5); apk(8); dnf.conf(5).
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from fleet_audit.audit.configuration.requirement_lines import Setting
from fleet_audit.audit.dockerfiles.pinning.managers import Installing, Option
from fleet_audit.audit.dockerfiles.shell.following import Executed

EXTRA_INDEX = "extra-index"
UNVERIFIED = "unverified"

_INDEX_VARIABLES = frozenset({"PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX"})
VARIABLES = ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PIP_TRUSTED_HOST", "UV_INSECURE_HOST")
"""Variables of the environment that say what pip and uv trust."""

_HOST_VARIABLES = frozenset({"PIP_TRUSTED_HOST", "UV_INSECURE_HOST"})
_APT_OFF = frozenset({"--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"})
_APT_SETTINGS = re.compile(
    r"(?:APT::Get::AllowUnauthenticated|Acquire::AllowInsecureRepositories|Acquire::AllowWeakRepositories"
    r"|APT::Get::force-yes)=(?:1|true|yes|on)",
    re.IGNORECASE,
)
_OFF: dict[str, frozenset[str]] = {
    "apt": _APT_OFF,
    "apk": frozenset({"--allow-untrusted"}),
    "dnf": frozenset({"--nogpgcheck", "--no-gpgchecks"}),
    "zypper": frozenset({"--no-gpg-checks", "--allow-unsigned-rpm"}),
    "npm": frozenset({"--strict-ssl=false", "--no-strict-ssl"}),
}


class Trust(msgspec.Struct, frozen=True):
    """An index besides the one that is meant, or a check that is off (`kind`): which, and where."""

    kind: str
    detail: str
    line: int


def of_options(installing: Installing) -> Iterator[Trust]:
    """Yield what the options of an installation trust."""
    if installing.manager == "pip":
        for option in installing.values("--extra-index-url", "--index"):
            yield Trust(EXTRA_INDEX, _named(option), option.word.line)
        for option in installing.values("--trusted-host", "--allow-insecure-host"):
            yield Trust(UNVERIFIED, f"{option.name} {option.value or ''}".strip(), option.word.line)
        return
    for option in installing.options:
        off = _OFF.get(installing.manager, frozenset())
        if option.name in off or option.word.text in off:
            yield Trust(UNVERIFIED, option.word.text, option.word.line)
        elif installing.manager == "apt" and _APT_SETTINGS.fullmatch(option.value or ""):
            yield Trust(UNVERIFIED, f"{option.name} {option.value}", option.word.line)


def _named(option: Option) -> str:
    return option.value if option.value is not None else "an address that is not known"


def of_variable(name: str, value: str, line: int) -> Trust | None:
    """Return what a variable of the environment makes pip or uv trust; None for all others."""
    if not value:
        return None
    if name in _INDEX_VARIABLES:
        return Trust(EXTRA_INDEX, value, line)
    if name in _HOST_VARIABLES:
        return Trust(UNVERIFIED, f"{name}={value}", line)
    return None


def of_program(executed: Executed) -> Iterator[Trust]:
    """Yield what a program makes later installations trust: pip's settings, sources of apt."""
    words = executed.arguments
    if words[:1] == ("config",) and "set" in words[:3]:
        yield from _of_setting(words[words.index("set") + 1 :], executed.line)
    elif executed.program in ("echo", "printf"):
        for word in words:
            yield from of_sources(word, executed.line)
    for redirect in executed.command.redirects:
        if redirect.heredoc is not None:
            yield from of_sources(redirect.heredoc.text, redirect.heredoc.line, counts=True)


def _of_setting(words: Sequence[str], line: int) -> Iterator[Trust]:
    key, value = (words[0].rpartition(".")[2], words[1]) if len(words) > 1 else ("", "")
    if key == "extra-index-url":
        yield Trust(EXTRA_INDEX, value, line)
    elif key == "trusted-host":
        yield Trust(UNVERIFIED, f"{key} {value}", line)


def of_sources(text: str, line: int, *, counts: bool = False) -> Iterator[Trust]:
    """Yield what a sources.list(5) trusts unsigned; `counts` where its lines are those of the file."""
    for number, each in enumerate(text.replace("\\n", "\n").split("\n")):
        words = each.split()
        if len(words) < 3 or words[0] not in ("deb", "deb-src") or not words[1].startswith("["):
            continue
        options = each.partition("[")[2].partition("]")[0].lower().split()
        if "trusted=yes" in options or "allow-insecure=yes" in options:
            yield Trust(UNVERIFIED, "[trusted=yes]", line + number if counts else line)


def of_source_lines(text: str) -> Iterator[Trust]:
    """Yield what a file of the one-line form of sources.list(5) trusts unsigned."""
    return of_sources(text, 1, counts=True)


def of_stanzas(text: str) -> Iterator[Trust]:
    """Yield what a file of the deb822 form of sources.list(5) trusts unsigned."""
    for number, line in enumerate(text.split("\n"), 1):
        key, colon, value = line.partition(":")
        if colon and key.lower() in ("trusted", "allow-insecure") and value.strip().lower() == "yes":
            yield Trust(UNVERIFIED, f"{key}: yes", number)


def of_requirements(setting: Setting, line: int) -> Iterator[Trust]:
    """Yield what an option of a requirements file trusts."""
    if setting.name == "--extra-index-url":
        yield Trust(EXTRA_INDEX, setting.value, line)
    elif setting.name == "--trusted-host":
        yield Trust(UNVERIFIED, f"{setting.name} {setting.value}", line)


def of_pip_configuration(text: str) -> Iterator[Trust]:
    """Yield what a pip.conf trusts; values may go on in indented lines (Python's configparser)."""
    key = ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;[":
            key = key if not bare or bare[0] != "[" else ""
            continue
        value = bare
        if line[0] not in " \t":
            name, _, value = bare.partition("=") if "=" in bare else bare.partition(":")
            key = name.strip().lower().replace("_", "-")
        for each in value.split():
            if key == "extra-index-url":
                yield Trust(EXTRA_INDEX, each, number)
            elif key == "trusted-host":
                yield Trust(UNVERIFIED, f"{key} {each}", number)

"""What BuildKit refuses of single instructions, whatever variables and other stages there are.

Rules: Dockerfile reference; BuildKit's package frontend/dockerfile/instructions (parse, bflag).
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from fleet_audit.audit.dockerfiles.language.arguments import heredoc_mark
from fleet_audit.audit.dockerfiles.language.mounts import MountInvalid, refuse_variable_origin
from fleet_audit.audit.dockerfiles.language.shell_words import SPACES, SubstitutionInvalid
from fleet_audit.audit.dockerfiles.language.structure import KEYWORDS, Instruction
from fleet_audit.audit.errors import FleetAuditError

STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")

_BOOLEAN, _TEXT, _TEXTS = "boolean", "text", "texts"
_FLAGS: Mapping[str, Mapping[str, str]] = {
    "ADD": {
        **dict.fromkeys(("chown", "chmod", "checksum"), _TEXT),
        **dict.fromkeys(("link", "keep-git-dir", "unpack"), _BOOLEAN),
        "exclude": _TEXTS,
    },
    "COPY": {
        **dict.fromkeys(("chown", "chmod", "from"), _TEXT),
        **dict.fromkeys(("link", "parents"), _BOOLEAN),
        "exclude": _TEXTS,
    },
    "FROM": {"platform": _TEXT},
    "HEALTHCHECK": dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), _TEXT),
    "RUN": {"mount": _TEXTS, "network": _TEXT, "security": _TEXT, "device": _TEXTS},
}
_NETWORKS = ("default", "host", "none")
_SECURITIES = ("insecure", "sandbox")
_DURATION = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|[+-]?0")
_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 6e10,
    "h": 36e11,
}
_SHORTEST = 10**6
_NO_TRIGGERS = ("FROM", "MAINTAINER")


class Refused(FleetAuditError):
    """An instruction that BuildKit refuses; `offset` is where in its body, where that is known."""

    def __init__(self, kind: str, why: str, offset: int | None = None) -> None:
        """Keep the kind of rejection, the reason and the offset."""
        super().__init__(kind, why, offset)
        self.kind = kind
        self.why = why
        self.offset = offset

    def __str__(self) -> str:
        """Return one sentence."""
        return self.why


def refuse(instruction: Instruction) -> None:
    """Raise Refused where BuildKit refuses an instruction for its own form."""
    check = _CHECKS.get(instruction.keyword)
    if check is None:
        raise Refused("unknown-instruction", _unknown(instruction))
    check(instruction)


def _unknown(instruction: Instruction) -> str:
    near = difflib.get_close_matches(instruction.keyword[:20], KEYWORDS, n=1, cutoff=0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    word = (*instruction.text.split(maxsplit=1), "")[0]
    return f"there is no instruction {word[:80]!r}{hint}"


def _few(instruction: Instruction, wanted: str) -> NoReturn:
    raise Refused("wrong-arguments", f"{instruction.keyword} requires {wanted}")


def _refuse_flags(instruction: Instruction) -> None:
    known = _FLAGS.get(instruction.keyword, {})
    seen: set[str] = set()
    for flag in instruction.flags:
        kind = known.get(flag.name)
        if kind is None:
            raise Refused("unknown-flag", f"{instruction.keyword} has no flag --{flag.name[:80]}")
        if flag.name in seen and kind != _TEXTS:
            raise Refused("duplicate-flag", f"--{flag.name} is given twice")
        seen.add(flag.name)
        _refuse_value(flag.name, flag.value, kind)


def _refuse_value(name: str, value: str | None, kind: str) -> None:
    if kind == _BOOLEAN:
        if value == "":
            raise Refused("bad-flag", f"--{name}= has no value")
        if value is not None and value.lower() not in ("true", "false"):
            raise Refused("bad-flag", f"--{name} is true or false, not {value[:80]!r}")
    elif value is None:
        raise Refused("bad-flag", f"--{name} needs a value, written --{name}=…")


def _refuse_copy(instruction: Instruction) -> None:
    if len(instruction.words) < 2:
        _few(instruction, "at least one source and a destination")
    _refuse_flags(instruction)
    if _is_heredoc(instruction.words[-1]):
        raise Refused("heredoc-destination", f"{instruction.keyword} takes no here-document as destination")


def _is_heredoc(word: str) -> bool:
    try:
        return heredoc_mark(word) is not None
    except SubstitutionInvalid:
        return False


def _refuse_from(instruction: Instruction) -> None:
    words = instruction.words
    if len(words) == 3 and words[1].lower() == "as":
        if STAGE_NAME.fullmatch(words[2].lower()) is None:
            why = "it begins with a letter and holds letters, digits, '-', '_' and '.'"
            raise Refused("bad-stage-name", f"{words[2][:80]!r} is no name for a stage: {why}")
    elif len(words) != 1:
        _few(instruction, "one word (the base) or three (base AS name)")
    _refuse_flags(instruction)


def _refuse_pairs(instruction: Instruction) -> None:
    _refuse_flags(instruction)
    if not instruction.pairs:
        _few(instruction, "at least one name and value")
    _refuse_blank_name(instruction)


def _refuse_blank_name(instruction: Instruction) -> None:
    if any(not name for name, _ in instruction.pairs):
        raise Refused("blank-name", f"{instruction.keyword} has a blank name before a '='")


def _refuse_arg(instruction: Instruction) -> None:
    if not instruction.pairs:
        _few(instruction, "at least one name")
    _refuse_blank_name(instruction)


def _refuse_one(instruction: Instruction) -> None:
    if not instruction.words:
        _few(instruction, "exactly one argument")
    if instruction.keyword != "STOPSIGNAL":
        _refuse_flags(instruction)


def _refuse_some(instruction: Instruction) -> None:
    if not instruction.words:
        _few(instruction, "at least one argument")
    _refuse_flags(instruction)
    if instruction.keyword == "VOLUME" and any(not word.strip(SPACES) for word in instruction.words):
        raise Refused("empty-volume", "VOLUME names an empty path")


def _refuse_shell(instruction: Instruction) -> None:
    _refuse_flags(instruction)
    if not instruction.words:
        _few(instruction, "at least one argument")
    if not instruction.is_exec:
        raise Refused("not-json", "SHELL takes a JSON array of strings only")


def _refuse_run(instruction: Instruction) -> None:
    _refuse_flags(instruction)
    for mount in instruction.flag_values("mount"):
        try:
            refuse_variable_origin(mount)
        except MountInvalid as error:
            raise Refused("bad-mount", error.why) from error
    for name, known in (("network", _NETWORKS), ("security", _SECURITIES)):
        value = instruction.flag(name)
        if value is not None and value not in known:
            raise Refused("bad-flag", f"--{name} is one of {', '.join(known)}, not {value[:80]!r}")


def _refuse_healthcheck(instruction: Instruction) -> None:
    if not instruction.words:
        _few(instruction, "NONE or CMD with a command")
    kind = instruction.words[0].upper()
    if kind == "NONE":
        if len(instruction.words) > 1:
            raise Refused("wrong-arguments", "HEALTHCHECK NONE takes no arguments")
        return
    _refuse_flags(instruction)
    if kind != "CMD":
        raise Refused("bad-healthcheck", f"HEALTHCHECK knows NONE and CMD, not {kind[:80]!r}")
    if len(instruction.words) == 1:
        raise Refused("wrong-arguments", "HEALTHCHECK CMD has no command")
    for name in ("interval", "timeout", "start-period", "start-interval"):
        _refuse_duration(name, instruction.flag(name))
    _refuse_retries(instruction.flag("retries"))


def _refuse_duration(name: str, value: str | None) -> None:
    if not value:
        return
    if len(value) > 100 or _DURATION.fullmatch(value) is None:
        raise Refused("bad-duration", f"--{name}={value[:80]} is no duration such as 30s or 1m30s")
    parts = _DURATION_PART.findall(value)
    nanoseconds = sum(float(number) * _NANOSECONDS[unit] for number, unit in parts)
    if nanoseconds and (nanoseconds < _SHORTEST or value.startswith("-")):
        raise Refused("bad-duration", f"--{name}={value} is less than a millisecond")


def _refuse_retries(value: str | None) -> None:
    if not value:
        return
    is_number = re.fullmatch(r"[+-]?\d{1,10}", value) is not None and int(value) < 1 << 31
    if not is_number or int(value) < 0:
        raise Refused("bad-retries", f"--retries={value[:80]} is no number from 0 up")


def _refuse_onbuild(instruction: Instruction) -> None:
    if instruction.trigger is None:
        _few(instruction, "an instruction to keep")
    _refuse_flags(instruction)
    keyword = instruction.trigger.keyword
    if keyword == "ONBUILD":
        raise Refused("bad-trigger", "ONBUILD cannot be kept by another ONBUILD")
    if keyword in _NO_TRIGGERS:
        raise Refused("bad-trigger", f"{keyword} cannot be kept by ONBUILD")


_CHECKS: Mapping[str, Callable[[Instruction], None]] = {
    "ADD": _refuse_copy,
    "ARG": _refuse_arg,
    "CMD": _refuse_flags,
    "COPY": _refuse_copy,
    "ENTRYPOINT": _refuse_flags,
    "ENV": _refuse_pairs,
    "EXPOSE": _refuse_some,
    "FROM": _refuse_from,
    "HEALTHCHECK": _refuse_healthcheck,
    "LABEL": _refuse_pairs,
    "MAINTAINER": _refuse_one,
    "ONBUILD": _refuse_onbuild,
    "RUN": _refuse_run,
    "SHELL": _refuse_shell,
    "STOPSIGNAL": _refuse_one,
    "USER": _refuse_one,
    "VOLUME": _refuse_some,
    "WORKDIR": _refuse_one,
}


def refused_check_option(value: str) -> str | None:
    """Return why BuildKit refuses the value of a ``check`` directive; None where it takes it."""
    for option in value.split(";") if value.strip() else ():
        name, equals, given = option.partition("=")
        if not equals:
            return f"{option.strip()[:80]!r} is no option of a check directive (skip=… or error=…)"
        if name.strip() not in ("skip", "error", "experimental"):
            return f"{name.strip()[:80]!r} is no option of a check directive"
        if name.strip() == "error" and given.strip().lower() not in ("true", "false", "1", "0", "t", "f"):
            return f"error={given.strip()[:80]} is neither true nor false"
    return None

"""Takes secrets out of what an image would run, before anybody prints it."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from fleet_audit.audit.dockerfiles.running.secret_shapes import find_shapes, names_secret, secret_shape
from fleet_audit.audit.model.inspection import MASK
from fleet_audit.audit.model.running import CommandLine, RunConfiguration, Setting, Variable

MIN_REPEATED: Final = 6
"""Characters from which on a secret is looked for in other texts: a shorter one would be found everywhere."""

MAX_REPEATED: Final = 50
"""Secrets that are looked for in other texts."""

MAX_TEXT: Final = 20_000
_USERS = ("-u", "--user", "--proxy-user")
_GIVEN = re.compile(
    r"(?P<option>--?)?(?P<name>[A-Za-z][A-Za-z0-9_-]{0,100})(?P<sign>=|[ \t])"
    r"""(?P<value>"[^"]{1,1000}"?|'[^']{1,1000}'?|[^\s"'|;&]{1,1000})"""
)
"""A name that is given something: ``DB_PASSWORD=x``, ``ENV DB_PASSWORD x``, ``--token x``."""


def masked_names(run: RunConfiguration) -> tuple[str, ...]:
    """Return the variables and labels whose values are secrets, by their names or by what they look like."""
    return tuple(sorted({each.name for each in (*run.env, *run.labels) if _is_secret(each)}))


def masked(run: RunConfiguration) -> RunConfiguration:
    """Return what an image would run without any secret.

    Values of variables and labels that are secrets are masked; so are these same values, passwords in
    addresses and what has the shape of a secret in commands, labels and other texts.
    """
    known = secret_values(run)
    return msgspec.structs.replace(
        run,
        env=tuple(_masked_variable(each, known) for each in run.env),
        labels=tuple(_masked_variable(each, known) for each in run.labels),
        entrypoint=_masked_command(run.entrypoint, known),
        cmd=_masked_command(run.cmd, known),
        health=None
        if run.health is None
        else msgspec.structs.replace(run.health, test=masked_words(run.health.test, known)),
        triggers=tuple(_masked_setting(each, known) for each in run.triggers),
        volumes=tuple(_masked_setting(each, known) for each in run.volumes),
        user=None if run.user is None else _masked_setting(run.user, known),
        working_dir=None if run.working_dir is None else _masked_setting(run.working_dir, known),
    )


def secret_values(run: RunConfiguration) -> frozenset[str]:
    """Return the values of variables that are secrets and long enough to be told from other text.

    Of very many, those are taken that are longest.
    """
    values = {each.value for each in run.env if _is_secret(each) and len(each.value) >= MIN_REPEATED}
    return frozenset(sorted(values, key=lambda value: (-len(value), value))[:MAX_REPEATED])


def masked_words(words: Iterable[str], known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the words of a command without secrets; the word behind ``--password`` is one.

    Of ``-u NAME:PASSWORD`` it is what stands behind the colon.
    """
    found: list[str] = []
    before = ""
    for word in words:
        name, _, password = word.partition(":")
        if before.startswith("--") and "=" not in before and names_secret(before[2:]):
            found.append(MASK)
        elif before in _USERS and password and not password.isdecimal() and "$" not in word:
            found.append(f"{name}:{MASK}")
        else:
            found.append(masked_text(word, known))
        before = word
    return tuple(found)


def masked_text(text: str, known: Collection[str] = ()) -> str:
    """Return a text without secrets: known values, shapes, and what is given to a name for secrets."""
    text = text[:MAX_TEXT]
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, MASK)
    for start, end in reversed(find_shapes(text)):
        text = text[:start] + MASK + text[end:]
    return "".join(_without_given(text))


def _without_given(text: str) -> Iterator[str]:
    done = at = 0
    while (match := _GIVEN.search(text, at)) is not None:
        if _gives_secret(match):
            yield text[done : match.start("value")] + MASK
            done = at = match.end()
        else:
            # What follows a name may be a name itself.
            at = match.end("sign")
    yield text[done:]


def _gives_secret(match: re.Match[str]) -> bool:
    name, value = match["name"], match["value"].lstrip("\"'")
    # Behind a blank, only an option or a name in capitals is given something: "token" is a word as well.
    is_given = match["sign"] == "=" or bool(match["option"]) or name.isupper()
    return is_given and names_secret(name) and not value.startswith(("$", MASK))


def _is_secret(variable: Variable) -> bool:
    return secret_shape(variable.name, variable.value) is not None


def _masked_variable(variable: Variable, known: Collection[str]) -> Variable:
    value = MASK if _is_secret(variable) else masked_text(variable.value, known)
    return msgspec.structs.replace(variable, value=value)


def _masked_setting(setting: Setting, known: Collection[str]) -> Setting:
    return msgspec.structs.replace(setting, value=masked_text(setting.value, known))


def _masked_command(command: CommandLine | None, known: Collection[str]) -> CommandLine | None:
    return (
        None
        if command is None
        else msgspec.structs.replace(command, words=masked_words(command.words, known))
    )

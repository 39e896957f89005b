"""A draft as the text of a manifest, with a comment for each guess."""

import re
from collections.abc import Iterable, Iterator

from fleet_audit.audit.model.draft import Draft, Fields, Guess, Plain

_HEAD = """\
# Drafted by `fleet-audit init` from what lies in this repository: Dockerfiles, what builds them, and what
# starts their services. A comment says from what a value was guessed; correct what is wrong. Where images
# are built, name each one as `image` (oci:DIR:TAG, docker:NAME), so that it can be audited.
"""
_WORD = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n|~)\b)(?:[A-Za-z_/]|\.{1,2}/)[A-Za-z0-9_./@+-]*(?::[A-Za-z0-9_./@+-]+)*",
    re.IGNORECASE,
)
MAX_COMMENT = 200


def manifest_text(draft: Draft) -> str:
    """Return the YAML of a draft; whatever names hold, it reads as these values and has these lines."""
    return "\n".join([_HEAD.rstrip("\n"), *_lines(draft)]) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    yield "version: 1"
    yield _line("fleet", draft.fleet, 0)
    for key, fields in (("registry", draft.registry), ("defaults", draft.defaults)):
        if fields:
            yield f"{key}:"
            yield from _fields(fields, 2)
    if draft.machines:
        yield "machines:"
        yield from _named(draft.machines)
    yield "families:" if draft.families else "families: {}"
    yield from _named(draft.families)
    yield "services:" if draft.services else "services: []"
    for fields in draft.services:
        first, *rest = _fields(fields, 4)
        yield f"  - {first.strip()}"
        yield from rest
    if draft.open_questions:
        yield "# Not known:"
        yield from (f"# - {_comment(question)}" for question in draft.open_questions)


def _named(things: dict[str, Fields]) -> Iterator[str]:
    for name, fields in things.items():
        yield f"  {_scalar(name)}:" if fields else f"  {_scalar(name)}: {{}}"
        yield from _fields(fields, 4)


def _fields(fields: Fields, indent: int) -> Iterator[str]:
    return (_line(key, guess, indent) for key, guess in fields.items())


def _line(key: str, guess: Guess, indent: int) -> str:
    text = f"{' ' * indent}{key}: {_flow(guess.value)}"
    return f"{text}  # guessed: {_comment(guess.why)}" if guess.why else text


def _comment(text: str) -> str:
    seen = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return seen if len(seen) <= MAX_COMMENT else f"{seen[: MAX_COMMENT - 1]}…"


def _flow(value: Plain) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _scalar(value)
        case tuple():
            return f"[{_joined(_flow(each) for each in value)}]"
        case dict():
            return f"{{{_joined(f'{_scalar(key)}: {_flow(each)}' for key, each in value.items())}}}"


def _joined(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _scalar(text: str) -> str:
    """Return text as a YAML scalar: plain where nothing could take it for anything else, quoted elsewhere."""
    if _WORD.fullmatch(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    number = ord(character)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )

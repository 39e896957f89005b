"""Texts that are meant as JSON arrays and that Docker takes for something else.

Rules: Dockerfile reference, "Shell and exec form" ("the exec form is parsed as a JSON array, which means that
you must use double-quotes"); BuildKit's parseJSON, which leaves to the shell what is no JSON.
"""

import re

from fleet_audit.audit.dockerfiles.language.structure import Instruction

MAX_LENGTH = 10_000
"""Characters of a body that are looked at; nobody writes a longer array by hand."""

_ARRAY = re.compile(
    r"""\[(?P<space>\s*)(?:'[^'\n]*'|"[^"\n]*"|[^\s\[\]'",]+)\s*(?P<rest>,[^\n]*)?\](?:\s*\#[^\n]*)?""",
)
_OPENS = re.compile(r"\[['\"]")
_CHECK = re.compile(r"CMD\s+", re.IGNORECASE)
_TAKERS = frozenset({"RUN", "CMD", "ENTRYPOINT", "VOLUME", "HEALTHCHECK"})


def misread_array(instruction: Instruction) -> str:
    """Return the text of an instruction that is nearly a JSON array; empty where it is none, or a whole one.

    A test (``[ -f /x ]``) is a command: its bracket stands alone, and no comma behind its first word.
    """
    if instruction.is_exec or instruction.keyword not in _TAKERS or instruction.heredocs:
        return ""
    text = instruction.body.strip()
    if instruction.keyword == "HEALTHCHECK":
        command = _CHECK.match(text)
        text = "" if command is None else text[command.end() :]
    if _OPENS.match(text) is not None:
        return text
    found = _ARRAY.fullmatch(text) if len(text) <= MAX_LENGTH else None
    return "" if found is None or (found["space"] and found["rest"] is None) else text

"""The instructions of a Dockerfile with the lines where they begin, read tolerantly.

Continuations, comments between them, the escape directive and here-documents are understood
(docs.docker.com, "Dockerfile reference"); what is no instruction is passed over.
"""

import re
from collections.abc import Iterator

import msgspec

_ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*[A-Za-z]+\s*=")
_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


class Instruction(msgspec.Struct, frozen=True):
    """One instruction: `keyword` in capitals, `body` with continuations joined, first and last line from 1.

    The lines of here-documents follow the body, each after a newline.
    """

    keyword: str
    body: str
    line: int
    last_line: int


def instructions(dockerfile: str) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile in their order."""
    # Not splitlines: it also ends lines at characters that neither Docker nor an editor takes for an end.
    lines = dockerfile.replace("\r\n", "\n").removesuffix("\n").split("\n")
    escape = _escape(lines)
    at = 0
    while at < len(lines):
        if _is_skipped(lines[at]):
            at += 1
            continue
        start = at
        text, at = _joined(lines, at, escape)
        keyword, body = (*text.split(None, 1), "", "")[:2]
        keyword = keyword.upper()
        if keyword in _WITH_HEREDOCS:
            documents, at = _heredocs(lines, at, body)
            body = "\n".join((body, *documents))
        yield Instruction(keyword, body, start + 1, at)


def _escape(lines: list[str]) -> str:
    # Directives stand before everything else, even before comments.
    for line in lines:
        match = _ESCAPE.fullmatch(line.strip())
        if match:
            return match[1]
        if _DIRECTIVE.match(line.strip()) is None:
            break
    return "\\"


def _joined(lines: list[str], at: int, escape: str) -> tuple[str, int]:
    parts: list[str] = []
    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if parts and _is_skipped(line):
            continue  # comments and empty lines do not end an instruction that goes on
        if not line.endswith(escape):
            parts.append(line)
            break
        parts.append(line.removesuffix(escape))
    return " ".join(part.strip() for part in parts), at


def _heredocs(lines: list[str], at: int, body: str) -> tuple[list[str], int]:
    found: list[str] = []
    for word in _HEREDOC.findall(body):
        while at < len(lines) and lines[at].strip() != word:
            found.append(lines[at])
            at += 1
        at = min(at + 1, len(lines))
    return found, at


def _is_skipped(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")

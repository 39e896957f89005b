"""What a Dockerfile becomes by a change that is known as a unified diff."""

import re
from collections.abc import Iterator

from fleet_audit.audit.errors import FleetAuditError

_HEAD = re.compile(r"--- [^\n]*\n\+\+\+ [^\n]*\n@@ -(\d{1,9}),\d{1,9} \+\d{1,9},\d{1,9} @@\n")
_NO_LINE_END = "\\ No newline at end of file"


class ChangeDoesNotFit(FleetAuditError):
    """A text has not the lines that a diff shows, or the diff is none that `patching.unified` writes."""

    def __init__(self, why: str) -> None:
        """Keep the reason."""
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        """Return one clause."""
        return self.why


def applied(source: str, diff: str) -> str:
    """Return `source` with the change that `patching.unified` tells as `diff`; an empty one changes nothing.

    Every line that the diff shows must be where it says. Raises ChangeDoesNotFit.
    """
    if not diff:
        return source
    head = _HEAD.match(diff)
    if head is None:
        raise ChangeDoesNotFit("the patch is no unified diff of one hunk")
    rows = list(_rows(diff[head.end() :]))
    old = "".join(line for sign, line in rows if sign in " -")
    new = "".join(line for sign, line in rows if sign in " +")
    start = _start_of_line(source, int(head[1]))
    is_at_end = old.endswith("\n") or start + len(old) == len(source)
    if not (source.startswith(old, start) and is_at_end):
        raise ChangeDoesNotFit(f"the lines from {head[1]} on are not those that the patch was made for")
    return source[:start] + new + source[start + len(old) :]


def _rows(body: str) -> Iterator[tuple[str, str]]:
    """Yield sign and line, the line with its end where it has one."""
    lines = body.removesuffix("\n").split("\n")
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line == _NO_LINE_END:
            continue
        if line[:1] not in (" ", "-", "+"):
            raise ChangeDoesNotFit("the patch has a line that is neither kept, taken out nor added")
        yield line[0], line[1:] + ("" if below == _NO_LINE_END else "\n")


def _start_of_line(source: str, number: int) -> int:
    at = 0
    for _ in range(number - 1):
        at = source.find("\n", at) + 1
        if at == 0:
            raise ChangeDoesNotFit(f"there is no line {number}")
    return at

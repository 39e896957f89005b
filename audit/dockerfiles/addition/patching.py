"""Writes an addition of packages into a Dockerfile, and takes out what is too much.

Only the words that change are touched: all other bytes stay as they are.
"""

import difflib
from collections.abc import Collection, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.addition.installations import Installation, PackageWord, installations
from fleet_audit.audit.dockerfiles.addition.instruction import (
    apt_instruction,
    as_root,
    is_safe_user,
    refuse_unsafe,
)
from fleet_audit.audit.dockerfiles.addition.placement import find_place, user_to_return_to
from fleet_audit.audit.dockerfiles.language.expansion import scopes
from fleet_audit.audit.dockerfiles.language.parsing import parse
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile
from fleet_audit.audit.model.apt import AptPlan
from fleet_audit.audit.model.dockerfiles import DockerfileChange

_CONTEXT = 3
_MOST_COMPARED = 500
"""Lines of a change up to which it is shown line by line; comparing takes quadratic time."""


class _Edit(msgspec.Struct, frozen=True):
    """Something to do at a package's word: put others before or behind it, replace it, or take it out."""

    word: PackageWord
    before: tuple[str, ...] = ()
    text: str = ""
    behind: tuple[str, ...] = ()
    escape: str = "\\"


def patch(
    source: str,
    plan: AptPlan,
    *,
    path: str = "Dockerfile",
    surplus: Collection[str] = (),
    image_user: str = "",
) -> DockerfileChange:
    """Return the change of the Dockerfile `source` that installs the roots of `plan` in its final stage.

    Packages go into the last ``apt-get install`` of the final stage, or of those that it is built from in the
    file, that every build runs; each before the first that sorts behind it; a package that is named there
    already gets its version.
    Where no installation can be extended, a RUN in house style is added, as root and before any other USER;
    `image_user` is whom the image that the Dockerfile makes runs as.
    `surplus` names packages to take out of installations that the final stage has; what `plan` adds stays.
    Applying the change again changes nothing. Raises UnsafePin for a root that is no name or version.
    """
    refuse_unsafe(plan.roots)
    dockerfile = parse(source)
    place = find_place(dockerfile)
    final = dockerfile.target("")
    if place is None or final is None:
        return DockerfileChange(path, source, source, "the Dockerfile has no FROM")
    if why := why_unsafe(dockerfile):
        return DockerfileChange(path, source, source, why)
    stages = list(scopes(dockerfile).lineage(final))
    found = [
        (instruction, each)
        for stage in stages
        for instruction in stage.instructions
        for each in installations(instruction)
    ]
    pins = {_name(root): root for root in sorted(set(plan.roots))}
    open_ones = [(own, each) for own, each in found if each.may_be_extended]
    named = {word.name for _, each in open_ones for word in each.packages}
    added = [root for name, root in pins.items() if name not in named]
    extended = next((each for own, each in reversed(open_ones) if own.line == place.instruction.line), None)
    too_much = set(surplus) - set(pins)
    edits: list[_Edit] = []
    for own, each in found:
        # The shell that reads a here-document has its own escape character.
        escape = "\\" if own.heredocs else dockerfile.escape
        own_pins = pins if each.may_be_extended else {}
        new = _edits(each, own_pins, too_much, added if each is extended else ())
        edits += [msgspec.structs.replace(edit, escape=escape) for edit in new]
    lines = source.split("\n")
    if added and extended is None:
        last = place.instruction.pieces[-1].line
        # A continuation at the end of the file would take the new instruction in.
        lines[last - 1] = ended(lines[last - 1], dockerfile.escape)
        # All that is edited stands above, so the new lines move none of it.
        user = user_to_return_to(place, stages, image_user)
        if user and not is_safe_user(user):
            return DockerfileChange(
                path, source, source, f"its image runs as {user!r}, no user of any system"
            )
        run = apt_instruction(added, escape=dockerfile.escape)
        lines = _with_new_lines(lines, as_root(run, user) if user else run, place.instruction.last_line)
    return DockerfileChange(path, source, "\n".join(_edited(lines, edits)))


def why_unsafe(dockerfile: Dockerfile) -> str:
    """Say why it is not known where instructions end; empty where it is."""
    if not dockerfile.is_whole:
        return "the Dockerfile is too long to be read to its end"
    if dockerfile.foreign_frontend:
        return f"it is written for {dockerfile.foreign_frontend}, whose language is not known"
    open_end = (each for each in dockerfile.rejections if each.kind == "unterminated-heredoc")
    return next((f"line {each.line}: {each.message}" for each in open_end), "")


def _name(root: str) -> str:
    return root.partition("=")[0].partition(":")[0]


def _edits(
    installation: Installation, pins: dict[str, str], surplus: Collection[str], added: Sequence[str]
) -> Iterator[_Edit]:
    kept = [word for word in installation.packages if word.name not in surplus]
    gone = [word for word in installation.packages if word.name in surplus]
    new = list(added)
    if not kept and gone and new:
        kept, gone = gone[:1], gone[1:]
        pins = {**pins, kept[0].name: new.pop(0)}
    before, behind = _anchored(new, kept or [installation.opening])
    for word in kept or [installation.opening]:
        text = pins.get(word.name, word.text) if kept else word.text
        at = word.line, word.start
        if text != word.text or at in before or at in behind:
            yield _Edit(word, tuple(before.get(at, ())), text, tuple(behind.get(at, ())))
    for word in gone:
        yield _Edit(word)


def _anchored(
    new: Sequence[str], words: Sequence[PackageWord]
) -> tuple[dict[tuple[int, int], list[str]], dict[tuple[int, int], list[str]]]:
    """Return what goes before and what behind each word, by its place."""
    before: dict[tuple[int, int], list[str]] = {}
    behind: dict[tuple[int, int], list[str]] = {}
    for root in new:
        ahead = next((word for word in words if word.name > _name(root)), None)
        anchor, side = (words[-1], behind) if ahead is None else (ahead, before)
        side.setdefault((anchor.line, anchor.start), []).append(root)
    return before, behind


def _edited(lines: Sequence[str], edits: Sequence[_Edit]) -> list[str]:
    by_line: dict[int, list[_Edit]] = {}
    for edit in edits:
        by_line.setdefault(edit.word.line, []).append(edit)
    out: list[str] = []
    for number, line in enumerate(lines, start=1):
        if number not in by_line:
            out.append(line)
            continue
        here = sorted(by_line[number], key=lambda edit: edit.word.start)
        code, continuation = _split(line, here[0].escape)
        if len(here) == 1 and code.strip() == here[0].word.text:
            _write_alone(out, here[0], line)
        else:
            out.append(_within(code, here) + continuation)
    return out


def _split(line: str, escape: str) -> tuple[str, str]:
    """Return a line's code, and the blanks, the escape character and the rest that continue it."""
    bare = line.rstrip("\r").rstrip(" \t")
    if not bare.endswith(escape) or bare.endswith(escape * 2):
        code = line.rstrip("\r")
        return code, line[len(code) :]
    code = bare[:-1].rstrip(" \t")
    return code, line[len(code) :]


def _write_alone(out: list[str], edit: _Edit, line: str) -> None:
    """Write the lines that become of one that holds a package and nothing else."""
    code, end = _split(line, edit.escape)
    indent = code[: len(code) - len(code.lstrip())]
    goes_on = edit.escape in end
    carriage = "\r" if line.endswith("\r") else ""
    continuation = end if goes_on else f" {edit.escape}{carriage}"
    words = [*edit.before, *((edit.text,) if edit.text else ()), *edit.behind]
    out += [indent + word + continuation for word in words[:-1]]
    if words:
        out.append(indent + words[-1] + (end if goes_on else code[len(code.rstrip()) :] + end))
    elif not goes_on:
        _end_last(out, edit.escape)


def _end_last(out: list[str], escape: str) -> None:
    """Let the last line of code that was written be the last of its instruction."""
    at = len(out) - 1
    while at > 0 and (not out[at].strip() or out[at].lstrip().startswith("#")):
        at -= 1
    out[at] = ended(out[at], escape)


def ended(line: str, escape: str) -> str:
    """Return a line without what continues it."""
    code, continuation = _split(line, escape)
    return code + ("\r" if line.endswith("\r") else "") if escape in continuation else line


def _within(code: str, edits: Sequence[_Edit]) -> str:
    for edit in reversed(edits):
        head, tail = code[: edit.word.start], code[edit.word.end :]
        words = " ".join([*edit.before, *((edit.text,) if edit.text else ()), *edit.behind])
        if not words:
            # With its word goes the white space before it, or that behind it at the start of a line.
            head, tail = (head.rstrip(" \t"), tail) if head.strip() else (head, tail.lstrip(" \t"))
        code = head + words + tail
    return code


def _with_new_lines(lines: Sequence[str], new: str, above: int) -> list[str]:
    carriage = "\r" if lines[0].endswith("\r") else ""
    out = [*lines[:above], *(line + carriage for line in new.split("\n")), *lines[above:]]
    if above == len(lines):
        # The file had no line feed at its end, and gets none.
        out[above - 1] = out[above - 1].removesuffix("\r") + carriage
        out[-1] = out[-1].removesuffix("\r")
    return out


def unified(change: DockerfileChange) -> str:
    """Return a change as a unified diff, ``a/`` and ``b/`` before its path; empty where nothing changes."""
    if change.is_empty:
        return ""
    before, after = _with_ends(change.before), _with_ends(change.after)
    same = _same_start(before, after)
    end = _same_start(before[same:][::-1], after[same:][::-1])
    old, new = before[same : len(before) - end], after[same : len(after) - end]
    above, below = before[max(0, same - _CONTEXT) : same], before[len(before) - end :][:_CONTEXT]
    rows = [
        *(_row(" ", line) for line in above),
        *(_compared(old, new) if max(len(old), len(new)) <= _MOST_COMPARED else _exchanged(old, new)),
        *(_row(" ", line) for line in below),
    ]
    around = len(above) + len(below)
    first = same - len(above) + 1
    head = f"@@ -{first},{len(old) + around} +{first},{len(new) + around} @@\n"
    return "".join((f"--- a/{change.path}\n", f"+++ b/{change.path}\n", head, *rows))


def _with_ends(text: str) -> list[str]:
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *((last,) if last else ())]


def _same_start(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _row(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _exchanged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    return [*(_row("-", line) for line in old), *(_row("+", line) for line in new)]


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from (_row(" ", line) for line in old[a:b])
        else:
            yield from _exchanged(old[a:b], new[c:d])

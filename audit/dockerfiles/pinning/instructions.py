"""What the instructions of a Dockerfile fetch and trust, besides their commands: FROM, ADD, ENV and ARG.

Rules: Dockerfile reference, "FROM", "ADD --checksum", "ADD [--keep-git-dir]"; BuildKit's gitutil (which
addresses are repositories).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.language.expansion import Scopes
from fleet_audit.audit.dockerfiles.language.misread_arrays import misread_array
from fleet_audit.audit.dockerfiles.language.reference import ImageReference, ReferenceInvalid, parse_reference
from fleet_audit.audit.dockerfiles.language.structure import Dockerfile, Instruction, Stage
from fleet_audit.audit.dockerfiles.pinning.hashes import impossible
from fleet_audit.audit.dockerfiles.pinning.packages import is_fixed
from fleet_audit.audit.dockerfiles.pinning.practices import trusted
from fleet_audit.audit.dockerfiles.pinning.records import practised
from fleet_audit.audit.dockerfiles.pinning.trust import (
    Trust,
    of_pip_configuration,
    of_sources,
    of_stanzas,
    of_variable,
)
from fleet_audit.audit.model.installs import BaseImage, BuildCommand, HashClaim, Practised

PLACE = "dockerfile"
_REMOTE = re.compile(r"(?:https?|ftp)://\S+|git@\S+:\S+|(?:git|ssh)://\S+")
_REPOSITORY = re.compile(r"(?:git|ssh)://|git@|https?://[^#?\s]+\.git(?:[#?]|$)")
_SCRATCH = "scratch"
MAX_SHOWN = 80
"""Characters of a text that records repeat."""


class OwnImages(msgspec.Struct, frozen=True):
    """Which images are the fleet's own: those below a prefix, with tags that fit a pattern."""

    prefix: str = ""
    tag_pattern: str = ""

    def holds(self, image: ImageReference) -> bool:
        """Say whether an image lies below the prefix."""
        return bool(self.prefix) and image.name.startswith(self.prefix.rstrip("/") + "/")

    def fits(self, tag: str) -> bool:
        """Say whether a tag has the agreed form."""
        try:
            return bool(self.tag_pattern) and re.search(self.tag_pattern, tag) is not None
        except re.error:
            return False


def instruction_practices(
    path: str, dockerfile: Dockerfile, values: Scopes, own: OwnImages
) -> Iterator[Practised]:
    """Yield what the instructions of a Dockerfile fetch and trust, in their order."""
    for instruction in dockerfile.global_args:
        yield from _variables(path, instruction, values)
    for stage in dockerfile.stages:
        yield from _base(path, stage, values, own)
        for instruction in stage.instructions[1:]:
            inner = instruction.trigger or instruction
            array = misread_array(inner)
            if array:
                words = array if len(array) <= MAX_SHOWN else f"{array[:MAX_SHOWN]} …"
                command = BuildCommand(path, "misread-array", PLACE, inner.keyword, words)
                yield practised(command, f"misread-array:{inner.keyword} {words}", instruction.line)
            if inner.keyword == "ADD":
                yield from _added(path, inner, values)
            elif inner.keyword in ("ENV", "ARG"):
                yield from _variables(path, inner, values)
            if inner.keyword in ("COPY", "ADD"):
                yield from _documents(path, inner)


def _base(path: str, stage: Stage, values: Scopes, own: OwnImages) -> Iterator[Practised]:
    base = values.base(stage)
    if values.parent(stage) is not None or not base.is_known or base.value == _SCRATCH:
        return
    try:
        image = parse_reference(base.value)
    except ReferenceInvalid:
        return
    record = BaseImage(
        path=path,
        stage=stage.name or str(stage.index),
        image=base.value,
        tag=image.tag,
        is_pinned=bool(image.digest),
        is_own=own.holds(image),
        fits_pattern=own.fits(image.tag),
    )
    yield practised(record, f"base:{base.value}", stage.line)


def _added(path: str, instruction: Instruction, values: Scopes) -> Iterator[Practised]:
    checksum = values.expand(instruction.flag("checksum") or "", instruction)
    for word in instruction.words[:-1]:
        source = values.expand(word, instruction).value
        if _REMOTE.match(source) is None:
            continue
        if checksum.value or not checksum.is_known:
            yield from _checksum(path, instruction, source, checksum.value if checksum.is_known else "")
        elif _REPOSITORY.match(source) is None:
            command = BuildCommand(path, "unchecked-add", PLACE, "ADD", f"ADD {source}", source)
            yield practised(command, f"unchecked-add:{source}", instruction.line)
        else:
            address, reference = _repository(source)
            if not is_fixed(reference):
                command = BuildCommand(path, "moving-source", PLACE, "ADD", address, reference)
                yield practised(command, f"moving-source:{address}", instruction.line)


def _repository(source: str) -> tuple[str, str]:
    """Return the address of a repository, and what of it is taken (``#REF``, ``?ref=REF`` and its kin)."""
    whole, _, fragment = source.partition("#")
    address, _, query = whole.partition("?")
    given = dict(pair.partition("=")[::2] for pair in query.split("&"))
    names = ("checksum", "commit", "ref", "tag", "branch")
    return address, next((given[name] for name in names if given.get(name)), fragment.partition(":")[0])


def _checksum(path: str, instruction: Instruction, source: str, checksum: str) -> Iterator[Practised]:
    algorithm, colon, digest = checksum.partition(":")
    problem = impossible(algorithm, digest) if colon and _REPOSITORY.match(source) is None else ""
    if problem:
        claim = HashClaim(path, source, algorithm, digest, problem)
        yield practised(claim, f"hash:{problem}:{source}", instruction.line)


def _variables(path: str, instruction: Instruction, values: Scopes) -> Iterator[Practised]:
    for name, written in instruction.pairs:
        value = values.expand(written or "", instruction)
        trust = of_variable(name, value.value, instruction.line)
        if trust is not None:
            yield trusted(trust, path, PLACE, program=instruction.keyword)


def _documents(path: str, instruction: Instruction) -> Iterator[Practised]:
    """Yield what here-documents trust that are copied to where apt and pip look."""
    target = instruction.words[-1] if instruction.words else ""
    for heredoc in instruction.heredocs:
        text = heredoc.content
        if target.endswith(".list"):
            found = of_sources(text, heredoc.line, counts=True)
        elif target.endswith(".sources"):
            found = _moved(of_stanzas(text), heredoc.line)
        elif target.endswith("pip.conf"):
            found = _moved(of_pip_configuration(text), heredoc.line)
        else:
            continue
        for trust in found:
            yield trusted(trust, path, PLACE, program=instruction.keyword)


def _moved(found: Iterable[Trust], line: int) -> Iterator[Trust]:
    """Yield what stands in a text whose first line is `line` of its file."""
    return (msgspec.structs.replace(each, line=each.line + line - 1) for each in found)


def merged(found: Iterable[Practised]) -> tuple[Practised, ...]:
    """Return each record once, at the first of its places and related to the others, in order of places."""
    by_record: dict[tuple[object, str], list[Practised]] = {}
    for each in sorted(found, key=_order):
        by_record.setdefault((each.practice, each.name), []).append(each)
    return tuple(sorted((_together(group) for group in by_record.values()), key=_order))


def _order(each: Practised) -> tuple[object, ...]:
    return each.location.path, each.location.line, each.name


def _together(group: Sequence[Practised]) -> Practised:
    first = group[0]
    places = dict.fromkeys(place for each in group for place in (each.location, *each.related))
    related = tuple(place for place in places if place != first.location)
    return msgspec.structs.replace(first, related=related)

"""Laws of searching text backwards: it finds what the plain pattern finds, in the same order."""

import re

from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.source.backwards import Backwards

_PIECES = st.sampled_from(
    ["a", "self", "cls", "Bc", "_d", "1", "9e", ".", " . ", "(", " (", ")", " ", "\t", "\n", '""', "é", ":"]
)
_TEXTS = st.lists(_PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())

_CALL = re.compile(rb"(?<![\w.])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,4})[ \t]*\(")
_LOCAL_CALL = re.compile(
    rb"(?<![\w.])((?:self|cls)[ \t]*\.[ \t]*)?([A-Za-z_\x80-\xff][\w\x80-\xff]*)[ \t]*\("
)
_OWNER = re.compile(rb"(?<![\w.])([A-Za-z_]\w*)\.")


class _AnyName:
    def __contains__(self, _: object) -> bool:
        return True


@given(_TEXTS)
def test_calls_are_those_that_the_plain_pattern_finds(text: bytes) -> None:
    plain = [(*found.span(), found[1].decode()) for found in _CALL.finditer(text)]

    sites = Backwards(text).calls(0, len(text), None)

    assert [(site.start, site.end, site.name) for site in sites] == plain


@given(_TEXTS)
def test_local_calls_are_those_that_the_plain_pattern_finds(text: bytes) -> None:
    plain = [
        (*found.span(), found[2].decode(errors="replace"), found[1] is not None)
        for found in _LOCAL_CALL.finditer(text)
    ]

    assert [tuple(site) for site in Backwards(text).local_calls(0, len(text), _AnyName())] == plain


@given(_TEXTS)
def test_owners_are_those_that_the_plain_pattern_finds(text: bytes) -> None:
    plain = [found.start() for found in _OWNER.finditer(text)]

    assert list(Backwards(text).owners(0, len(text), _AnyName())) == plain


@given(_TEXTS, st.data())
def test_a_stretch_that_begins_a_line_gives_the_calls_in_it(text: bytes, data: st.DataObject) -> None:
    lines = [0, *(found.end() for found in re.finditer(rb"\n", text))]
    start, end = sorted((data.draw(st.sampled_from(lines)), data.draw(st.sampled_from(lines))))

    sites = list(Backwards(text).calls(0, len(text), None))

    inside = [site for site in sites if start <= site.start and site.end <= end]
    assert list(Backwards(text).calls(start, end, None)) == inside


def test_only_names_that_are_asked_for_are_found() -> None:
    backwards = Backwards(b"load(x)\nself.load()\nhelpers.run()\nother()\nother.name\n")

    assert [site.start for site in backwards.local_calls(0, 60, {"load"})] == [0, 8]
    assert [site.name for site in backwards.calls(0, 60, {"helpers"})] == ["helpers.run"]
    assert list(backwards.owners(0, 60, {"helpers"})) == [20]

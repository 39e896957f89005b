"""Inventories of any content, as strategies."""

from hypothesis import strategies as st

from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import DiffID, ImagePath, Purl
from fleet_audit.audit.model.inventory import Component, ImportedBy, Inventory, Link, Sighting, ToolUse
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.sbom.joining import package_set_of, united, united_links
from tests.support.inventories import PILLOW, ZLIB

REFS = ("a", "b", "c#/usr/lib/x", ZLIB, PILLOW)
FEW_WORDS = st.sampled_from(["", "a", "b", "a#b", "a@1", "%23", "sha256:ab"])
"""So few that two inventories say the same of one thing, or contradict each other."""

_LAYERS = st.sampled_from([None, DiffID("sha256:11"), DiffID("sha256:22")])
_LICENCES = st.sampled_from(
    ["MIT", "MIT OR Zlib", "MIT AND (Zlib AND X11)", "GPL-2", "a\nb", "(MIT) AND", " "]
)
_LABELS = st.sampled_from(["name", "origin", "merged", "kind", "x: y"])


def components(words: st.SearchStrategy[str], text: st.SearchStrategy[str]) -> st.SearchStrategy[Component]:
    """Return components that are called by `words`, and of which `text` says the rest."""
    sightings = st.builds(
        Sighting,
        st.one_of(words, text).map(lambda name: ImagePath(f"/{name}")),
        st.sampled_from(["elf", "metadata", "binary", "new"]),
        _LAYERS,
    )
    return st.builds(
        Component,
        ref=st.sampled_from(REFS),
        name=st.one_of(words, text),
        version=words,
        purl=st.sampled_from([None, ZLIB, PILLOW, Purl("pkg:cargo/ahash@1")]),
        kind=st.sampled_from(["library", "application", "operating-system", "container", "invented"]),
        source_name=words,
        source_version=words,
        licenses=st.lists(st.one_of(text, _LICENCES), max_size=3).map(tuple),
        supplier=text,
        origin=words,
        layer=_LAYERS,
        sightings=st.lists(sightings, max_size=2).map(tuple),
        bundled_in=st.sampled_from(["", "a", "nothing", PILLOW]),
        found_by=st.lists(st.sampled_from(["syft", "fleet-audit"]), max_size=2).map(tuple),
        hashes=st.sampled_from(
            [{}, {"sha256": "ab" * 32}, {"sha256": "cd" * 32, "md5": "ab" * 16}, {"odd": "x"}]
        ),
        properties=st.lists(st.tuples(st.one_of(_LABELS, text), text), max_size=2).map(tuple),
    )


def links(text: st.SearchStrategy[str]) -> st.SearchStrategy[Link]:
    """Return links between any two components, or to none."""
    return st.builds(
        Link,
        st.sampled_from(REFS),
        st.sampled_from(REFS),
        st.sampled_from(["depends", "needs", "imports", "bundles", "contains"]),
        st.lists(text, max_size=2).map(tuple),
    )


@st.composite
def inventories(
    draw: st.DrawFn, words: st.SearchStrategy[str], text: st.SearchStrategy[str], *, most: int
) -> Inventory:
    """Return an inventory of at most so many components."""
    found = united(draw(st.lists(components(words, text), max_size=most)))
    refs = [component.ref for component in found]
    lines = draw(st.lists(st.builds(SourceLocation, text, st.integers(0, 9)), max_size=2))
    gaps = draw(st.lists(st.builds(Gap, words, st.sampled_from(GapKind), words, words), max_size=2))
    return Inventory(
        subject=Component(ref="image", name=draw(words), kind="container", version=draw(words)),
        components=found,
        links=united_links(draw(st.lists(links(text), max_size=8)), refs),
        imported=tuple(ImportedBy(draw(words), ref, line) for ref, line in zip(refs, lines, strict=False)),
        package_set=package_set_of(found),
        tools=(ToolUse("syft", draw(words)),),
        gaps=tuple(gaps),
    )

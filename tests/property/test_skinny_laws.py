import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.scanned import is_scanned
from fleet_audit.audit.images.skinny import write_image
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable
from fleet_audit.audit.model.identity import ROOT, ImagePath
from tests.support.images import FOLDER, OPAQUE, WHITEOUT, Content, Hard, image
from tests.support.trees import Link

NAMES = st.sampled_from(["a", "b", "lib", "package.json", "METADATA", "x.dist-info"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS: st.SearchStrategy[Content] = st.one_of(
    st.text("xyz", max_size=4),
    PATHS.map(Link),
    PATHS.map(lambda path: Link(f"/{path}")),
    PATHS.map(Hard),
    st.just(FOLDER),
)
ENTRIES: st.SearchStrategy[tuple[str, Content]] = st.one_of(
    st.tuples(PATHS, CONTENTS),
    PATHS.map(lambda path: (f"{path}/{OPAQUE}", "")),
    st.tuples(PATHS, NAMES).map(lambda pair: (f"{pair[0]}/{WHITEOUT}{pair[1]}", "")),
)
LAYERS = st.lists(st.lists(ENTRIES, max_size=6), min_size=1, max_size=4)


def seen(tree: FileTree, folder: ImagePath = ROOT) -> dict[ImagePath, tuple[FileKind, str, int, ImagePath]]:
    found = {}
    for name, entry in tree.listing(folder).items():
        path = ImagePath(f"{folder.rstrip('/')}/{name}")
        found[path] = entry.kind, entry.link, entry.layer, entry.origin
        if entry.kind is FileKind.FOLDER:
            found |= seen(tree, path)
    return found


def body(tree: FileTree, path: ImagePath) -> bytes | None:
    try:
        return tree.read(path)
    except FileUnreadable:
        return None


@settings(max_examples=150, deadline=None)
@given(LAYERS)
def test_a_skinny_image_has_the_same_tree_and_the_same_bodies_where_scanners_look(
    layers: Sequence[Sequence[tuple[str, Content]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ref = image(*layers).write(Path(folder) / "image", compression="none")
        skinny = Path(folder) / "skinny"
        with open_image(ref) as whole, skinny.open("w+b") as out:
            written = write_image(whole, out)
            out.flush()
            with open_image(f"docker-archive:{skinny}") as made:
                assert seen(made.tree) == seen(whole.tree)
                told = {gap.what for gap in written.gaps}
                different: Mapping[ImagePath, object] = {
                    path: (body(whole.tree, path), body(made.tree, path))
                    for path, facts in seen(whole.tree).items()
                    if facts[0] is FileKind.FILE
                    and is_scanned(path)
                    and path not in told
                    and body(whole.tree, path) != body(made.tree, path)
                }
                assert different == {}

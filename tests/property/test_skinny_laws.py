import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.scanned import is_scanned
from fleet_audit.audit.images.skinny import write_image
from fleet_audit.audit.images.squashed import write_squashed
from fleet_audit.audit.images.tree import FileKind, FileTree
from fleet_audit.audit.model.identity import ROOT, ImagePath
from tests.support.images import FOLDER, OPAQUE, WHITEOUT, Content, Hard, image
from tests.support.laws import examples
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


def standing(tree: FileTree, folder: ImagePath = ROOT) -> dict[ImagePath, object]:
    """Return folders and links, and files that scanners look at, each with where its body is from."""
    found: dict[ImagePath, object] = {}
    for name, entry in tree.listing(folder).items():
        path = ImagePath(f"{folder.rstrip('/')}/{name}")
        if entry.kind is FileKind.FOLDER:
            found |= standing(tree, path)
        if entry.kind is not FileKind.FILE or is_scanned(path):
            found[path] = entry.kind, entry.link, entry.layer, entry.origin
    return found


def bodies(tree: FileTree) -> dict[ImagePath, bytes]:
    return {path: tree.read(path) for path, _ in tree.files() if is_scanned(path)}


def bodies_by_link(tree: FileTree) -> dict[ImagePath, bytes]:
    """Return the files that symlinks lead to whose names scanners look at."""
    links = [path for path in standing(tree) if is_scanned(path)]
    targets = {tree.realpath(path) for path in links}
    return {path: tree.read(path) for path, _ in tree.files() if path in targets}


@examples(100)
@given(LAYERS)
@example([[("a/a", ""), ("a", "")]])
@example([[("a/a", "")], [("a", "")]])
def test_a_skinny_image_has_the_same_tree_and_the_same_bodies_where_scanners_look(
    layers: Sequence[Sequence[tuple[str, Content]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ref = image(*layers).write(Path(folder) / "image", compression="none")
        skinny = Path(folder) / "skinny"
        with open_image(ref) as whole, skinny.open("w+b") as out:
            told = {gap.what for gap in write_image(whole, out).gaps}
            out.flush()
            with open_image(f"docker-archive:{skinny}") as made:
                assert standing(made.tree) == standing(whole.tree)
                theirs, ours = bodies(whole.tree), bodies(made.tree)
                assert {path for path in theirs if ours.get(path) != theirs[path]} <= told


@examples(100)
@given(LAYERS)
def test_a_squashed_image_has_the_bodies_where_scanners_look_and_no_others(
    layers: Sequence[Sequence[tuple[str, Content]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ref = image(*layers).write(Path(folder) / "image", compression="none")
        squashed = Path(folder) / "squashed"
        with open_image(ref) as whole, squashed.open("w+b") as out:
            told = {gap.what for gap in write_squashed(whole, out)}
            out.flush()
            with open_image(f"docker-archive:{squashed}") as made:
                theirs = bodies(whole.tree) | bodies_by_link(whole.tree)
                ours = {path: made.tree.read(path) for path, _ in made.tree.files()}
                linked = {entry.origin for path, entry in whole.tree.files() if path in theirs}
                assert theirs.keys() <= ours.keys() <= theirs.keys() | linked
                assert {path for path in theirs if ours[path] != theirs[path]} <= told

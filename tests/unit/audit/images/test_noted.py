"""What a tree answered holds for another tree that gives the same answers, and for no other."""

from collections.abc import Callable

import pytest

from fleet_audit.audit.images.noted import NotedTree, Notes
from fleet_audit.audit.images.tree import DEFAULT_READ_LIMIT, Entry, FileKind, FileUnreadable, MemoryTree
from fleet_audit.audit.model.identity import ROOT, ImagePath
from tests.support.trees import FOLDER, Link, tree

FILES = {"/a/one.py": "1", "/a/sub/two.py": "2", "/link": Link("a"), "/other": "3"}


def noted(found: MemoryTree) -> NotedTree:
    """Ask a tree one question of each sort."""
    asked = NotedTree(found)
    asked.entry(ImagePath("/a/one.py"))
    asked.realpath(ImagePath("/link/one.py"))
    asked.listing(ImagePath("/a"))
    asked.read(ImagePath("/link/one.py"))
    return asked


def notes_of(asked: NotedTree) -> Notes:
    notes = asked.notes()
    assert notes is not None
    return notes


@pytest.mark.parametrize("path", ["/a", "/a/one.py", "/link", "/gone"])
def test_the_tree_itself_answers(path: str) -> None:
    found, at = tree(FILES), ImagePath(path)
    asked = NotedTree(found)
    plain, shown = found.entry(at), asked.entry(at)
    assert (shown and shown.kind) == (plain and plain.kind)
    assert asked.realpath(at) == found.realpath(at)
    assert {n: e.kind for n, e in asked.listing(at).items()} == {
        n: e.kind for n, e in found.listing(at).items()
    }
    assert [p for p, _ in asked.files(at)] == [p for p, _ in found.files(at)]


def test_of_an_entry_nothing_is_told_that_is_not_noted() -> None:
    asked = NotedTree(tree(FILES))
    assert asked.entry(ImagePath("/a/one.py")) == Entry(FileKind.FILE)
    assert asked.listing(ImagePath("/a"))["one.py"] == Entry(FileKind.FILE)


def test_notes_hold_for_an_equal_tree() -> None:
    assert notes_of(noted(tree(FILES))).hold_for(tree(FILES))


@pytest.mark.parametrize(
    "changed",
    [
        {"/a/one.py": "other"},
        {"/a/one.py": FOLDER},
        {"/a/new.py": ""},
        {"/a/sub": "a file"},
        {"/link": Link("nowhere")},
        {"/link": Link("other")},
    ],
)
def test_notes_do_not_hold_where_an_answer_is_another(changed: dict[str, str | Link | None]) -> None:
    kept = {path: body for path, body in FILES.items() if not any(path.startswith(p) for p in changed)}
    assert not notes_of(noted(tree(FILES))).hold_for(tree({**kept, **changed}))


def test_what_was_not_asked_for_may_change() -> None:
    changed = {**FILES, "/other": "4", "/a/sub/two.py": "22", "/new": ""}
    assert notes_of(noted(tree(FILES))).hold_for(tree(changed))


def test_files_below_a_folder_are_a_question_to_each_folder() -> None:
    asked = NotedTree(tree(FILES))
    assert [path for path, _ in asked.files(ImagePath("/a"))] == ["/a/one.py", "/a/sub/two.py"]
    notes = notes_of(asked)
    assert notes.hold_for(tree({**FILES, "/a/one.py": "other"}))
    assert not notes.hold_for(tree({**FILES, "/a/sub/three.py": ""}))


def test_why_a_file_cannot_be_read_is_an_answer_too() -> None:
    asked = NotedTree(tree(FILES))
    for path, limit in (("/gone", DEFAULT_READ_LIMIT), ("/other", 0)):
        with pytest.raises(FileUnreadable):
            asked.read(ImagePath(path), limit=limit)
    notes = notes_of(asked)
    assert notes.hold_for(tree(FILES))
    assert not notes.hold_for(tree({**FILES, "/gone": ""}))
    assert not notes.hold_for(tree({**FILES, "/other": ""}))


def test_an_empty_file_is_not_taken_for_one_that_is_gone() -> None:
    asked = NotedTree(tree({"/a": ""}))
    asked.read(ImagePath("/a"))
    assert not notes_of(asked).hold_for(tree({}))


def test_a_tree_that_changes_while_it_is_looked_at_leaves_no_notes() -> None:
    bodies = iter([b"first", b"second"])
    changing = MemoryTree({ROOT: {"a": Entry(FileKind.FILE, size=5)}}, lambda _: next(bodies))
    asked = NotedTree(changing)
    asked.read(ImagePath("/a"))
    assert asked.notes() is not None
    asked.read(ImagePath("/a"))
    assert asked.notes() is None


@pytest.mark.parametrize(
    ("ask", "other"),
    [
        (lambda asked: asked.entry(ImagePath("/a/one.py")), {**FILES, "/a/one.py": FOLDER}),
        (lambda asked: asked.entry(ImagePath("/gone")), {**FILES, "/gone": ""}),
        (lambda asked: asked.realpath(ImagePath("/link")), {**FILES, "/link": Link("a/sub")}),
        (lambda asked: asked.realpath(ImagePath("/gone")), {**FILES, "/gone": ""}),
        (lambda asked: asked.listing(ImagePath("/gone")), {**FILES, "/gone/one.py": ""}),
        (lambda asked: asked.read(ImagePath("/other")), {**FILES, "/other": "4"}),
    ],
)
def test_each_question_alone_tells_trees_apart(
    ask: Callable[[NotedTree], object], other: dict[str, str | Link | None]
) -> None:
    asked = NotedTree(tree(FILES))
    ask(asked)
    notes = notes_of(asked)
    assert notes.hold_for(tree(FILES))
    assert not notes.hold_for(tree(other))

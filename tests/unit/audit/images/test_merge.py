"""What stands where when layers are laid over one another."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.tree import FileUnreadable
from fleet_audit.audit.model.identity import ImagePath
from tests.support.images import FOLDER, Content, Hard, image
from tests.support.trees import Link

Layer = Mapping[str, Content] | Sequence[tuple[str, Content]]


def files(tmp_path: Path, *layers: Layer) -> dict[str, str]:
    """Return every regular file of the merged image with its body."""
    with open_image(image(*layers).write(tmp_path / "image")) as opened:
        assert opened.gaps == ()
        return {path: opened.tree.read(path).decode() for path, _ in opened.tree.files()}


def test_a_whiteout_hides_what_lies_below(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": "1", "d/b": "2"}, {".wh.a": "", ".wh.d": ""}) == {}


def test_a_whiteout_leaves_its_own_layer_alone_whatever_the_order(tmp_path: Path) -> None:
    lower: Layer = {"a": "1", "b": "1"}

    assert files(tmp_path, lower, [("a", "2"), (".wh.a", ""), (".wh.b", ""), ("b", "2")]) == {
        "/a": "2",
        "/b": "2",
    }


def test_an_opaque_folder_hides_the_lower_siblings_and_keeps_its_own(tmp_path: Path) -> None:
    lower: Layer = {"d/old": "1", "d/s/old": "1", "e": "1"}

    assert files(tmp_path, lower, [("d/new", "2"), ("d/.wh..wh..opq", ""), ("d/s/new", "2")]) == {
        "/d/new": "2",
        "/d/s/new": "2",
        "/e": "1",
    }


def test_an_opaque_root_hides_everything_below(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": "1"}, {".wh..wh..opq": "", "b": "2"}) == {"/b": "2"}


def test_a_whiteout_of_nothing_hides_nothing(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": "1"}, {".wh.b": "", "x/.wh.y": ""}) == {"/a": "1"}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", ".wh..wh.plnk", ".wh..wh..wh.a"])
def test_what_only_looks_like_a_whiteout_hides_nothing(tmp_path: Path, name: str) -> None:
    assert files(tmp_path, {"d/a": "1"}, {f"d/{name}": ""}) == {"/d/a": "1"}


def test_a_whiteout_reaches_through_a_link_of_its_folder(tmp_path: Path) -> None:
    assert files(tmp_path, {"usr/lib/a": "1", "lib": Link("usr/lib")}, {"lib/.wh.a": ""}) == {}


def test_a_file_replaces_a_folder_and_what_was_in_it(tmp_path: Path) -> None:
    assert files(tmp_path, {"d/a": "1", "d/s/b": "1"}, {"d": "2"}) == {"/d": "2"}


def test_a_folder_replaces_a_file(tmp_path: Path) -> None:
    assert files(tmp_path, {"d": "1"}, {"d": FOLDER, "d/a": "2"}) == {"/d/a": "2"}
    assert files(tmp_path / "implied", {"d": "1"}, {"d/a": "2"}) == {"/d/a": "2"}


def test_a_folder_over_a_folder_keeps_what_is_in_it(tmp_path: Path) -> None:
    assert files(tmp_path, {"d/a": "1"}, {"d": FOLDER}) == {"/d/a": "1"}


def test_a_folder_over_a_link_replaces_the_link(tmp_path: Path) -> None:
    lower: Layer = {"usr/lib/a": "1", "lib": Link("usr/lib")}

    assert files(tmp_path, lower, {"lib": FOLDER, "lib/b": "2"}) == {"/usr/lib/a": "1", "/lib/b": "2"}


def test_a_name_whose_folder_is_a_link_lands_where_the_link_leads(tmp_path: Path) -> None:
    lower: Layer = {"usr/lib/a": "1", "lib": Link("/usr/lib")}

    assert files(tmp_path, lower, {"lib/b": "2", "lib/a": "3"}) == {"/usr/lib/a": "3", "/usr/lib/b": "2"}


def test_a_name_through_a_link_to_nothing_makes_the_links_target(tmp_path: Path) -> None:
    assert files(tmp_path, {"run": Link("var/run")}, {"run/a": "1"}) == {"/var/run/a": "1"}


def test_a_name_through_links_in_a_circle_still_ends_somewhere(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": Link("b"), "b": Link("a")}, {"a/x": "1"}) in (
        {"/a/x": "1"},
        {"/b/x": "1"},
    )


def test_the_last_of_two_entries_with_one_name_wins(tmp_path: Path) -> None:
    assert files(tmp_path, [("a", "first"), ("a", "last!")]) == {"/a": "last!"}


@pytest.mark.parametrize("name", ["../../a", "/a", "./a", "x/../../a", "//a", "./../a/."])
def test_names_are_stopped_at_the_root(tmp_path: Path, name: str) -> None:
    assert files(tmp_path, {name: "1"}) == {"/a": "1"}


def test_a_hard_link_is_the_file_that_it_names(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": "1", "b": Hard("a"), "c": Hard("/../b")}) == {
        "/a": "1",
        "/b": "1",
        "/c": "1",
    }


def test_a_hard_link_may_name_a_file_of_a_lower_layer(tmp_path: Path) -> None:
    assert files(tmp_path, {"usr/a": "1", "l": Link("usr")}, {"b": Hard("l/a"), ".wh.x": ""}) == {
        "/b": "1",
        "/usr/a": "1",
    }


def test_a_hard_link_keeps_its_file_when_the_name_is_hidden_above(tmp_path: Path) -> None:
    assert files(tmp_path, {"a": "1", "b": Hard("a")}, {".wh.a": ""}) == {"/b": "1"}


def test_a_hard_link_to_nothing_is_a_gap_and_no_file(tmp_path: Path) -> None:
    with open_image(image({"a": Hard("gone"), "b": "1"}).write(tmp_path / "image")) as opened:
        assert [(gap.what, gap.why) for gap in opened.gaps] == [("/a", "is a hard link to nothing")]
        assert [path for path, _ in opened.tree.files()] == ["/b"]


def test_a_link_that_leads_out_stays_inside_and_one_in_a_circle_leads_nowhere(tmp_path: Path) -> None:
    world = image({"out": Link("../../../etc/hostname"), "etc/hostname": "inside", "loop": Link("loop")})

    with open_image(world.write(tmp_path / "image")) as opened:
        assert opened.tree.read(ImagePath("/out")) == b"inside"
        assert opened.tree.realpath(ImagePath("/loop")) is None
        with pytest.raises(FileUnreadable, match="no such file in the image"):
            opened.tree.read(ImagePath("/loop"))


def test_a_layer_that_occurs_twice_is_read_once(tmp_path: Path) -> None:
    with open_image(image({"a": "1"}, {".wh.a": ""}, {"a": "1"}).write(tmp_path / "image")) as opened:
        assert opened.statistics.layers_read == 2
        assert opened.tree.read(ImagePath("/a")) == b"1"


def test_the_layer_of_a_file_is_the_one_that_holds_its_body(tmp_path: Path) -> None:
    world = image({"a": "1"}, {"b": Hard("a"), "c": "2"})

    with open_image(world.write(tmp_path / "image")) as opened:
        layers = opened.identity.layers
        assert opened.layer_of(ImagePath("/b")) == layers[0]
        assert opened.layer_of(ImagePath("/c")) == layers[1]
        assert opened.layer_of(ImagePath("/nothing")) is None


def test_the_first_layer_of_a_file_stays_its_first_when_it_is_written_again(tmp_path: Path) -> None:
    world = image(
        {"info/a": "1", "info/b": "1", "info/c": "1", "other": "1"},
        {"info/a": "2", "info/d": "1", "info/.wh.b": ""},
        {"info/b": "3", "information": "1"},
    )

    with open_image(world.write(tmp_path / "image")) as opened:
        layers = opened.identity.layers
        assert opened.first_layers(ImagePath("/info")) == {
            "/info/a": layers[0],
            "/info/b": layers[2],
            "/info/c": layers[0],
            "/info/d": layers[1],
        }


def test_a_folder_that_a_layer_makes_anew_has_only_later_layers(tmp_path: Path) -> None:
    world = image({"info/a": "1", "info/b": "1"}, {"info/.wh..wh..opq": "", "info/a": "2"})

    with open_image(world.write(tmp_path / "image")) as opened:
        assert opened.first_layers(ImagePath("/info")) == {"/info/a": opened.identity.layers[1]}

"""Who imports a module or a distribution, and why nobody does."""

import pytest

from tests.support.worlds import FAMILY, SERVICE, World, installed, opencv

APP = """\
import cv2

try:
    import fast
except ImportError:
    fast = None


def later():
    import helper
"""


@pytest.fixture
def fleet(world: World) -> World:
    six = installed("six", {"six.py": ""}, version="1.16.0")
    other = installed("dateutil", {"dateutil.py": "import six\n"}, extra="Requires-Dist: six\n")
    world.file("services/face/helper.py", "import cv2\n")
    world.file("services/face/requirements.txt", "opencv-python\nsix\n")
    world.file("services/face/old.py", "import six\n")
    world.family(FAMILY, opencv(), six, other)
    return world.service(SERVICE, APP, requirements=["services/face/requirements.txt"])


def said(world: World, question: str) -> str:
    code, out, err = world.say("explain", question)
    assert code == 0, err
    return " ".join(out.split())


def test_a_module_names_everyone_who_imports_it_with_the_line(fleet: World) -> None:
    out = said(fleet, "module:cv2")

    assert "imports module:cv2 services/face/app.py:1" in out
    assert "module:services.face.helper imports services/face/helper.py:1" in out


def test_an_own_module_is_found_by_the_name_that_it_is_imported_by(fleet: World) -> None:
    out = said(fleet, "module:helper")

    assert "module:services.face.helper" in out
    assert "services/face/app.py:10 only once it is called" in out


def test_a_module_that_nobody_provides_says_so_with_the_line_that_does_without_it(fleet: World) -> None:
    out = said(fleet, "module:fast")

    assert "missing nobody provides it for face" in out
    assert "services/face/app.py:4 and does without it" in out


def test_a_distribution_names_the_lines_that_ask_for_it(fleet: World) -> None:
    out = said(fleet, "dist:OpenCV_Python")

    assert "asked for services/face/requirements.txt:1 of face" in out
    assert "service:face" in out


def test_a_distribution_that_nothing_reaches_says_why_it_is_there(fleet: World) -> None:
    out = said(fleet, "dist:six")

    assert "installed 1.16.0" in out
    assert f"brought by family:{FAMILY}" in out
    assert "required by dateutil" in out
    assert "asked for services/face/requirements.txt:2 of face" in out
    assert "No service leads to dist:six." in out


def test_a_module_that_nothing_reaches_says_where_it_is(fleet: World) -> None:
    out = said(fleet, "module:six")

    assert "in the image" in out
    assert "distribution six 1.16.0" in out
    assert "reached by no service" in out


def test_an_own_file_that_nothing_reaches_is_found_in_the_repository(fleet: World) -> None:
    assert "in the repository services/face/old.py" in said(fleet, "module:old")


def test_a_bare_name_of_an_unreached_module_and_distribution_lists_both(fleet: World) -> None:
    out = said(fleet, "six")

    assert "fleet-audit explain module:six" in out
    assert "fleet-audit explain dist:six" in out


def test_an_own_module_that_does_not_parse_says_at_which_line(world: World) -> None:
    world.file("services/face/helper.py", "import cv2\n\ndef broken(:\n").family(FAMILY, opencv())
    world.service(SERVICE, "import helper\n")

    out = said(world, "module:helper")

    assert "does not parse services/face/helper.py:3" in out
    assert "no parser reads its lines 3" in out


def test_a_step_that_rests_on_a_damaged_line_says_so_and_those_beside_it_do_not(world: World) -> None:
    world.family(FAMILY, opencv())
    world.service(SERVICE, "import cv2\n\ndef f(): import json, (\n")

    assert "only once it is called read from a line that does not parse" in said(world, "module:json")
    assert "a line that does not parse" not in said(world, "module:cv2")


def test_a_name_that_nobody_knows_comes_with_those_like_it(fleet: World) -> None:
    code, out, err = fleet.say("explain", "dist:opencv-pyhton")

    assert (code, out) == (2, "")
    assert "did you mean dist:opencv-python?" in err

"""The chain behind one thing, for every kind of thing."""

import pytest

from tests.support.worlds import APP, FAMILY, SERVICE, World, opencv


@pytest.fixture
def fleet(world: World) -> World:
    """Give a service that reaches a missing library, a missing program and a missing module."""
    app = "import subprocess\nimport cv2\nimport nobody\nsubprocess.run(['ffmpeg'], check=True)\n"
    world.family(FAMILY, opencv("libGL.so.1")).service(SERVICE, app)
    return world.family("web").service("hub", "import json\n", family="web")


CHAINS = {
    "so:libGL.so.1": f"{APP}:2",
    "soname:libGL.so.1": f"{APP}:2",
    "bin:ffmpeg": f"{APP}:4",
    "program:ffmpeg": f"{APP}:4",
    "dist:opencv-python": f"{APP}:2",
    "dist:nobody": f"{APP}:3",
    "module:cv2": f"{APP}:2",
    "file:/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so": f"{APP}:2",
    "libGL.so.1": f"{APP}:2",
}


@pytest.mark.parametrize("question", CHAINS)
def test_the_chain_begins_at_the_services_line(fleet: World, question: str) -> None:
    answer = fleet.run("explain", question, "-o", "text")

    assert answer.code == 0
    (chain,) = answer.document["chains"]
    assert chain["start"] == f"service:{SERVICE}"
    places = [step["location"] for step in chain["steps"] if step["location"]]
    path, _, line = CHAINS[question].rpartition(":")
    assert {"path": path, "line": int(line)} in places
    assert CHAINS[question] in answer.out


def test_what_is_missing_comes_with_what_is_proposed_for_it(fleet: World) -> None:
    facts = {fact["label"]: fact["text"] for fact in fleet.run("explain", "so:libGL.so.1").document["facts"]}

    assert facts["status"] == "missing, required"
    assert facts["proposed"].startswith("libgl1=1.6.0-1")
    assert "/usr/lib" in facts["searched"]


def test_a_service_leads_to_what_it_imports(fleet: World) -> None:
    answer = fleet.run("explain", f"service:{SERVICE}")

    assert answer.code == 0
    assert {edge["target"] for edge in answer.document["leaving"]} >= {"dist:opencv-python", "dist:nobody"}


def test_a_bare_name_that_means_several_things_lists_them(world: World) -> None:
    world.family(FAMILY, opencv()).service("cv2", "import cv2\n")

    answer = world.run("explain", "cv2", "-o", "text")

    assert answer.code == 0
    assert answer.document["node"] is None
    assert answer.document["candidates"] == ["module:cv2", "service:cv2"]
    assert all(name in answer.out for name in ("service:cv2", "module:cv2"))


def test_a_rule_says_what_it_denies_and_why(world: World) -> None:
    answer = world.run("explain", "rule:FA-NEED-001", "-o", "text")

    assert answer.code == 0
    facts = {fact["label"]: fact["text"] for fact in answer.document["facts"]}
    assert facts["title"] == "A required library is missing"
    assert {"denies where", "because", "severity"} <= facts.keys()
    assert "A required library is missing" in answer.out


@pytest.mark.parametrize(
    "question", ["so:libnever.so.1", "never", "rule:FA-NONE-001", "module:nowhere", "file:/x"]
)
def test_what_no_evidence_speaks_of_is_2_and_one_sentence(fleet: World, question: str) -> None:
    code, out, err = fleet.say("explain", question)

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"no evidence speaks of {question}" in err


def test_where_not_everything_could_be_seen_it_is_3(fleet: World) -> None:
    fleet.family("unbuilt", image="oci:images/unbuilt").service("dim", family="unbuilt")

    code, _, err = fleet.say("explain", "so:libnever.so.1")

    assert code == 3
    assert "not everything could be examined" in err


@pytest.mark.parametrize("question", ["nonsense:x", "so:", ":", "", ":x"])
def test_a_question_that_is_none_is_refused(fleet: World, question: str) -> None:
    code, out, err = fleet.say("explain", question)

    assert (code, out, err.count("\n")) == (2, "", 1), err


def test_the_family_and_the_image_choose_where_to_look(fleet: World) -> None:
    other = fleet.image("images/other", opencv())

    assert fleet.say("explain", "so:libGL.so.1", "--family", "web")[0] == 2
    assert fleet.say("explain", "so:libGL.so.1", "--family", FAMILY)[0] == 0
    assert fleet.say("explain", "so:libGL.so.1", "--family", FAMILY, "--image", other)[0] == 2
    assert fleet.say("explain", "so:libc.so.6", "--image", other)[0] == 0
    assert fleet.say("explain", "so:libGL.so.1", "--family", "nowhere")[0] == 2


@pytest.mark.parametrize("package", ["libgl1", "libglvnd0"])
def test_a_package_that_is_proposed_leads_back_to_the_line_that_needs_it(fleet: World, package: str) -> None:
    answer = fleet.run("explain", f"package:{package}", "-o", "text")

    assert answer.code == 0
    assert any(fact["label"] == "proposed" for fact in answer.document["facts"])
    (chain,) = answer.document["chains"]
    assert [step["target"] for step in chain["steps"]][-1] == f"package:{package}"
    assert f"{APP}:2" in answer.out

"""What is audited: families, services, aliases, images, with and without a manifest."""

import pytest

from tests.support.worlds import FAMILY, World, opencv

MISSING_GL = opencv("libGL.so.1")


@pytest.fixture
def fleet(world: World) -> World:
    """Give a fleet of a GPU family, another family, and one without services."""
    world.family(FAMILY, MISSING_GL, gpu=True, aliases=["eyes"]).service("face", "import cv2\n")
    world.service("registry", "import json\n").family("web").service("hub", "import json\n", family="web")
    return world.family("empty", gpu=True)


@pytest.mark.parametrize("name", [FAMILY, "eyes"])
def test_a_family_is_named_by_its_name_or_alias(fleet: World, name: str) -> None:
    answer = fleet.run("deps", name)

    assert (answer.code, answer.document["family"]) == (1, FAMILY)
    assert answer.document["services"] == ["face", "registry"]


def test_a_service_is_audited_alone_on_its_familys_image(fleet: World) -> None:
    answer = fleet.run("deps", "registry")

    assert (answer.code, answer.document["subject"]) == (0, "registry")
    assert (answer.document["family"], answer.document["services"]) == (FAMILY, ["registry"])


def test_gpu_means_the_gpu_families_that_have_services(fleet: World) -> None:
    answer = fleet.run("deps", "--gpu")

    assert (answer.code, answer.document["subject"]) == (1, FAMILY)


def test_all_means_every_family_that_has_services_in_one_document(fleet: World) -> None:
    answer = fleet.run("deps", "--all")

    assert answer.code == 1
    assert [d["subject"] for d in answer.document["subjects"]] == [FAMILY, "web"]
    assert [d["verdict"] for d in answer.document["subjects"]] == ["fail", "pass"]
    assert answer.document["verdict"] == "fail"


def test_several_names_stand_in_their_order(fleet: World) -> None:
    answer = fleet.run("deps", "web", "face")

    assert [d["subject"] for d in answer.document["subjects"]] == ["web", "face"]


def test_a_family_without_services_is_answered_by_a_note(fleet: World) -> None:
    answer = fleet.run("deps", "empty", "-o", "text")

    assert (answer.code, answer.document["verdict"]) == (0, "pass")
    assert answer.document["notes"] == ["empty has no services, so nothing is needed from its image"]
    assert "has no services" in answer.out


def test_an_image_takes_the_place_of_the_manifests(fleet: World) -> None:
    other = fleet.image("images/other", opencv())

    answer = fleet.run("deps", FAMILY, "--image", other)

    assert answer.code == 0
    assert answer.document["image"]["ref"] == other


def test_a_services_own_image_comes_before_its_familys(fleet: World) -> None:
    fleet.service("own", "import cv2\n", image=fleet.image("images/own", opencv()))

    answer = fleet.run("deps", "own")

    assert answer.code == 0
    assert answer.document["image"]["ref"].endswith("images/own")


def test_the_manifest_is_found_upwards_from_here(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fleet.folder / "services" / "face")

    assert fleet.run("deps", "web").code == 0


def test_an_image_and_its_source_need_no_manifest(world: World) -> None:
    image = world.image("images/x", MISSING_GL)
    world.file("code/app.py", "import helper\n").file("code/helper.py", "import cv2\n")

    answer = world.run("deps", image, "--source", "code", "--entry", "app.py")

    assert (answer.code, answer.document["services"]) == (1, ["code"])
    (reached,) = answer.needs["libGL.so.1"]["reached_from"]
    assert (reached["path"], reached["line"]) == ("helper.py", 1)


def test_with_an_entry_only_what_it_reaches_counts(world: World) -> None:
    image = world.image("images/x", MISSING_GL)
    world.file("code/app.py", "import json\n").file("code/other.py", "import cv2\n")

    assert world.run("deps", image, "--source", "code", "--entry", "app.py").code == 0
    assert world.run("deps", image, "--source", "code").code == 1


def test_without_source_every_extension_module_counts_and_the_report_says_so(world: World) -> None:
    answer = world.run("deps", world.image("images/x", MISSING_GL), "-o", "text")

    assert answer.code == 1
    assert answer.needs["libGL.so.1"]["status"] == "missing"
    assert answer.document["notes"][0].startswith("no services given")
    assert "no services given" in answer.out
    assert answer.roots == ["libgl1"]


@pytest.mark.parametrize("form", ["oci", "oci-archive", "docker-archive"])
@pytest.mark.parametrize("has_transport", [True, False])
def test_every_form_of_an_image_gives_the_same_needs(world: World, form: str, *, has_transport: bool) -> None:
    world.file("code/app.py", "import cv2\n")
    image = world.image("images/x", MISSING_GL, form=form)  # type: ignore[arg-type]  # a parameter is a str

    ref = image if has_transport else image.partition(":")[2]
    answer = world.run("deps", ref, "--source", "code")

    assert (answer.code, answer.roots) == (1, ["libgl1"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name a family, a service or an image, or give --gpu or --all"),
        (["--gpu", "--all"], "--gpu and --all contradict each other"),
        (["--all", FAMILY], "leave out names"),
        (["visoin"], "did you mean vision"),
        (["--image", "x", FAMILY, "web"], "name only one"),
        (["oci:a", "oci:b", "--source", "services"], "--source goes with exactly one image"),
        (["oci:images/vision", "--entry", "app.py"], "--entry needs --source"),
        (["oci:images/vision", "--source", "nowhere"], "nowhere: does not exist"),
        (["oci:images/vision", "--source", "services/face", "--entry", "x.py"], "no such file"),
        (["oci:images/none"], "oci:images/none: there is no such file or folder"),
        (["oci:images/vision:9"], "images/vision"),
        (["./nowhere"], "there is no such file or folder"),
        (["registry:debian"], "names no registry; it is written registry:HOST"),
        (["vision", "--platform", "linux"], "--platform"),
        (["vision", "-o", "yaml"], "'yaml' is not one of text, json, markdown, sarif"),
        (["vision", "-f", "other.yaml"], "other.yaml"),
        (["vision", "--tier", "bad"], "--tier"),
        (["vision", "--entry", "app.py"], "--entry"),
        (["web", "--source", "services/face"], "web"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence_and_2(
    fleet: World, words: list[str], sentence: str
) -> None:
    code, out, err = fleet.say("deps", *words)

    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_without_a_manifest_a_name_says_how_to_give_one(world: World) -> None:
    code, _, err = world.say("deps", FAMILY)

    assert code == 2
    assert "there is no fleet.yaml here or above; pass -f FILE" in err


def test_a_service_in_a_family_by_its_alias_is_audited_with_it(fleet: World) -> None:
    fleet.service("late", "import cv2\n", family="eyes")

    assert "late" in fleet.run("deps", FAMILY).document["services"]


def test_two_services_of_one_family_may_be_named_together(fleet: World) -> None:
    answer = fleet.run("deps", "face", "registry")

    assert [(d["subject"], d["verdict"]) for d in answer.document["subjects"]] == [
        ("face", "fail"),
        ("registry", "pass"),
    ]


def test_what_the_manifest_has_comes_before_a_folder_of_the_same_name(fleet: World) -> None:
    fleet.file("vision/readme").file("face/readme").file("web/x.py", "import nobody\n")

    assert fleet.run("deps", "face").document["family"] == FAMILY
    assert [s["name"] for s in fleet.run("imports", "face").document["services"]] == ["face"]
    assert fleet.say("deps", "./vision")[0] == 2
    assert [s["name"] for s in fleet.run("imports", "./web").document["services"]] == ["web"]


def test_paths_of_the_manifest_are_relative_to_it_and_not_to_here(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.service("own", "import cv2\n", image=fleet.image("images/own", opencv()))
    monkeypatch.chdir(fleet.folder.parent)

    assert fleet.run("deps", "own", "-f", "fleet/fleet.yaml").code == 0
    assert fleet.run("deps", FAMILY, "-f", "fleet/fleet.yaml").code == 1


def test_an_image_that_the_user_names_and_that_is_not_there_is_an_error_and_no_gap(fleet: World) -> None:
    code, out, err = fleet.say("deps", FAMILY, "--image", "oci:images/unbuilt")

    assert (code, out) == (2, "")
    assert "there is no such file or folder" in err


def test_an_image_that_cannot_be_opened_keeps_no_other_family_waiting(fleet: World) -> None:
    (fleet.folder / "images" / "web" / "index.json").write_text("{")

    answer = fleet.run("deps", "--all")

    assert [d["verdict"] for d in answer.document["subjects"]] == ["fail", "incomplete"]
    (gap,) = [gap for gap in answer.document["subjects"][1]["gaps"] if gap["blocking"]]
    assert (gap["kind"], gap["what"]) == ("no-image", "web")


def test_the_same_image_alone_is_an_error(fleet: World) -> None:
    (fleet.folder / "images" / "web" / "index.json").write_text("{")

    assert fleet.run("deps", "web").code == 2

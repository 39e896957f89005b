"""``deps`` says which packages of an image serve nobody, and where that is to be changed."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.dpkg_layers import Installed, dpkg_layer, library, program
from tests.support.trees import Link
from tests.support.worlds import FAMILY, Files, World, extension, opencv

BASE = "base"
DOCKERFILE = "docker/{}/Dockerfile"
RUN = "RUN apt-get update && apt-get install -y {} && rm -rf /var/lib/apt/lists/*"
GL = Installed("libgl1", files=library("libGL.so.1"))
SM = Installed("libsm6", "libice6", files=library("libSM.so.6", needed=["libICE.so.6"]))
ICE = Installed("libice6", files=library("libICE.so.6"), is_automatic=True)
MAKE = Installed("make", files=program("make"), section="devel")
JQ = Installed("jq", files=program("jq"), section="utils")
USES_GL = "import cv2\n"


def built(
    world: World,
    name: str,
    *steps: tuple[str, Files],
    dockerfile: str | None = None,
    config: dict[str, Any] | None = None,
    **fields: Any,
) -> World:
    """Add a family whose image has these layers, each with the RUN that made it.

    Its Dockerfile consists of the RUNs, unless it is given.
    """
    runs = [run for run, _ in steps]
    path = DOCKERFILE.format(name)
    world.file(path, f"FROM debian:12\n{chr(10).join(runs)}\n" if dockerfile is None else dockerfile)
    image = world.image(
        f"images/{name}", *(layer for _, layer in steps), config=config, created_by=["ADD rootfs", *runs]
    )
    return world.family(name, image=image, dockerfiles=[path], **fields)


def installing(*packages: Installed, below: Sequence[Installed] = ()) -> tuple[str, Files]:
    """Return a RUN that installs packages by name, and its layer."""
    names = " ".join(package.name for package in packages if not package.is_automatic)
    return RUN.format(names), dpkg_layer(*packages, below=below)


def surplus(world: World, *words: str) -> dict[str, dict[str, Any]]:
    document = world.run("deps", *(words or (FAMILY,))).document
    return {each["package"]: each for each in document["surplus"]}


def patch(world: World) -> str:
    found = world.run("deps", FAMILY).document["proposal"]["dockerfile"]
    return "" if found is None or found["patch"] is None else str(found["patch"])


@pytest.fixture
def fleet(world: World) -> World:
    """Give a family with a library that its service needs, and one that nobody needs."""
    built(world, FAMILY, installing(GL, SM, ICE), ("RUN pip install opencv", opencv("libGL.so.1")))
    return world.service("face", USES_GL)


def test_what_nothing_needs_is_told_with_its_line_and_what_goes_along(fleet: World) -> None:
    found = surplus(fleet)

    assert list(found) == ["libsm6", "libice6"]
    assert (found["libsm6"]["confidence"], found["libsm6"]["origin"]) == ("certain", FAMILY)
    assert found["libsm6"]["dockerfile"] == {"path": DOCKERFILE.format(FAMILY), "line": 2}
    assert found["libice6"]["goes_with"] == "libsm6"


def test_the_patch_takes_out_what_is_certain_and_adds_what_is_missing(world: World) -> None:
    wheel = opencv("libGL.so.1", "libpulse.so.0")
    built(world, FAMILY, installing(GL, SM, ICE), ("RUN pip install opencv", wheel))
    world.service("face", USES_GL)

    changed = [line[1:] for line in patch(world).splitlines() if line.startswith("+RUN")]

    assert changed == [RUN.format("libgl1 libpulse0=16.1+dfsg1-2")]


def test_the_patch_is_written(fleet: World) -> None:
    fleet.run("deps", FAMILY, "--write")

    text = (fleet.folder / DOCKERFILE.format(FAMILY)).read_text()
    assert RUN.format("libgl1") in text


def test_findings_stand_at_the_line_and_block_nothing(fleet: World) -> None:
    answer = fleet.run("deps", FAMILY)

    (finding,) = (f for f in answer.document["findings"] if f["rule"].startswith("FA-SURPLUS"))
    assert (finding["rule"], finding["subject"]) == ("FA-SURPLUS-002", "package:libsm6")
    assert finding["location"]["line"] == 2
    assert (answer.code, answer.document["verdict"]) == (0, "pass")


def test_a_package_that_the_proposal_brings_anew_is_not_told(world: World) -> None:
    # The installed libgl1 has lost its library.
    broken = Installed("libgl1", files=library("libOther.so.1"))
    built(world, FAMILY, installing(broken), ("RUN pip install opencv", opencv("libGL.so.1")))

    answer = world.service("face", USES_GL).run("deps", FAMILY)

    assert answer.roots == ["libgl1"]
    assert answer.document["surplus"] == []


def test_what_came_only_with_headers_and_is_needed_is_named_in_their_place(world: World) -> None:
    dev = Installed("libgtk-dev", "libgl1", section="libdevel")
    came = GL._replace(is_automatic=True)
    wheels = ("RUN pip install --only-binary=:all: opencv", opencv("libGL.so.1"))
    built(world, FAMILY, installing(dev, came), wheels).service("face", USES_GL)

    found = surplus(world)

    assert found["libgtk-dev"]["instead"] == ["libgl1=1.0"]
    assert "+" + RUN.format("libgl1=1.0") in patch(world).splitlines()


@pytest.mark.parametrize("run", ["RUN make install", "RUN pip install -r requirements.txt"])
def test_what_the_build_uses_is_left_alone_by_the_patch(world: World, run: str) -> None:
    built(world, FAMILY, installing(MAKE), (run, {}))
    world.service("face", "import json\n")

    found = surplus(world)

    assert found["make"]["kind"] == "build-tool"
    assert found["make"]["built_with"].startswith(f"{DOCKERFILE.format(FAMILY)}:3 runs")
    assert patch(world) == ""


def test_wheels_alone_compile_nothing(world: World) -> None:
    built(world, FAMILY, installing(MAKE), ("RUN pip install --only-binary=:all: -r requirements.txt", {}))
    world.service("face", "import json\n")

    assert surplus(world)["make"]["built_with"] is None


@pytest.mark.parametrize(
    "app",
    [
        "import subprocess\nsubprocess.run(['jq', '.'])\n",
        "PROGRAM = '/usr/bin/jq'\n",
    ],
)
def test_what_code_runs_or_names_by_its_path_is_needed(world: World, app: str) -> None:
    built(world, FAMILY, installing(JQ))

    assert "jq" not in surplus(world.service("face", app))


def test_what_code_does_not_name_is_not_needed(world: World) -> None:
    built(world, FAMILY, installing(JQ))
    world.service("face", "PROGRAM = '/usr/bin/jqx'\n")

    found = surplus(world)

    assert found["jq"]["confidence"] == "likely"
    assert patch(world) == ""


@pytest.mark.parametrize(
    "config",
    [
        {"Entrypoint": ["/usr/bin/jq"]},
        {"Cmd": ["sh", "-c", "echo {} | jq ."]},
        {"Healthcheck": {"Test": ["CMD-SHELL", "curl -s localhost | jq -e .ok"]}},
    ],
)
def test_what_the_image_starts_is_needed(world: World, config: dict[str, Any]) -> None:
    built(world, FAMILY, installing(JQ), config=config)

    assert surplus(world.service("face", "import json\n")) == {}


@pytest.mark.parametrize(
    ("files", "told"),
    [({"usr/bin/python3": Link("/usr/local/bin/python3.11")}, []), (program("python3"), ["python3"])],
    ids=["the services' Python", "another"],
)
def test_the_name_that_starts_the_services_python_is_needed(
    world: World, files: Files, told: list[str]
) -> None:
    name = Installed("python3", files=files, section="python")
    built(world, FAMILY, installing(GL, name), ("RUN pip install opencv", opencv("libGL.so.1")))

    assert list(surplus(world.service("face", USES_GL))) == told


def test_what_scripts_beside_the_code_and_in_the_image_run_is_needed(world: World) -> None:
    built(
        world, FAMILY, installing(JQ, MAKE), ("COPY entry.sh /", {"entry.sh": "#!/bin/sh\nexec make serve\n"})
    )
    world.service("face", "import json\n").file("services/face/start.sh", "#!/bin/sh\njq . config.json\n")

    assert surplus(world) == {}


def test_what_the_entry_script_runs_is_needed_wherever_it_lies(world: World) -> None:
    config = {"Entrypoint": ["/srv/face/run"]}
    script = {"srv/face/run": "#!/bin/sh\njq . /srv/config.json && exec face\n"}
    built(world, FAMILY, installing(JQ), ("COPY run /srv/face", script), config=config)

    assert surplus(world.service("face", "import json\n")) == {}


def test_what_the_dockerfile_of_a_service_runs_is_needed(world: World) -> None:
    built(world, FAMILY, installing(JQ, MAKE))
    world.file("services/face/Dockerfile", "FROM vision\nRUN jq . /etc/app.json\n")
    world.service("face", "import json\n", dockerfiles=["services/face/Dockerfile"])

    assert list(surplus(world)) == ["make"]


def test_what_a_compose_file_runs_is_needed(world: World) -> None:
    built(world, FAMILY, installing(JQ, MAKE)).service("face", "import json\n")
    world.file("compose.yaml", "services: {face: {image: vision, healthcheck: {test: [CMD, jq, .]}}}\n")

    assert list(surplus(world)) == ["make"]


def test_a_path_in_the_dockerfile_of_a_service_is_needed(world: World) -> None:
    built(world, FAMILY, installing(SM, ICE))
    world.file("services/face/Dockerfile", "FROM vision\nENV LD_PRELOAD=/usr/lib/libSM.so.6\n")
    world.service("face", "import json\n", dockerfiles=["services/face/Dockerfile"])

    assert surplus(world) == {}


@pytest.mark.parametrize(
    ("run", "confidence"), [("pip install x", "likely"), ("echo pip install", "certain")]
)
def test_where_a_service_may_compile_tools_are_not_certain(world: World, run: str, confidence: str) -> None:
    built(world, FAMILY, installing(MAKE))
    world.file("services/face/Dockerfile", f"FROM vision\nRUN {run}\n")
    world.service("face", "import json\n", dockerfiles=["services/face/Dockerfile"])

    assert surplus(world)["make"]["confidence"] == confidence


def test_what_a_service_installs_itself_may_need_anything(fleet: World) -> None:
    fleet.file("services/face/requirements.txt", "opencv-contrib-python\n")
    fleet.service("eye", USES_GL, requirements=["services/face/requirements.txt"])

    found = surplus(fleet)

    assert {each["confidence"] for each in found.values()} == {"possible"}
    assert "opencv-contrib-python" in found["libsm6"]["doubt"]


def test_what_the_manifest_keeps_is_not_told(world: World) -> None:
    built(world, FAMILY, installing(JQ, MAKE), apt={"keep": ["jq"]}, must_contain_apt=["make"])

    assert surplus(world.service("face", "import json\n")) == {}


def test_the_base_image_is_left_alone(world: World) -> None:
    built(world, FAMILY, ("ADD more", dpkg_layer(SM, ICE)), installing(JQ, below=[SM, ICE]))

    assert list(surplus(world.service("face", "import json\n"))) == ["jq"]


def test_a_package_of_the_base_image_that_is_upgraded_stays_the_base_images(world: World) -> None:
    upgraded = dpkg_layer(SM, ICE, JQ)
    built(world, FAMILY, ("ADD more", dpkg_layer(SM, ICE)), (RUN.format("jq"), upgraded))

    assert list(surplus(world.service("face", "import json\n"))) == ["jq"]


def test_what_links_to_it_though_nothing_reaches_that_makes_it_only_possible(world: World) -> None:
    stray = {"opt/tool/tool.so": extension("tool", "libSM.so.6")}
    built(world, FAMILY, installing(SM, ICE), ("COPY tool /opt", stray))

    found = surplus(world.service("face", "import json\n"))

    assert found["libsm6"]["confidence"] == "possible"
    assert "/opt/tool/tool.so, which nothing reaches, links to it" in found["libsm6"]["doubt"]


def test_a_source_file_that_does_not_parse_leaves_a_doubt(fleet: World) -> None:
    fleet.file("services/face/broken.py", "def :\n").file("services/face/app.py", USES_GL + "import broken\n")

    assert surplus(fleet)["libsm6"]["confidence"] != "certain"


def test_without_services_nothing_is_told_and_a_gap_says_so(fleet: World) -> None:
    answer = fleet.run("deps", f"oci:images/{FAMILY}")

    assert answer.document["surplus"] == []
    assert any(gap["what"].startswith("surplus of") for gap in answer.document["gaps"])


def test_without_a_manifest_nothing_is_certain(fleet: World) -> None:
    found = surplus(fleet, f"oci:images/{FAMILY}", "--source", "services/face", "--entry", "app.py")

    assert {each["confidence"] for each in found.values()} == {"likely"}


def test_without_apt_nothing_is_told(world: World) -> None:
    built(world, FAMILY, installing(SM, ICE), ("RUN rm /usr/bin/apt-get", {"usr/bin/.wh.apt-get": ""}))

    answer = world.service("face", "import json\n").run("deps", FAMILY)

    assert answer.document["surplus"] == []
    assert any(gap["what"] == f"surplus of {FAMILY}" for gap in answer.document["gaps"])


@pytest.mark.parametrize(
    "damage",
    [
        {"var/lib/dpkg/.wh.status": ""},
        {"var/lib/dpkg/status": "Package: half\nStatus: install ok half-configured\nVersion: 1\n"},
    ],
    ids=["without dpkg", "half configured"],
)
def test_where_dpkg_does_not_say_all_nothing_is_told(world: World, damage: Files) -> None:
    built(world, FAMILY, installing(SM, ICE), ("RUN damage", damage))

    answer = world.service("face", "import json\n").run("deps", FAMILY)

    assert (answer.document["surplus"], answer.document["surplus_examined"]) == ([], False)
    assert any(gap["what"] == f"surplus of {FAMILY}" for gap in answer.document["gaps"])


@pytest.fixture
def chain(world: World) -> World:
    """Give a base with two libraries, and two families on it of which each needs one of them."""
    base = installing(GL, SM, ICE)
    built(world, BASE, base)
    for name, wheel in ((FAMILY, opencv("libGL.so.1")), ("sound", opencv("libSM.so.6"))):
        built(
            world,
            name,
            base,
            (f"RUN pip install {name}", wheel),
            dockerfile="FROM base\nRUN pip\n",
            parent=BASE,
        )
    return world.service("face", USES_GL).service("ear", USES_GL, family="sound")


def test_what_a_family_inherits_is_judged_by_all_that_inherit_it(chain: World) -> None:
    chain.service("mouth", "import json\n", family="sound")

    document = chain.run("deps", "--all").document

    assert [each["surplus"] for each in document["subjects"]] == [[], []]


def test_what_no_family_needs_is_told_with_the_family_that_brought_it(world: World) -> None:
    base = installing(GL, SM, ICE)
    built(world, BASE, base)
    for name in (FAMILY, "sound"):
        wheel = ("RUN pip install", opencv("libGL.so.1"))
        built(world, name, base, wheel, dockerfile="FROM base\nRUN pip\n", parent=BASE)
    world.service("face", USES_GL).service("ear", USES_GL, family="sound")

    for each in world.run("deps", "--all").document["subjects"]:
        (root,) = (s for s in each["surplus"] if s["goes_with"] is None)
        assert (root["package"], root["origin"], root["inherited"]) == ("libsm6", BASE, True)
        assert root["dockerfile"]["path"] == DOCKERFILE.format(BASE)
        assert each["proposal"]["dockerfile"] is None or not each["proposal"]["dockerfile"]["patch"]


def test_what_others_inherit_too_is_not_told_where_they_were_not_asked(chain: World) -> None:
    answer = chain.run("deps", FAMILY)

    assert answer.document["surplus"] == []
    (gap,) = (gap for gap in answer.document["gaps"] if gap["what"] == f"surplus of {BASE}")
    assert "sound" in gap["why"]
    assert not gap["blocking"]


def test_a_family_with_others_on_it_is_judged_by_their_services_too(world: World) -> None:
    built(world, FAMILY, installing(SM, ICE, JQ)).service("face", "import json\n")
    lower = installing(SM, ICE, JQ)
    wheel = ("RUN pip install", opencv("libSM.so.6"))
    built(world, "sound", lower, wheel, dockerfile="FROM vision\nRUN pip\n", parent=FAMILY)
    world.service("ear", USES_GL, family="sound")

    assert list(surplus(world)) == ["jq"]


def test_a_family_on_it_whose_image_is_not_there_leaves_a_doubt(world: World) -> None:
    built(world, FAMILY, installing(SM, ICE)).service("face", "import json\n")
    world.family("sound", image="oci:images/nowhere", parent=FAMILY).service("ear", "", family="sound")

    found = surplus(world)

    assert found["libsm6"]["confidence"] == "possible"
    assert "sound" in found["libsm6"]["doubt"]


def test_a_family_without_services_is_judged_by_those_that_are_built_on_it(chain: World) -> None:
    built(chain, "lone", installing(GL, SM, ICE, JQ), parent=None)
    base = chain.run("deps", BASE)

    assert (base.document["surplus"], base.document["surplus_examined"]) == ([], True)
    assert "vision, sound" in chain.say("deps", BASE)[1]
    assert chain.run("deps", "lone").document["surplus_examined"] is False


def test_the_patch_of_a_family_without_services_takes_out_what_nobody_above_needs(world: World) -> None:
    base = installing(GL, SM, ICE)
    built(world, BASE, base)
    wheel = ("RUN pip install", opencv("libGL.so.1"))
    built(world, FAMILY, base, wheel, dockerfile="FROM base\nRUN pip\n", parent=BASE)
    world.service("face", USES_GL)

    said = world.say("deps", BASE, "--write")[1]

    assert RUN.format("libgl1") in (world.folder / DOCKERFILE.format(BASE)).read_text()
    assert "+" + RUN.format("libgl1") in said


def test_a_single_service_says_nothing_of_what_others_of_its_family_may_need(world: World) -> None:
    built(world, FAMILY, installing(GL, SM, ICE), ("RUN pip install opencv", opencv("libSM.so.6")))
    world.service("face", USES_GL).service("ear", "import json\n")

    answer = world.run("deps", "ear")

    assert (answer.document["surplus"], answer.document["surplus_examined"]) == ([], False)
    assert any(gap["what"] == f"surplus of {FAMILY}" for gap in answer.document["gaps"])

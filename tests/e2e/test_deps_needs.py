"""What services need from their image: found, missing, proposed, at the line that asks for it."""

import pytest

from tests.support.elf import elf
from tests.support.worlds import (
    APP,
    FAMILY,
    SERVICE,
    Answer,
    Files,
    World,
    extension,
    installed,
    library,
    opencv,
)

MISSING_GL = opencv("libGL.so.1")


def deps(world: World, app: str, *layers: Files, words: tuple[str, ...] = ()) -> Answer:
    """Audit one service with this entry on a family image with these layers."""
    world.family(FAMILY, *layers).service(SERVICE, app)
    return world.run("deps", FAMILY, *words)


def line_of(answer: Answer, need: str) -> tuple[str, str, int]:
    """Return who reaches a need, and from which line."""
    (reached,) = answer.needs[need]["reached_from"]
    return reached["service"], reached["path"], reached["line"]


def outcome(answer: Answer, need: str) -> tuple[str, str]:
    """Return a need's tier and status."""
    return answer.needs[need]["tier"], answer.needs[need]["status"]


def test_a_missing_library_is_named_with_its_line_and_proposed(world: World) -> None:
    answer = deps(world, "import json\n\nimport cv2\n", MISSING_GL)

    assert answer.code == 1
    assert outcome(answer, "libGL.so.1") == ("required", "missing")
    assert line_of(answer, "libGL.so.1") == (SERVICE, APP, 3)
    assert answer.document["proposal"]["roots"] == ["libgl1=1.6.0-1"]
    assert [p["name"] for p in answer.document["proposal"]["packages"]] == ["libgl1", "libglvnd0"]
    (finding,) = answer.document["findings"]
    assert finding["rule"] == "FA-NEED-001"
    assert finding["location"] == {"path": APP, "line": 3}


def test_with_the_library_in_the_image_nothing_is_missing_and_the_code_is_0(world: World) -> None:
    answer = deps(world, "import cv2\n", MISSING_GL, library("usr/lib/libGL.so.1"))

    assert (answer.code, answer.roots) == (0, [])
    assert outcome(answer, "libGL.so.1") == ("required", "resolved")


def test_a_module_of_the_image_that_no_service_imports_needs_nothing(world: World) -> None:
    answer = deps(world, "import json\n", MISSING_GL)

    assert answer.code == 0
    assert "libGL.so.1" not in answer.needs


@pytest.mark.parametrize(("words", "roots"), [((), []), (("--tier", "lazy"), ["libgl1"])])
def test_a_lazy_import_inside_a_package_is_proposed_for_only_when_asked(
    world: World, words: tuple[str, ...], roots: list[str]
) -> None:
    shop = installed("shop", {"shop/__init__.py": "def draw():\n    import cv2\n    return cv2\n"})

    answer = deps(world, "import shop\n", MISSING_GL, shop, words=words)

    assert answer.code == 0
    assert outcome(answer, "libGL.so.1") == ("lazy", "missing")
    assert answer.roots == roots


def test_a_lazy_import_inside_a_function_that_the_service_calls_at_start_is_required(world: World) -> None:
    shop = installed("shop", {"shop/__init__.py": "def draw():\n    import cv2\n    return cv2\n"})

    answer = deps(world, "import shop\n\nshop.draw()\n", MISSING_GL, shop)

    assert answer.code == 1
    assert outcome(answer, "libGL.so.1") == ("required", "missing")
    assert answer.roots == ["libgl1"]


def test_a_guarded_import_that_nobody_provides_is_optional(world: World) -> None:
    answer = deps(world, "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n")

    assert answer.code == 0
    assert outcome(answer, "numpy") == ("optional", "missing")


def test_a_library_behind_a_guarded_import_is_optional(world: World) -> None:
    answer = deps(world, "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\n", MISSING_GL)

    assert (answer.code, answer.roots) == (0, [])
    assert outcome(answer, "libGL.so.1") == ("optional", "missing")


SOUND = installed(
    "sound",
    {
        "sound/__init__.py": "from . import _play\n",
        "sound/_play.abi3.so": extension("_play", "libpulse.so.0"),
    },
)
IN_ELSE = "try:\n    import cv2\nexcept ImportError:\n    cv2 = None\nelse:\n    import sound\n"


@pytest.mark.parametrize(
    "app",
    [
        IN_ELSE,
        IN_ELSE.replace("import cv2", "from cv2 import imread"),
        "def f():\n    import sound\ntry:\n    import cv2\nexcept Exception:\n    pass\nelse:\n    f()\n",
    ],
)
def test_what_an_else_imports_is_needed_where_what_it_stands_behind_works(world: World, app: str) -> None:
    works = opencv("libGL.so.1"), library("usr/lib/libGL.so.1")

    assert outcome(deps(world, app, *works, SOUND), "libpulse.so.0") == ("required", "missing")


@pytest.mark.parametrize("app", [IN_ELSE, IN_ELSE.replace("import cv2", "import video")])
def test_what_an_else_imports_is_optional_where_what_it_stands_behind_fails(world: World, app: str) -> None:
    video = installed("video", {"video.py": "import cv2\n"})

    answer = deps(world, app, MISSING_GL, SOUND, video)

    assert answer.code == 0
    assert outcome(answer, "libGL.so.1") == ("optional", "missing")
    assert outcome(answer, "libpulse.so.0") == ("optional", "missing")


@pytest.mark.parametrize(
    "app",
    [
        "import sound\n" + IN_ELSE,
        IN_ELSE.replace("else:\n    import", "import"),
        IN_ELSE.replace("except ImportError", "except KeyError"),
        IN_ELSE.replace("import cv2", "import video"),
    ],
)
def test_what_does_not_stand_behind_a_failure_that_is_survived_is_required(world: World, app: str) -> None:
    video = installed("video", {"video.py": "try:\n    import cv2\nexcept ImportError:\n    pass\n"})

    answer = deps(world, app, MISSING_GL, SOUND, video)

    assert outcome(answer, "libpulse.so.0") == ("required", "missing")


def test_the_hosts_driver_is_never_proposed(world: World) -> None:
    answer = deps(world, "import cv2\n", opencv("libcuda.so.1"))

    assert (answer.code, answer.roots) == (0, [])
    assert outcome(answer, "libcuda.so.1") == ("required", "host-driver")


def test_a_program_that_own_code_runs_is_required_also_inside_a_function(world: World) -> None:
    app = "import subprocess\n\n\ndef convert():\n    subprocess.run(['ffmpeg', '-i', 'x'], check=True)\n"

    answer = deps(world, app)

    assert answer.code == 1
    assert outcome(answer, "ffmpeg") == ("required", "missing")
    assert line_of(answer, "ffmpeg") == (SERVICE, APP, 5)
    assert answer.roots == ["ffmpeg"]


def test_a_program_whose_absence_is_handled_is_optional(world: World) -> None:
    app = (
        "import subprocess\n\ntry:\n    subprocess.run(['ffmpeg'], check=True)\n"
        "except FileNotFoundError:\n    print('no sound')\n"
    )

    answer = deps(world, app)

    assert (answer.code, answer.roots) == (0, [])
    assert outcome(answer, "ffmpeg") == ("optional", "missing")


def test_a_program_that_the_images_path_leads_to_is_there(world: World) -> None:
    app = "import subprocess\nsubprocess.run(['ffmpeg'], check=True)\n"
    world.family(
        FAMILY, {"opt/bin/ffmpeg": "#!/usr/local/bin/python3.11\n"}, config={"Env": ["PATH=/opt/bin"]}
    )

    answer = world.service(SERVICE, app).run("deps", FAMILY)

    assert answer.code == 0
    assert answer.needs["ffmpeg"]["resolution"] == {"path": "/opt/bin/ffmpeg"}


@pytest.mark.parametrize(
    ("app", "roots"),
    [
        ("import subprocess\nsubprocess.run(['/usr/bin/ffmpeg'])\n", ["ffmpeg"]),
        ("import subprocess\nsubprocess.run(['/opt/ffmpeg/ffmpeg'])\n", []),
        ("import ctypes\nctypes.CDLL('/usr/lib/x86_64-linux-gnu/libpulse.so.0')\n", ["libpulse0"]),
        ("import ctypes\nctypes.CDLL('/opt/lib/libpulse.so.0')\n", []),
    ],
)
def test_what_is_asked_for_by_its_path_is_proposed_where_packages_put_it(
    world: World, app: str, roots: list[str]
) -> None:
    answer = deps(world, app)

    assert (answer.code, answer.roots) == (1, roots)


def test_find_library_means_the_archives_library_of_that_name(world: World) -> None:
    app = "from ctypes.util import find_library\n\nfrom ctypes import CDLL\nCDLL(find_library('pulse'))\n"

    answer = deps(world, app)

    assert answer.code == 1
    assert outcome(answer, "libpulse.so.0") == ("required", "missing")
    assert answer.roots == ["libpulse0"]


def test_a_library_that_code_opens_by_its_name_is_needed(world: World) -> None:
    answer = deps(world, "import ctypes\n\nctypes.CDLL('libpulse.so.0')\n")

    assert answer.needs["libpulse.so.0"]["via"] == "dlopen"
    assert line_of(answer, "libpulse.so.0") == (SERVICE, APP, 3)
    assert answer.roots == ["libpulse0"]


def test_what_a_library_that_was_opened_needs_in_turn_is_needed_as_well(world: World) -> None:
    pulse = library("usr/lib/libpulse.so.0", "libGL.so.1")

    answer = deps(world, "import ctypes\n\nctypes.CDLL('libpulse.so.0')\n", pulse)

    assert outcome(answer, "libpulse.so.0") == ("required", "resolved")
    assert outcome(answer, "libGL.so.1") == ("required", "missing")
    assert line_of(answer, "libGL.so.1") == (SERVICE, APP, 3)


def test_what_the_manifest_requires_is_required(world: World) -> None:
    world.family().service(SERVICE, "", requires=["bin:ffmpeg", "so:libGL.so.1"])

    answer = world.run("deps", FAMILY)

    assert answer.code == 1
    assert {answer.needs[name]["via"] for name in ("ffmpeg", "libGL.so.1")} == {"manifest"}
    assert answer.needs["ffmpeg"]["reached_from"][0]["path"] == "fleet.yaml"
    assert answer.roots == ["ffmpeg", "libgl1"]


def test_a_distribution_that_the_manifest_requires_and_the_image_lacks_is_missing(world: World) -> None:
    world.family(FAMILY, opencv()).service(SERVICE, "", requires=["dist:opencv-python", "dist:numpy"])

    answer = world.run("deps", FAMILY)

    assert outcome(answer, "numpy") == ("required", "missing")
    assert outcome(answer, "opencv-python") == ("required", "resolved")


def test_a_module_that_nobody_provides_is_a_missing_distribution(world: World) -> None:
    answer = deps(world, "import numpy\n")

    assert answer.code == 1
    assert answer.needs["numpy"]["kind"] == "distribution"
    assert line_of(answer, "numpy") == (SERVICE, APP, 1)


def test_an_import_for_type_checkers_alone_needs_nothing(world: World) -> None:
    answer = deps(world, "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import numpy\n")

    assert (answer.code, answer.document["needs"]) == (0, [])


def test_a_file_that_does_not_parse_is_a_finding_and_its_imports_still_count(world: World) -> None:
    answer = deps(world, "import cv2\n\ndef broken(:\n", MISSING_GL)

    assert answer.code == 1
    assert {"FA-SRC-001", "FA-NEED-001"} == {finding["rule"] for finding in answer.document["findings"]}
    assert answer.document["unparsed"][0] | {"error": ""} == {
        "path": APP,
        "line": 3,
        "error": "",
        "recovered": 1,
        "parser": "block",
        "skimmed": [{"first": 3, "last": 3}],
    }


def test_a_library_for_another_machine_is_not_there_and_a_package_brings_one_for_this(world: World) -> None:
    arm = {"usr/lib/libGL.so.1": elf(soname="libGL.so.1", machine=183)}

    answer = deps(world, "import cv2\n", MISSING_GL, arm)

    assert answer.code == 1
    assert outcome(answer, "libGL.so.1") == ("required", "wrong-machine")
    assert answer.roots == ["libgl1"]
    assert any("install libgl1=1.6.0-1" in finding["remedy"] for finding in answer.document["findings"])


def test_a_library_that_no_package_ships_is_said_to_be_unsatisfied(world: World) -> None:
    answer = deps(world, "import cv2\n", opencv("libnowhere.so.9"))

    assert (answer.code, answer.roots) == (1, [])
    assert [row["need"] for row in answer.document["proposal"]["unsatisfied"]] == ["so:libnowhere.so.9"]


def test_the_proposal_stands_behind_the_last_apt_line_of_the_familys_dockerfile(world: World) -> None:
    world.file(
        "docker/Dockerfile", "FROM debian:12\n\nRUN apt-get update && apt-get install -y curl\nUSER app\n"
    )
    world.family(FAMILY, MISSING_GL, dockerfiles=["docker/Dockerfile"]).service(SERVICE, "import cv2\n")

    place = world.run("deps", FAMILY).document["proposal"]["dockerfile"]

    assert (place["path"], place["line"]) == ("docker/Dockerfile", 3)
    (added,) = (line for line in place["patch"].splitlines() if line.startswith("+RUN"))
    assert added.startswith("+RUN apt-get update && apt-get install -y curl libgl1=")
    assert " FROM debian:12" in place["patch"]


def test_two_services_that_need_one_library_stand_in_one_need_with_a_line_each(world: World) -> None:
    world.family(FAMILY, MISSING_GL).service("face", "import cv2\n").service(
        "dream", "import os\nimport cv2\n"
    )

    answer = world.run("deps", FAMILY)

    reached = {(r["service"], r["line"]) for r in answer.needs["libGL.so.1"]["reached_from"]}
    assert reached == {("dream", 2), ("face", 1)}
    assert answer.document["services"] == ["face", "dream"]


def test_code_shared_by_services_is_first_party(world: World) -> None:
    world.file("common/eyes.py", "import cv2\n")
    world.family(FAMILY, MISSING_GL)
    world.service(SERVICE, "from common import eyes\n", pythonpath=["."], first_party_imports=["common/"])

    answer = world.run("deps", FAMILY)

    assert line_of(answer, "libGL.so.1") == (SERVICE, "common/eyes.py", 1)


def test_a_service_started_as_a_module_has_that_module_for_its_entry(world: World) -> None:
    world.file("talk/__main__.py", "import cv2\n").family(FAMILY, MISSING_GL)
    world.service("talk", entry="module:talk", source_paths=["talk"])

    answer = world.run("deps", FAMILY)

    assert answer.needs["libGL.so.1"]["reached_from"][0]["path"] == "talk/__main__.py"


def test_a_program_whose_interpreter_is_not_there_is_refused_as_the_kernel_refuses_it(world: World) -> None:
    app = 'import subprocess\n\nsubprocess.run(["convert-all"], check=True)\n'

    answer = deps(world, app, {"usr/bin/convert-all": "#!/usr/bin/bash\n"})

    assert answer.code == 1
    assert outcome(answer, "convert-all") == ("required", "fatal")
    (finding,) = answer.document["findings"]
    assert (finding["rule"], finding["location"]) == ("FA-NEED-003", {"path": APP, "line": 3})
    assert "its interpreter /usr/bin/bash is not there" in finding["message"]


def test_a_program_whose_interpreter_is_there_is_found(world: World) -> None:
    app = 'import subprocess\n\nsubprocess.run(["convert-all"], check=True)\n'

    answer = deps(world, app, {"usr/bin/convert-all": "#!/usr/local/bin/python3.11\n"})

    assert outcome(answer, "convert-all") == ("required", "resolved")

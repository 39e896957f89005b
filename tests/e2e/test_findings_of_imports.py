"""What `imports` and `deps` hold against services' code, and the comments that waive it."""

import hashlib

import pytest

from tests.support.images import Content, layer_tar
from tests.support.worlds import FAMILY, SERVICE, Answer, Document, World, installed, opencv

DOCKERFILE = "services/face/Dockerfile"
COPIES = f"FROM registry.example/acme/{FAMILY}:1\nWORKDIR /app\nCOPY services/face/ services/face/\n"


def told(answer: Answer, rule: str) -> list[Document]:
    """Return the findings of one rule."""
    return [finding for finding in answer.document["findings"] if finding["rule"] == rule]


def places(answer: Answer, rule: str) -> list[str]:
    return [f"{f['location']['path']}:{f['location']['line']}" for f in told(answer, rule)]


def sharing(world: World, app: str, dockerfile: str = COPIES) -> World:
    """Give a service that shares code with others and has a Dockerfile."""
    world.file("common/bus.py", "").file(DOCKERFILE, dockerfile).family(FAMILY, opencv())
    return world.service(SERVICE, app, dockerfiles=[DOCKERFILE], first_party_imports=["common/"])


def test_an_own_module_that_the_dockerfile_leaves_behind_blocks(world: World) -> None:
    sharing(world, "import common.bus\n")

    answer = world.run("imports")

    assert answer.code == 1
    assert places(answer, "FA-IMP-005") == ["services/face/app.py:1"]
    assert told(answer, "FA-IMP-005")[0]["related"] == [{"path": DOCKERFILE, "line": 3}]
    assert [f["rule"] for f in world.run("deps", FAMILY).document["findings"]] == ["FA-IMP-005"]


def test_a_package_that_is_left_behind_is_one_finding_with_all_lines_that_need_it(world: World) -> None:
    world.file("common/__init__.py").file("common/deep/__init__.py").file("common/deep/eyes.py")
    sharing(world, "import common.bus\nimport common.deep.eyes\n")

    (finding,) = told(world.run("imports"), "FA-IMP-005")

    assert finding["subject"] == "module:common"
    assert finding["message"].startswith(f"common is neither in the image nor copied by {DOCKERFILE}")
    assert [place["line"] for place in (finding["location"], *finding["related"])] == [1, 2, 3]


def test_an_own_module_that_is_copied_is_no_finding(world: World) -> None:
    sharing(world, "import common.bus\n", COPIES + "COPY common/ common/\n")

    assert world.run("imports").code == 0


def test_an_own_module_that_the_familys_image_has_is_no_finding(world: World) -> None:
    world.file("common/bus.py", "").file(DOCKERFILE, COPIES)
    world.family(FAMILY, {"app/common/bus.py": ""}, config={"WorkingDir": "/app"})
    world.service(SERVICE, "import common.bus\n", dockerfiles=[DOCKERFILE])

    assert world.run("imports").code == 0


def test_an_own_module_that_a_dockerignore_takes_out_is_left_behind(world: World) -> None:
    sharing(world, "import common.bus\n", COPIES + "COPY . .\n").file(".dockerignore", "common/bus.py\n")

    assert places(world.run("imports"), "FA-IMP-005") == ["services/face/app.py:1"]


def test_an_own_module_that_is_not_always_needed_blocks_nothing(world: World) -> None:
    sharing(world, "def later():\n    import common.bus\n")

    answer = world.run("imports")

    assert answer.code == 0
    assert places(answer, "FA-IMP-006") == ["services/face/app.py:2"]


@pytest.mark.parametrize(
    "dockerfile",
    [
        COPIES.replace(FAMILY, "another"),
        COPIES + "RUN git clone https://code.example/common common\n",
        "",
    ],
)
def test_nothing_is_claimed_of_a_dockerfile_that_cannot_be_followed(world: World, dockerfile: str) -> None:
    sharing(world, "import common.bus\n", dockerfile)

    answer = world.run("imports")

    assert answer.code == 0
    assert told(answer, "FA-IMP-005") == []
    assert [(g["what"], g["blocking"]) for g in answer.document["gaps"]] == [(DOCKERFILE, False)]


def test_nothing_is_claimed_where_a_family_leaves_instructions_to_those_above(world: World) -> None:
    world.file("common/bus.py", "").file(DOCKERFILE, COPIES)
    world.file("docker/Dockerfile", "FROM debian:12\nONBUILD COPY . /app\n")
    world.family(FAMILY, dockerfiles=["docker/Dockerfile"])
    world.service(SERVICE, "import common.bus\n", dockerfiles=[DOCKERFILE])

    answer = world.run("imports")

    assert answer.code == 0
    assert "ONBUILD" in answer.gaps["not-examined"]["why"]


def test_an_own_module_that_is_nowhere_is_not_looked_for_on_any_index(world: World) -> None:
    sharing(world, "import common.gone\n")

    answer = world.run("imports")

    assert places(answer, "FA-IMP-004") == ["services/face/app.py:1"]
    assert told(answer, "FA-IMP-001") == []
    assert "common.gone" not in world.run("deps", FAMILY).needs


def requiring(world: World, *lines: str, app: str = "import cv2\n") -> World:
    """Give a service with requirements on an image that has opencv-python and six."""
    world.file("services/face/requirements.txt", "".join(f"{line}\n" for line in lines))
    world.family(FAMILY, opencv(), installed("six", {"six.py": ""}, version="1.16.0"))
    return world.service(SERVICE, app, requirements=["services/face/requirements.txt"])


def test_what_is_required_and_used_by_nothing_is_a_remark_at_its_line(world: World) -> None:
    answer = requiring(world, "opencv-python", "six").run("imports")

    assert answer.code == 0
    assert places(answer, "FA-IMP-007") == ["services/face/requirements.txt:2"]


def test_a_version_that_the_requirements_do_not_allow_is_a_warning(world: World) -> None:
    answer = requiring(world, "opencv-python==4.9.0.80", "six>=1.16", app="import cv2, six\n").run("imports")

    (finding,) = told(answer, "FA-IMP-008")
    assert finding["message"] == (
        "services/face/requirements.txt asks for opencv-python==4.9.0.80, and vision has 4.10.0.84"
    )


def test_what_is_imported_and_named_by_nobody_is_a_remark(world: World) -> None:
    answer = requiring(world, "opencv-python", app="import cv2, six\n").run("imports")

    assert places(answer, "FA-IMP-009") == ["services/face/app.py:1"]
    assert [f["subject"] for f in told(answer, "FA-IMP-009")] == ["dist:six"]


def test_a_file_beside_the_script_that_hides_a_distribution_is_a_warning(world: World) -> None:
    world.family(FAMILY, installed("six", {"six.py": "x = 1\n"})).service(SERVICE, "import six\n")
    world.file("services/face/six.py", "y = 2\n")

    assert [f["subject"] for f in told(world.run("imports"), "FA-IMP-010")] == ["module:six"]


def owner_of_cv2(name: str) -> dict[str, Content]:
    """Return a distribution whose RECORD says that it wrote a ``cv2/__init__.py`` of its own."""
    files = installed(name, {"cv2/__init__.py": ""})
    record = next(path for path in files if path.endswith("/RECORD"))
    return {**files, record: f"cv2/__init__.py,sha256={name},1\n"}


def test_two_distributions_that_own_one_file_are_a_warning_where_one_is_reached(world: World) -> None:
    world.family(FAMILY, owner_of_cv2("opencv-python"), owner_of_cv2("opencv-contrib-python"))
    world.service(SERVICE, "import cv2\n")

    (finding,) = told(world.run("imports"), "FA-IMP-011")
    assert finding["subject"] == "dist:opencv-contrib-python+opencv-python"


def test_computed_imports_are_listed(world: World) -> None:
    world.family(FAMILY).service(SERVICE, "import importlib, sys\nimportlib.import_module(sys.argv[1])\n")

    answer = world.run("imports")

    assert answer.code == 0
    assert places(answer, "FA-IMP-012") == ["services/face/app.py:2"]


MODELS = layer_tar({"opt/models.bin": hashlib.shake_256(b"models").digest(21 << 20)})
"""What makes a family so large that another one is worth a word."""


def families(world: World, app: str, *layers: bytes) -> World:
    """Give a service on the family vision, whose parent is smaller and lacks OpenCV."""
    six = installed("six", {"six.py": ""})
    world.family("base", six)
    world.family(FAMILY, six, opencv(), *layers, parent="base", must_contain_pip=["opencv-python", "six"])
    return world.service(SERVICE, app)


def test_a_service_that_needs_nothing_of_its_family_is_shown_the_smaller_one(world: World) -> None:
    answer = families(world, "import six\n", MODELS).run("imports")

    (finding,) = told(answer, "FA-IMP-013")
    assert finding["message"].startswith(
        "face uses nothing of what vision adds (opencv-python); base provides everything that it reaches"
    )
    assert finding["location"]["path"] == "fleet.yaml"
    assert answer.code == 0


def test_a_move_that_saves_little_is_not_worth_a_word(world: World) -> None:
    assert told(families(world, "import six\n").run("imports"), "FA-IMP-013") == []


def test_what_a_service_installs_itself_is_known_where_the_smaller_family_has_it(world: World) -> None:
    six, more = installed("six", {"six.py": ""}), installed("tenacity", {"tenacity.py": ""})
    world.file("services/face/requirements.txt", "tenacity\nelsewhere\n")
    world.family("base", six, more)
    world.family(FAMILY, six, opencv(), MODELS, parent="base", must_contain_pip=["opencv-python"])
    requirements = ["services/face/requirements.txt"]
    world.service(SERVICE, "import six, tenacity\n", requirements=requirements)
    world.service("other", "import six, elsewhere\n", requirements=requirements)

    assert [f["subject"] for f in told(world.run("imports"), "FA-IMP-013")] == ["service:face"]


@pytest.mark.parametrize(
    "app",
    [
        "import cv2\n",
        "def later():\n    import cv2\n",
        "import six\nimport importlib, sys\nimportlib.import_module(sys.argv[1])\n",
        "import six, gone\n",
    ],
)
def test_a_service_that_uses_its_family_or_may_use_it_is_left_alone(world: World, app: str) -> None:
    assert told(families(world, app, MODELS).run("imports"), "FA-IMP-013") == []


def test_a_build_for_a_gpu_on_a_family_without_one_is_a_warning(world: World) -> None:
    gpu = installed("onnxruntime-gpu", {"onnxruntime/__init__.py": ""})
    world.family(FAMILY, gpu).service(SERVICE, "import onnxruntime\n")

    (finding,) = told(world.run("imports"), "FA-IMP-014")
    assert finding["related"] == [{"path": "services/face/app.py", "line": 1}]


def test_a_build_for_a_gpu_belongs_on_a_family_with_one(world: World) -> None:
    gpu = installed("onnxruntime-gpu", {"onnxruntime/__init__.py": ""})
    world.family(FAMILY, gpu, gpu=True).service(SERVICE, "import onnxruntime\n")

    assert told(world.run("imports"), "FA-IMP-014") == []


WAIVED = "# fleet-audit: ignore[FA-IMP-001] mounted at run time"


@pytest.mark.parametrize("app", [f"import gone  {WAIVED}\n", f"{WAIVED}\nimport gone\n"])
def test_a_comment_waives_a_finding_at_its_line_in_every_report(world: World, app: str) -> None:
    world.family(FAMILY).service(SERVICE, app)

    for words in (["imports"], ["deps", FAMILY]):
        answer = world.run(*words, "-o", "text")
        (finding,) = told(answer, "FA-IMP-001")
        assert answer.code == 0
        assert finding["waiver"].endswith("mounted at run time")
        assert "waived" in answer.out


def test_a_comment_waives_a_missing_library_at_the_line_that_leads_to_it(world: World) -> None:
    world.family(FAMILY, opencv("libGL.so.1"))
    world.service(SERVICE, "import cv2  # fleet-audit: ignore[FA-NEED-001] mounted at run time\n")

    answer = world.run("deps", FAMILY)

    assert answer.code == 0
    assert [f["waiver"] for f in told(answer, "FA-NEED-001")] == [
        "services/face/app.py:1: mounted at run time"
    ]


def test_a_comment_that_waives_nothing_more_is_a_remark_where_it_stands(world: World) -> None:
    world.family(FAMILY, opencv()).service(SERVICE, f"import cv2  {WAIVED}\n")

    answer = world.run("imports")

    assert answer.code == 0
    assert places(answer, "FA-SRC-004") == ["services/face/app.py:1"]


def test_a_comment_in_a_file_that_other_services_share_may_serve_them(world: World) -> None:
    world.file("common/eyes.py", f"import cv2  {WAIVED}\n").family(FAMILY, opencv())
    world.service(SERVICE, "import common.eyes\n", first_party_imports=["common/"])

    assert told(world.run("imports"), "FA-SRC-004") == []


def test_a_comment_without_a_reason_waives_nothing(world: World) -> None:
    world.family(FAMILY).service(SERVICE, "import gone  # fleet-audit: ignore[FA-IMP-001]\n")

    answer = world.run("imports")

    assert answer.code == 1
    assert [f["waiver"] for f in told(answer, "FA-IMP-001")] == [None]
    assert places(answer, "FA-SRC-003") == ["services/face/app.py:1"]


def test_what_a_comment_waives_is_suppressed_in_source_for_sarif(world: World) -> None:
    world.family(FAMILY).service(SERVICE, f"import gone  {WAIVED}\n")

    _, out, _ = world.say("imports", "-o", "sarif")

    assert '"kind": "inSource"' in out

"""The knowledge base: what it answers, and what it refuses to load."""

from pathlib import Path

import pytest

from fleet_audit.audit.configuration.problems import ConfigurationError
from fleet_audit.audit.knowledge.base import Knowledge, load_knowledge, packaged_knowledge
from fleet_audit.audit.knowledge.rows import BaseImage, KnowledgeFile
from fleet_audit.audit.model.identity import DistributionName, ModuleName, Soname
from fleet_audit.audit.model.need import Tier


@pytest.fixture(scope="module")
def packaged() -> Knowledge:
    return load_knowledge([packaged_knowledge()])


def written(folder: Path, text: str) -> Knowledge:
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    return load_knowledge([folder])


@pytest.mark.parametrize(
    "name", ["libcuda.so.1", "libcuda.so", "libnvidia-ml.so.1", "libnvidia-ml.so.535.104.05", "nvidia-smi"]
)
def test_the_host_supplies_its_driver(packaged: Knowledge, name: str) -> None:
    assert packaged.host_driver(name) == "nvidia-driver"


@pytest.mark.parametrize(
    "name",
    ["libcudart.so.12", "libcudnn.so.9", "libnvidia-container.so.1", "libnvidia-egl-wayland.so.1", "nvcc"],
)
def test_the_host_does_not_supply_what_only_sounds_like_its_driver(packaged: Knowledge, name: str) -> None:
    assert packaged.host_driver(name) is None


def test_suggestions_come_from_the_nearest_known_package(packaged: Knowledge) -> None:
    assert packaged.suggestions(ModuleName("PIL.Image")) == ("pillow",)
    assert packaged.suggestions(ModuleName("google.protobuf.message")) == ("protobuf",)
    assert packaged.suggestions(ModuleName("cv2"))[0] == "opencv-python-headless"


def test_an_unknown_module_has_no_suggestion(packaged: Knowledge) -> None:
    assert packaged.suggestions(ModuleName("google.unheard_of")) == ()
    assert packaged.suggestions(ModuleName("pil")) == ()


def test_hidden_needs_say_how_badly(packaged: Knowledge) -> None:
    (portaudio,) = packaged.needs_of(DistributionName("sounddevice"))

    assert (portaudio.needs, portaudio.tier) == (("so:libportaudio.so.2",), Tier.REQUIRED)
    assert {row.tier for row in packaged.needs_of(DistributionName("pydub"))} == {Tier.LAZY}
    assert packaged.needs_of(DistributionName("numpy")) == ()


def test_a_preferred_provider_is_named_only_where_there_is_a_reason(packaged: Knowledge) -> None:
    assert packaged.preferred("bin:java") == "default-jre-headless"
    assert packaged.preferred("bin:ffmpeg") is None
    assert packaged.avoided("so:libblas.so.3") == ("libblas3",)
    assert packaged.avoided("bin:ffmpeg") == ()


def test_a_soname_is_gone_only_from_the_suites_that_dropped_it(packaged: Knowledge) -> None:
    gone = packaged.gone(Soname("libssl.so.1.1"), "bookworm")

    assert gone is not None
    assert gone.id == "openssl-1.1"
    assert packaged.gone(Soname("libssl.so.1.1"), "bullseye") is None
    assert packaged.gone(Soname("libssl.so.3"), "bookworm") is None


@pytest.mark.parametrize(
    "name", ["cygpath", "/usr/bin/procfiles", "objdump.exe", "msvcrt.dll", "libobjc.dylib"]
)
def test_what_belongs_to_another_system_is_known(packaged: Knowledge, name: str) -> None:
    assert packaged.other_system(name) is not None


@pytest.mark.parametrize("name", ["objdump", "/usr/bin/ps", "open", "libobjc.so.4", "exec", "sysctl"])
def test_what_linux_has_too_is_not_taken_for_another_system(packaged: Knowledge, name: str) -> None:
    assert packaged.other_system(name) is None


@pytest.mark.parametrize("name", ["onnxruntime-gpu", "cupy-cuda12x", "nvidia-cublas-cu12", "triton"])
def test_what_is_built_for_a_gpu_is_known(packaged: Knowledge, name: str) -> None:
    assert packaged.gpu_build(DistributionName(name)) is not None


@pytest.mark.parametrize("name", ["onnxruntime", "faiss-cpu", "nvidia-ml-py", "torch", "tritonclient"])
def test_what_serves_without_a_gpu_is_not_taken_for_a_build_for_one(packaged: Knowledge, name: str) -> None:
    assert packaged.gpu_build(DistributionName(name)) is None


def test_an_exception_wins_over_a_pattern(tmp_path: Path) -> None:
    knowledge = written(
        tmp_path,
        "never_apt: [{id: gpu, why: w, references: [r], sonames: [libgpu-*], except_sonames: [libgpu-t*]}]",
    )

    assert knowledge.host_driver("libgpu-core.so.1") == "gpu"
    assert knowledge.host_driver("libgpu-tools.so.1") is None


def test_rows_of_a_project_come_beside_the_packaged_ones(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(
        "module_distributions: [{id: own, why: ours, modules: {acme: [acme-core]}}]", encoding="utf-8"
    )

    knowledge = load_knowledge([packaged_knowledge(), tmp_path])

    assert knowledge.suggestions(ModuleName("acme.web")) == ("acme-core",)
    assert knowledge.suggestions(ModuleName("yaml")) == ("pyyaml",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dlopn: []", "knowledge/a.yaml:1: dlopn: unknown key; did you mean 'dlopen'?"),
        (
            "dlopen: [{id: a, distribution: b, needs: ['so:x'], tier: soon, why: w, references: [r]}]",
            "dlopen[0].tier: 'soon' is not one of lazy, optional, required",
        ),
        (
            "dlopen: [{id: a, distribution: b, needs: [libx], tier: lazy, why: w, references: [r]}]",
            "dlopen[0].needs[0]: 'libx' does not have the form",
        ),
        (
            "dlopen: [{id: a, distribution: B_c, needs: ['so:x'], tier: lazy, why: w, references: [r]}]",
            "dlopen[0].distribution: 'B_c' does not have the form",
        ),
        (
            "never_apt: [{id: a, why: w, references: [r], sonames: ['*']}]",
            "never_apt[0].sonames[0]: '*' does",
        ),
        ("never_apt: [{id: a, why: w}]", "never_apt[0]: 'references' is missing"),
        ("never_apt: [{id: a, why: w, references: []}]", "never_apt[0].references: must not be empty"),
        (
            "soname_break:\n- {id: a}\n- {id: a}",
            "knowledge/a.yaml:3: soname_break[1].id: id 'a' is used already, at knowledge/a.yaml:2",
        ),
    ],
)
def test_a_row_that_cannot_be_right_is_refused_at_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        written(tmp_path, text)

    assert message in str(caught.value)


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("what: 1", encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        written(tmp_path, "which: 2")

    assert [p.file for p in caught.value.problems] == ["knowledge/a.yaml", "knowledge/b.yaml"]


def test_an_image_of_others_is_known_by_its_name_and_tag(packaged: Knowledge) -> None:
    found = [packaged.base_image("docker.io/library/python", tag) for tag in ("3.11-slim", "3.11", "")]

    assert [row.id if row else None for row in found] == ["python-slim", "python", "python"]
    assert packaged.base_image("docker.io/acme/python", "3.11-slim") is None


def test_a_release_ends_on_the_same_day_in_all_of_its_updates(packaged: Knowledge) -> None:
    assert packaged.support_end("debian", "11") == packaged.support_end("debian", "11.11") == "2026-08-31"
    assert packaged.support_end("debian", "111") == packaged.support_end("ubuntu", "11") == ""


def test_a_later_file_speaks_before_an_earlier_one_of_an_image_of_others() -> None:
    rows = [
        KnowledgeFile(
            base_images=(BaseImage(id=name, why="-", references=("-",), repositories=("docker.io/acme/x",)),)
        )
        for name in ("first", "second")
    ]

    found = Knowledge(rows).base_image("docker.io/acme/x", "1")

    assert found is not None
    assert found.id == "second"


@pytest.mark.parametrize(
    ("soname", "wheel"),
    [
        ("libcudart.so.12", "nvidia-cuda-runtime-cu12"),
        ("libcudart.so.11.0", "nvidia-cuda-runtime-cu11"),
        ("libcudnn_ops.so.9", "nvidia-cudnn-cu12"),
        ("libnppicc.so.12", "nvidia-npp-cu12"),
    ],
)
def test_what_wheels_bring_is_known_by_its_soname(packaged: Knowledge, soname: str, wheel: str) -> None:
    row = packaged.of_pypi(soname)

    assert row is not None
    assert row.distributions[0] == wheel


@pytest.mark.parametrize("soname", ["libcudart.so.99", "libcuda.so.1", "libGL.so.1", "libcudnn.so"])
def test_what_no_wheel_is_known_to_bring_has_no_row(packaged: Knowledge, soname: str) -> None:
    assert packaged.of_pypi(soname) is None


def test_nothing_is_installed_for_plugins_that_want_a_database(packaged: Knowledge) -> None:
    plugin = "/usr/lib/python3/dist-packages/PySide6/Qt/plugins/sqldrivers/libqsqloci.so"

    assert packaged.need_not("libclntsh.so.23.1", plugin) is not None
    assert packaged.need_not("libQt6Core.so.6", plugin) is None
    assert packaged.need_not("libclntsh.so.23.1", "/app/libqsqloci.so") is None


@pytest.mark.parametrize(
    "package",
    ["libcuda1", "libnvidia-compute-535", "nvidia-driver-libs", "libglx-nvidia0", "cuda-drivers-535"],
)
def test_packages_of_the_hosts_driver_are_forbidden(packaged: Knowledge, package: str) -> None:
    assert packaged.is_forbidden(package)


@pytest.mark.parametrize(
    "package", ["libnvidia-egl-wayland1", "libnvidia-container1", "nvidia-container-toolkit", "libgl1"]
)
def test_packages_that_only_sound_like_the_driver_are_not_forbidden(
    packaged: Knowledge, package: str
) -> None:
    assert not packaged.is_forbidden(package)


def test_an_old_name_of_a_package_means_the_new_one_where_there_is_no_old_one(packaged: Knowledge) -> None:
    assert packaged.package_meant("libgl1-mesa-glx", "trixie") == "libgl1"
    assert packaged.package_meant("libgl1-mesa-glx", "bookworm") == "libgl1-mesa-glx"
    assert packaged.package_meant("libgl1", "trixie") == "libgl1"


def test_apt_get_takes_an_old_name_only_where_a_package_provides_it(packaged: Knowledge) -> None:
    assert packaged.installed_as("libglib2.0-0", "trixie") == "libglib2.0-0t64"
    assert packaged.installed_as("libglib2.0-0", "bookworm") == "libglib2.0-0"
    assert packaged.installed_as("libgl1-mesa-glx", "trixie") == "libgl1-mesa-glx"


def test_a_choice_between_packages_holds_in_the_suites_of_its_row(packaged: Knowledge) -> None:
    assert packaged.preferred("so:libavcodec.so.59", "bookworm") == "libavcodec59"
    assert packaged.preferred("so:libavcodec.so.59", "trixie") is None


def test_names_that_decide_about_remedies_are_watched(packaged: Knowledge) -> None:
    assert {"imshow", "waitKey", "namedWindow"} <= set(packaged.watched["cv2"])
    assert "imread" not in packaged.watched["cv2"]


def test_every_remedy_says_what_to_do() -> None:
    rows = load_knowledge([packaged_knowledge()]).remedies

    assert [row.id for row in rows if (row.swap is None) == (row.add is None)] == []
    assert [row.id for row in rows if row.swap is not None and not row.distributions] == []

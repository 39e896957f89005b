"""What requirement files, project files and locks name."""

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import DistributionName
from fleet_audit.audit.model.imports import ProviderKind
from fleet_audit.audit.static_imports.distributions.requirement_tables import TableUnreadable, asked_in_tables
from fleet_audit.audit.static_imports.distributions.requirements import (
    Requirements,
    compared,
    marker_environment,
    read_requirements,
)
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.pythons import distribution, examination
from tests.support.trees import tree

MARKERS = marker_environment((3, 11, 4), "aarch64")


def read(text: str, file: str = "requirements.txt", **others: str) -> Requirements:
    return read_requirements(tree({file: text, **others}), [file], MARKERS)


def shown(found: Requirements) -> list[tuple[str, str, int]]:
    return [(r.name, r.specifier, r.location.line) for r in found.every]


def test_specifiers_extras_hashes_and_options_are_told_apart() -> None:
    text = (
        "--index-url x\nNumPy[extra] >= 1.0, <2  # why\n"
        "torch==2.1 \\\n  --hash=sha256:00 \\\n  --hash=sha256:11\n"
        "# -r gone.txt \\\nrich --config-settings x=y\n\n"
    )
    assert shown(read(text)) == [("numpy", "<2,>=1.0", 2), ("torch", "==2.1", 3), ("rich", "", 7)]


@pytest.mark.parametrize(
    ("marker", "is_required"),
    [
        ("python_version >= '3.11'", True),
        ("python_version < '3.11'", False),
        ("python_full_version == '3.11.4'", True),
        ("sys_platform == 'win32'", False),
        ("platform_machine == 'aarch64' and platform_system == 'Linux'", True),
        ("platform_machine == 'x86_64'", False),
        ("extra == 'test'", False),
        ("platform_release >= '6'", True),
    ],
)
def test_markers_are_judged_for_the_images_python(marker: str, is_required: bool) -> None:
    assert bool(read(f"numpy; {marker}\n").every) is is_required


def test_without_an_image_every_marker_may_hold() -> None:
    files = tree({"r.txt": "a; python_version < '3'\n"})
    assert [r.name for r in read_requirements(files, ["r.txt"]).every] == ["a"]


def test_constraints_name_what_nobody_asked_for() -> None:
    found = read(
        "-c limits.txt\nnumpy\n", **{"limits.txt": "numpy==1.26\nscipy==1\n-r more.txt\n", "more.txt": "b\n"}
    )
    assert [(r.name, r.specifier, r.is_constraint) for r in found.every] == [
        ("numpy", "", False),
        ("numpy", "==1.26", True),
        ("scipy", "==1", True),
        ("b", "", True),
    ]
    assert list(found.installs) == ["numpy"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("-e git+ssh://archive.example/x.git@v1#egg=My_Pkg", "my-pkg"),
        ("git+https://archive.example/x.git#subdirectory=a&egg=other", "other"),
        ("https://archive.example/x/Foo_Bar-1.0-py3-none-any.whl#sha256=00", "foo-bar"),
        ("./wheels/foo-2.0-cp311-cp311-linux_x86_64.whl", "foo"),
        ("urllib3 @ file:///x.whl", "urllib3"),
        ("-e ./libs/common[web]", "common-code"),
        ("libs/../libs/common/ ; python_version > '3'", None),
        ("--editable=.", None),
        ("-e https://archive.example/x.tar.gz", None),
        ("!!", None),
    ],
)
def test_addresses_and_folders_name_a_distribution_or_are_a_gap(line: str, name: str | None) -> None:
    project = '[build-system]\nname = "no"\n[project]\nname = "Common.Code"\n[tool]\nname = "no"\n'
    found = read(f"{line}\n", **{"libs/common/pyproject.toml": project})
    assert [r.name for r in found.every] == ([] if name is None else [name])
    expected = [] if name is not None else [(GapKind.NOT_EXAMINED, "requirements.txt:1", False)]
    assert [(gap.kind, str(gap.location), gap.blocking) for gap in found.gaps] == expected


def test_a_project_file_names_its_dependencies_with_their_lines() -> None:
    text = (
        '[project]\nname = "x"\ndependencies = [\n  "numpy>=1",\n  "rich; python_version < \'3\'",\n]\n'
        '[project.optional-dependencies]\ndev = ["pytest"]\n[tool.setuptools.dynamic]\n'
        'dependencies = {file = ["more.txt"]}\n[tool.poetry.dependencies]\npython = "^3.11"\ntorch = "^2.1"\n'
    )
    found = read(text, "pyproject.toml", **{"more.txt": "scipy\n"})
    assert shown(found) == [("numpy", ">=1", 4), ("torch", "", 13), ("scipy", "", 1)]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "uv.lock",
            '[[package]]\nname = "a"\nversion = "1"\n[[package]]\nname = "own"\nsource = {editable = "."}\n',
        ),
        ("poetry.lock", '[[package]]\nname = "a"\nversion = "1"\n'),
        ("pylock.toml", '[[packages]]\nname = "a"\nversion = "1"\n'),
        ("Pipfile.lock", '{"default":\n{"a": {"version": "==1"}}, "develop": {"b": {}}}'),
    ],
)
def test_a_lock_says_what_is_installed_and_nobody_asked_for(file: str, text: str) -> None:
    found = read(text, file)
    assert shown(found) == [("a", "==1", 2)]
    assert (list(found.installs), found.asked) == (["a"], frozenset())


def test_a_pipfile_names_packages() -> None:
    text = '[packages]\na = "*"\nb = "==2"\n[dev-packages]\nc = "*"\n'
    assert shown(read(text, "Pipfile")) == [("a", "", 2), ("b", "==2", 3)]


@pytest.mark.parametrize(
    "text", ["[", "a = " + "[" * 20_000, "[project]\ndependencies = 7\n[[package]]\n[package]"]
)
def test_a_damaged_project_file_is_a_gap(text: str) -> None:
    (gap,) = read(text, "pyproject.toml").gaps
    assert (gap.kind, gap.blocking) == (GapKind.UNREADABLE_FILE, True)


def test_tables_of_another_shape_name_nothing() -> None:
    assert asked_in_tables("pyproject.toml", "project = 1\n[tool]\npoetry = []\n") == ()
    assert asked_in_tables("uv.lock", "package = [1, {name = 2}]\n") == ()
    with pytest.raises(TableUnreadable):
        asked_in_tables("Pipfile.lock", "{")


@pytest.mark.parametrize("file", ["setup.py", "environment.yml"])
def test_a_file_of_another_form_is_a_harmless_gap_that_names_it(file: str) -> None:
    (gap,) = read("numpy", file).gaps
    assert (gap.kind, gap.what, gap.blocking) == (GapKind.NOT_EXAMINED, file, False)


def test_long_lines_of_hashes_and_blanks_are_read_at_once() -> None:
    blanks = " " * 300_000
    text = f"numpy{blanks}# x\ntorch{' --hash=sha256:00' * 20_000}\nrich{'#egg' * 50_000}\n"
    assert [r.name for r in read(text).every] == ["numpy", "torch"]


def test_requirements_stand_beside_what_is_installed() -> None:
    found = read("a==1.0\nb>=2\nc\nd==1\ne==1\n")
    versions = {
        DistributionName(n): v for n, v in {"a": "1.0.0", "b": "1.9", "c": "3", "e": "odd version"}.items()
    }
    assert [(r.name, r.installed, r.is_satisfied) for r in compared(found, versions)] == [
        ("a", "1.0.0", True),
        ("b", "1.9", False),
        ("c", "3", None),
        ("d", "", None),
        ("e", "odd version", None),
    ]


def test_a_services_answer_holds_its_requirements_and_the_versions_of_the_image() -> None:
    service = ServiceCode("svc", "app.py", requirements=("r.txt",))
    sources = {"app.py": "import numpy\n", "r.txt": "numpy==2.0\nrich; sys_platform == 'win32'\n"}
    image = distribution("numpy", "1.26", {"numpy/__init__.py": ""})
    (answer,) = examination(sources, image, services=[service]).services
    (required,) = answer.requirements
    assert (required.specifier, required.installed, required.is_satisfied) == ("==2.0", "1.26", False)


def test_what_a_lock_names_is_provided_by_the_service_and_never_called_unused() -> None:
    service = ServiceCode("svc", "app.py", requirements=("uv.lock",))
    lock = '[[package]]\nname = "yaml"\nversion = "1"\n[[package]]\nname = "left"\nversion = "1"\n'
    (answer,) = examination({"app.py": "import yaml\n", "uv.lock": lock}, {}, services=[service]).services
    assert [i.provided_by for i in answer.imports] == [ProviderKind.SERVICE]
    assert answer.unused_distributions == ()

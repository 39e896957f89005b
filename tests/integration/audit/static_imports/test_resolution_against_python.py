"""Where modules are found, against what real interpreters say of themselves."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from fleet_audit.audit.images.folder import open_folder
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.model.imports import ProviderKind
from fleet_audit.audit.static_imports.examine import examine
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter, find_interpreter
from fleet_audit.audit.static_imports.service_code import ServiceCode
from tests.support.resolution import Answer, Found, Truth, answer, question
from tests.support.roots import wheel_files
from tests.support.trees import tree

pytestmark = pytest.mark.integration

BACKENDS = Path(__file__).parents[3] / "fixtures" / "wheels" / "build-backends.txt"
PYTHONS = [path for path in (sys.executable, "/usr/bin/python3") if os.path.exists(path)]
"""The Python that runs this test, in its virtual environment, and the system's own where there is one."""


def ask(python: str, *options: str, names: Sequence[str] = (), **env: str) -> Answer:
    """Return what a Python says of its path, of modules, and of what it loads at start."""
    plain = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **env}
    done = subprocess.run(  # noqa: S603  (a Python of this machine, and a program that asks it)
        [python, *options, *question(names)],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
        env=plain,
        cwd="/",
    )
    return answer(done.stdout)


def found(python: str, *options: str, **env: str) -> Interpreter:
    config = ImageConfig(
        env={"PATH": str(Path(python).parent), "HOME": "/nonexistent", **env}, entrypoint=(python, *options)
    )
    interpreter = find_interpreter(open_folder(Path("/")), config)
    assert interpreter is not None
    return interpreter


@pytest.fixture
def user_base(tmp_path: Path) -> str:
    """Return a user's own folder of packages, with a ``.pth`` file, for the version of each Python."""
    for minor in range(8, 20):
        site = tmp_path / f"user/lib/python3.{minor}/site-packages"
        site.mkdir(parents=True)
        (site / "own.pth").write_text(
            f"# comment\n{tmp_path}/added\n../more\n\nnot-there\n", encoding="utf-8"
        )
        (site.parent / "more").mkdir()
    (tmp_path / "added").mkdir()
    return str(tmp_path / "user")


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(
    "options",
    [(), ("-I",), ("-E",), ("-s",), ("-S",), ("-sE",), ("-W", "ignore", "-B")],
    ids=" ".join,
)
def test_the_search_path_is_that_of_the_interpreter(
    python: str, options: tuple[str, ...], user_base: str
) -> None:
    env = {"PYTHONUSERBASE": user_base, "PYTHONPATH": f"{user_base}:/nonexistent:"}
    really = ask(python, *options, **env).path
    ours = found(python, *options, **env)
    before = [""] if ours.has_script_folder else []
    # What is started with ``-c`` has the working folder first; PYTHONPATH's empty entry means it too.
    assert [*before, *ours.search_path] == really


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("variable", ["PYTHONNOUSERSITE", "PYTHONSAFEPATH"])
def test_variables_change_the_search_path_as_they_do_for_the_interpreter(
    python: str, variable: str, user_base: str
) -> None:
    env = {"PYTHONUSERBASE": user_base, variable: "1"}
    really = ask(python, **env).path
    ours = found(python, **env)
    assert [*([""] if ours.has_script_folder else []), *ours.search_path] == really


@pytest.mark.parametrize("python", PYTHONS)
def test_every_module_that_the_interpreter_finds_is_found_in_the_same_file(python: str) -> None:
    really = ask(python).modules
    assert len(really) > 1_000
    assert Found(found(python), open_folder(Path("/"))).differences(really) == []


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has build backends."""
    folder = tmp_path_factory.mktemp("backends")
    for wheel in wheel_files(BACKENDS):
        with zipfile.ZipFile(wheel) as opened:
            opened.extractall(folder)
    return folder


class Environment:
    """A fresh virtual environment that editable installs and other things are put into."""

    def __init__(self, folder: Path, backends: Path, *, has_system_site: bool = False) -> None:
        venv.create(folder, system_site_packages=has_system_site, symlinks=True)
        self.python = str(folder / "bin" / "python3")
        self.site = folder / f"lib/python3.{sys.version_info.minor}/site-packages"
        self._backends = backends

    def install_editable(self, project: Path, backend: str, **settings: str) -> None:
        """Install a project as an installer does: build its editable wheel and unpack that (PEP 660)."""
        built = project.parent / f"{project.name}-wheel"
        built.mkdir()
        call = f"import {backend} as b, sys; print(b.build_editable({str(built)!r}, {settings!r}))"
        done = subprocess.run(  # noqa: S603  (this Python, and a build backend that is pinned by its digest)
            [sys.executable, "-c", call],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self._backends), "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        # What these wheels require in their turn is the package that their finders call.
        for wheel in (*built.glob("*.whl"), *self._wheels("editables")):
            with zipfile.ZipFile(wheel) as opened:
                opened.extractall(self.site)

    @staticmethod
    def _wheels(name: str) -> list[Path]:
        return [wheel for wheel in wheel_files(BACKENDS) if wheel.name.startswith(f"{name}-")]

    def differing(self, *names: str) -> tuple[list[str], dict[str, Truth]]:
        """Return what differs of these modules and all below, and what the interpreter found."""
        really = ask(self.python, names=names).modules
        return Found(found(self.python), open_folder(Path("/"))).differences(really), really


@pytest.fixture
def environment(tmp_path: Path, backends: Path) -> Environment:
    return Environment(tmp_path / "venv", backends)


def project(folder: Path, pyproject: str, *files: str) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    return folder


MODULES = ("mine/__init__.py", "mine/sub/__init__.py", "mine/sub/deep.py", "mine/data/part.py")
FLAT = (*MODULES, "single.py", "space/portion/__init__.py", "space/portion/inner.py", "tests/no.py")
SETUPTOOLS = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mine"
version = "1.0"
[tool.setuptools]
"""
PACKAGES = 'py-modules = ["single"]\npackages = ["mine", "mine.sub", "space.portion"]\n'


@pytest.mark.parametrize("mode", ["lenient", "compat", "strict"])
def test_flat_projects_of_setuptools_are_found_where_their_editable_install_leads(
    mode: str, environment: Environment, tmp_path: Path
) -> None:
    flat = project(tmp_path / "flat", SETUPTOOLS + PACKAGES, *FLAT)
    environment.install_editable(flat, "setuptools.build_meta", editable_mode=mode)
    different, really = environment.differing("mine", "single", "space.portion.inner", "tests", "gone")
    assert different == []
    assert {"mine.sub.deep", "single", "space.portion.inner"} <= really.keys()
    assert really["mine.sub.deep"] is not None


def test_projects_whose_folders_are_called_otherwise_are_found(
    environment: Environment, tmp_path: Path
) -> None:
    folders = '[tool.setuptools.package-dir]\nmine = "code/a"\nother = "b"\n'
    mapped = 'packages = ["mine", "mine.sub", "other"]\n' + folders
    files = ("code/a/__init__.py", "code/a/sub/__init__.py", "b/__init__.py", "b/x.py")
    environment.install_editable(
        project(tmp_path / "mapped", SETUPTOOLS + mapped, *files), "setuptools.build_meta"
    )
    different, really = environment.differing("mine", "other")
    assert different == []
    assert really["other.x"] is not None


def test_projects_with_a_source_folder_are_found(environment: Environment, tmp_path: Path) -> None:
    where = '[tool.setuptools.packages.find]\nwhere = ["src"]\n'
    files = [f"src/{name}" for name in MODULES]
    environment.install_editable(project(tmp_path / "p", SETUPTOOLS + where, *files), "setuptools.build_meta")
    different, really = environment.differing("mine")
    assert different == []
    assert really["mine.sub.deep"] is not None


HATCH = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "mine"
version = "1.0"
[tool.hatch.build.targets.wheel]
"""


@pytest.mark.parametrize(
    "layout",
    [
        'packages = ["src/mine"]\n',
        'only-include = ["src"]\nsources = ["src"]\n',
        'packages = ["src/mine"]\n[tool.hatch.build]\ndev-mode-exact = true\n',
    ],
)
def test_projects_of_hatchling_are_found(layout: str, environment: Environment, tmp_path: Path) -> None:
    files = [f"src/{name}" for name in MODULES]
    environment.install_editable(project(tmp_path / "p", HATCH + layout, *files), "hatchling.build")
    different, really = environment.differing("mine")
    assert different == []
    assert really["mine.sub.deep"] is not None


NAMED = '[project]\nname = "mine"\nversion = "1.0"\ndescription = "x"\n'
PDM = NAMED + '[tool.pdm.build]\npackage-dir = "src"\n'


@pytest.mark.parametrize(
    ("backend", "pyproject"),
    [
        ("flit_core.buildapi", NAMED),
        ("pdm.backend", PDM),
        ("pdm.backend", PDM + 'editable-backend = "editables"\n'),
    ],
)
def test_projects_of_other_backends_are_found(
    backend: str, pyproject: str, environment: Environment, tmp_path: Path
) -> None:
    files = [f"src/{name}" for name in MODULES]
    environment.install_editable(project(tmp_path / "p", pyproject, *files), backend)
    different, really = environment.differing("mine")
    assert different == []
    assert really["mine.sub.deep"] is not None


SCIKIT = NAMED + '[tool.scikit-build]\nwheel.cmake = false\nwheel.packages = ["src/mine"]\n'


@pytest.mark.parametrize("mode", ["redirect", "inplace"])
def test_projects_of_scikit_build_core_are_found(mode: str, environment: Environment, tmp_path: Path) -> None:
    files = [f"src/{name}" for name in MODULES]
    pyproject = f'{SCIKIT}editable.mode = "{mode}"\n'
    environment.install_editable(project(tmp_path / "p", pyproject, *files), "scikit_build_core.build")
    different, really = environment.differing("mine")
    assert different == []
    assert really["mine.sub.deep"] is not None


MESON = NAMED + '[tool.meson-python]\nmeson = "meson.py"\n'
MESON_BUILD = """
project('mine', version: '1.0')
python = import('python').find_installation(pure: true)
python.install_sources('src/mine/__init__.py', 'kept.py', subdir: 'mine')
install_subdir('src/mine/sub', install_dir: python.get_install_dir() / 'mine')
install_subdir('src/mine/data', install_dir: python.get_install_dir() / 'mine', exclude_files: 'part.py')
configure_file(output: 'made.py', configuration: {'x': 1}, install: true,
    install_dir: python.get_install_dir() / 'mine')
python.install_sources('single.py')
"""


def test_projects_of_meson_python_are_found(
    environment: Environment, tmp_path: Path, backends: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ninja,) = backends.glob("ninja-*.data/scripts/ninja")
    ninja.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ninja.parent}:{os.environ['PATH']}")
    files = [*(f"src/{name}" for name in MODULES), "src/mine/data/other.py", "kept.py", "single.py", "no.py"]
    folder = project(tmp_path / "p", MESON, *files)
    (folder / "meson.py").write_text("from mesonbuild.mesonmain import main\nmain()\n", encoding="utf-8")
    (folder / "meson.build").write_text(MESON_BUILD, encoding="utf-8")
    environment.install_editable(folder, "mesonpy")
    different, really = environment.differing("mine", "mine.data.other", "mine.data.part", "single", "no")
    assert different == []
    assert {name for name, found in really.items() if found is not None} == {
        "mine",
        "mine.data",
        "mine.data.other",
        "mine.kept",
        "mine.made",
        "mine.sub",
        "mine.sub.deep",
        "single",
    }


def test_what_stands_in_archives_on_the_path_is_found_as_the_interpreter_finds_it(
    environment: Environment,
) -> None:
    with zipfile.ZipFile(environment.site / "lib.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name in ("whole/__init__.py", "whole/m.py", "bare/m.py", "one.py", "b.py", "b.pyc", "fast.so"):
            made.writestr(name, "")
        made.writestr(zipfile.ZipInfo("listed/"), "")
        made.writestr("listed/m.py", "")
        made.writestr("inside/src/within.py", "")
    (environment.site / "no.zip").write_bytes(b"PK\5\6 is no archive")
    pex = environment.site / "app.pex"
    pex.write_bytes(b"#!/usr/bin/env python3\n" + (environment.site / "lib.zip").read_bytes())
    (environment.site / "a.pth").write_text(
        "no.zip\napp.pex\nlib.zip\nlib.zip/inside/src\n", encoding="utf-8"
    )
    names = ("whole", "bare", "one", "b", "fast", "listed", "inside", "within")
    different, really = environment.differing(*names)
    assert different == []
    assert really["one"] == (f"{environment.site}/app.pex/one.py", None)


def test_packages_that_add_their_parts_elsewhere_are_found_as_the_interpreter_imports_them(
    environment: Environment, tmp_path: Path
) -> None:
    for folder, inner in ((environment.site, "here"), (tmp_path / "other", "there")):
        (folder / "old").mkdir(parents=True)
        text = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
        (folder / "old" / "__init__.py").write_text(text, encoding="utf-8")
        (folder / "old" / f"{inner}.py").write_text("", encoding="utf-8")
    (environment.site / "a.pth").write_text(f"{tmp_path}/other\n", encoding="utf-8")
    program = "import json, old.here, old.there; print(json.dumps([old.here.__file__, old.there.__file__]))"
    done = subprocess.run(  # noqa: S603  (a Python of this machine, and the program above)
        [environment.python, "-c", program], capture_output=True, check=True, text=True, timeout=60
    )
    finder = Found(found(environment.python), open_folder(Path("/"))).finder
    modules = [finder.find(name) for name in ("old.here", "old.there")]
    files = [module.file.path for module in modules if module is not None and module.file is not None]
    assert files == json.loads(done.stdout)


SHADOWING = (
    "abc",
    "codecs",
    "colorsys",
    "genericpath",
    "io",
    "os",
    "posixpath",
    "queue",
    "site",
    "stat",
    "sys",
    "this",
)


@pytest.mark.parametrize("options", [(), ("-I",)], ids=" ".join)
def test_files_beside_the_script_are_taken_where_the_interpreter_takes_them(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    for name in SHADOWING:
        (tmp_path / f"{name}.py").write_text("mine = True\n", encoding="utf-8")
    imports = "".join(f"import {name}\n" for name in SHADOWING)
    ask_each = f"import sys\nprint([n for n in {SHADOWING!r} if hasattr(sys.modules[n], 'mine')])\n"
    (tmp_path / "app.py").write_text(imports + ask_each, encoding="utf-8")
    done = subprocess.run(  # noqa: S603  (this Python, and the program above)
        [sys.executable, *options, str(tmp_path / "app.py")],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    interpreter = found(sys.executable, *options)
    service = ServiceCode("svc", "app.py", pythonpath=())
    examined = examine([service], open_folder(tmp_path), open_folder(Path("/")), interpreter, records=None)
    own = {i.module for i in examined.services[0].imports if i.provided_by is ProviderKind.FIRST_PARTY}
    assert str(sorted(own)) == done.stdout.strip().splitlines()[-1]
    assert {shadowing.module for shadowing in examined.services[0].shadowings} == own


def test_an_environment_that_is_open_to_the_system_has_both_paths(tmp_path: Path, backends: Path) -> None:
    made = Environment(tmp_path / "venv", backends, has_system_site=True)
    assert ["", *found(made.python).search_path] == ask(made.python).path


def test_what_every_process_imports_at_start_is_what_the_interpreter_has_loaded(
    environment: Environment,
) -> None:
    site = environment.site
    (site / "a.pth").write_text(
        "import os; enabled = 1; enabled and __import__('hook').start()\n", encoding="utf-8"
    )
    (site / "b.pth").write_text("import gone_entirely\n", encoding="utf-8")
    (site / "hook").mkdir()
    (site / "hook" / "__init__.py").write_text(
        "from . import first\ndef start():\n    pass\n", encoding="utf-8"
    )
    (site / "hook" / "first.py").write_text("def f():\n    import late\n", encoding="utf-8")
    (site / "late.py").write_text("", encoding="utf-8")
    (site / "sitecustomize.py").write_text("import customised\n", encoding="utf-8")
    (site / "customised.py").write_text("", encoding="utf-8")
    loaded = ask(environment.python).loaded
    services = [ServiceCode("svc", "app.py")]
    examined = examine(
        services, tree({"app.py": ""}), open_folder(Path("/")), found(environment.python), records=None
    )
    ours = {
        edge.target.name
        for edge in examined.edges
        if edge.target.kind.value == "module" and not edge.target.name.endswith(".pth")
    }
    made = {"hook", "hook.first", "late", "sitecustomize", "customised"}
    assert made & loaded == {"hook", "hook.first", "sitecustomize", "customised"}
    assert made & ours == made & loaded

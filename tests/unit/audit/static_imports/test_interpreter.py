"""Which Python an image runs, and where that looks for modules."""

from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.interpreter import Interpreter, find_interpreter
from tests.support.trees import FOLDER, Link, tree

EXE = b"\x7fELF"
OFFICIAL = {
    "/usr/local/bin/python3.11": EXE,
    "/usr/local/bin/python3": Link("python3.11"),
    "/usr/local/lib/python3.11/os.py": "",
    "/usr/local/lib/python3.11/lib-dynload/math.cpython-311-aarch64-linux-gnu.so": EXE,
    "/usr/local/lib/python3.11/site-packages": FOLDER,
}
DEBIAN = {
    "/usr/bin/python3.11": EXE,
    "/usr/bin/python3": Link("python3.11"),
    "/bin": Link("usr/bin"),
    "/usr/lib/python3.11/os.py": "",
    "/usr/lib/python3/dist-packages": FOLDER,
    "/etc/debian_version": "12.5\n",
}


def found(files: dict[str, bytes | str | Link | None], wanted: str = "", **env: str) -> Interpreter:
    interpreter = find_interpreter(tree(files), ImageConfig(env=env), wanted)
    assert interpreter is not None
    return interpreter


def test_the_official_image_has_its_packages_below_usr_local() -> None:
    python = found({**OFFICIAL}, PYTHON_VERSION="3.11.9")
    assert python.version == (3, 11, 9)
    assert python.executable == "/usr/local/bin/python3.11"
    assert python.search_path == (
        "/usr/local/lib/python311.zip",
        "/usr/local/lib/python3.11",
        "/usr/local/lib/python3.11/lib-dynload",
        "/usr/local/lib/python3.11/site-packages",
    )
    assert python.site_folders == ("/usr/local/lib/python3.11/site-packages",)


def test_the_tag_of_extension_modules_is_the_images_own() -> None:
    assert found({**OFFICIAL}).suffixes == (".cpython-311-aarch64-linux-gnu.so", ".abi3.so", ".so")


def test_debians_python_reads_dist_packages() -> None:
    assert found({**DEBIAN}).site_folders == (
        "/usr/local/lib/python3.11/dist-packages",
        "/usr/lib/python3/dist-packages",
        "/usr/lib/python3.11/dist-packages",
    )


def test_of_two_pythons_the_first_on_the_path_is_taken_and_the_other_can_be_asked_for() -> None:
    both = {**DEBIAN, **OFFICIAL, "/usr/bin/python3.9": EXE, "/usr/lib/python3.9/os.py": ""}
    assert found(both).executable == "/usr/local/bin/python3.11"
    assert found(both, PATH="/usr/bin").executable == "/usr/bin/python3.11"
    assert found(both, "3.9").executable == "/usr/bin/python3.9"
    assert find_interpreter(tree(both), ImageConfig(), "3.8") is None


def test_a_virtual_environment_on_the_path_has_its_own_packages_only() -> None:
    venv = {
        **OFFICIAL,
        "/opt/venv/bin/python3": Link("/usr/local/bin/python3.11"),
        "/opt/venv/pyvenv.cfg": "home = /usr/local/bin\ninclude-system-site-packages = false\n",
        "/opt/venv/lib/python3.11/site-packages": FOLDER,
    }
    python = found(venv, PATH="/opt/venv/bin:/usr/local/bin")
    assert python.site_folders == ("/opt/venv/lib/python3.11/site-packages",)
    assert "/usr/local/lib/python3.11" in python.search_path


def test_a_virtual_environment_may_be_open_to_the_system() -> None:
    venv = {
        **OFFICIAL,
        "/opt/venv/bin/python3": Link("/usr/local/bin/python3.11"),
        "/opt/venv/pyvenv.cfg": "home = /usr/local/bin\ninclude-system-site-packages = true\n",
    }
    assert found(venv, PATH="/opt/venv/bin").site_folders == (
        "/opt/venv/lib/python3.11/site-packages",
        "/usr/local/lib/python3.11/site-packages",
    )


def test_the_interpreter_that_the_entry_point_names_comes_first() -> None:
    files = {**OFFICIAL, **DEBIAN}
    config = ImageConfig(entrypoint=("/usr/bin/python3", "app.py"))
    python = find_interpreter(tree(files), config)
    assert python is not None
    assert python.executable == "/usr/bin/python3.11"


def test_pythonpath_comes_before_everything() -> None:
    assert found({**OFFICIAL}, PYTHONPATH="/app:/lib/x").search_path[:2] == ("/app", "/lib/x")


def test_plain_lines_of_pth_files_are_added_and_code_is_not_run() -> None:
    site = "/usr/local/lib/python3.11/site-packages"
    pth = "# comment\nimport os; os.system('x')\n/srv/lib\n../more\n/not/there\n"
    files = {**OFFICIAL, f"{site}/a.pth": pth, "/srv/lib": FOLDER, "/usr/local/lib/python3.11/more": FOLDER}
    assert found(files).search_path[-2:] == ("/srv/lib", "/usr/local/lib/python3.11/more")


def test_an_image_with_an_executable_and_no_standard_library_has_no_python() -> None:
    assert find_interpreter(tree({"/usr/bin/python3": EXE}), ImageConfig()) is None


def test_a_link_that_leads_nowhere_is_no_interpreter() -> None:
    assert find_interpreter(tree({"/usr/bin/python3": Link("/gone/python3")}), ImageConfig()) is None


def test_packages_below_the_users_home_count() -> None:
    site = "/home/app/.local/lib/python3.11/site-packages"
    python = find_interpreter(tree({**OFFICIAL, site: FOLDER}), ImageConfig(user="app:app"))
    assert python is not None
    assert ImagePath(site) in python.site_folders

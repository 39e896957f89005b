"""Which Python an image runs, and where that looks for modules."""

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.resolution.interpreter import Interpreter, find_interpreter
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
    "/usr/local/lib/python3.11/dist-packages": FOLDER,
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
        "/opt/venv/lib/python3.11/site-packages": FOLDER,
        "/opt/venv/lib64": Link("lib"),
    }
    assert found(venv, PATH="/opt/venv/bin").site_folders == (
        "/opt/venv/lib/python3.11/site-packages",
        "/usr/local/lib/python3.11/site-packages",
    )


def test_the_interpreter_that_the_entry_point_names_comes_first() -> None:
    files = {**OFFICIAL, **DEBIAN}
    for words in (("/usr/bin/python3", "app.py"), ("tini", "--", "/usr/bin/python3", "app.py")):
        python = find_interpreter(tree(files), ImageConfig(entrypoint=words))
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


SITE = "/usr/local/lib/python3.11/site-packages"


def test_what_pth_files_add_stands_behind_their_own_folder_and_before_the_next_site() -> None:
    user = "/root/.local/lib/python3.11/site-packages"
    files = {
        **OFFICIAL,
        f"{user}/a.pth": "/srv/a\n",
        f"{SITE}/b.pth": "/srv/b\n",
        "/srv/a": FOLDER,
        "/srv/b": FOLDER,
    }
    assert found(files).site_folders == (user, "/srv/a", SITE, "/srv/b")


def test_folders_that_code_of_a_pth_file_adds_are_searched_with_their_own_pth_files() -> None:
    files = {
        **OFFICIAL,
        f"{SITE}/a.pth": "import site; site.addsitedir('/srv/a')\n",
        "/srv/a/b.pth": "import sys; sys.path.insert(0, '/srv/first')\n/srv/last\n",
        "/srv/last": FOLDER,
    }
    python = found(files)
    assert (python.search_path[0], *python.search_path[-2:]) == ("/srv/first", "/srv/a", "/srv/last")
    assert python.startup == (f"{SITE}/a.pth", "/srv/a/b.pth")


def test_site_folders_that_add_each_other_come_to_an_end() -> None:
    files = {**OFFICIAL, f"{SITE}/a.pth": f"import site; site.addsitedir('{SITE}')\n"}
    assert found(files).site_folders == (SITE,)


def test_a_path_edit_of_a_pth_file_that_cannot_be_evaluated_is_a_gap() -> None:
    python = found({**OFFICIAL, f"{SITE}/a.pth": "import sys; sys.path.append(where())\n"})
    assert [(gap.kind, gap.what, gap.blocking) for gap in python.gaps] == [
        (GapKind.PATH_EDIT, f"{SITE}/a.pth", False)
    ]


def test_a_pth_file_that_is_too_long_is_a_gap() -> None:
    python = found({**OFFICIAL, f"{SITE}/a.pth": "#" * (2 << 20)})
    assert [(gap.kind, gap.what) for gap in python.gaps] == [(GapKind.UNREADABLE_FILE, f"{SITE}/a.pth")]


def test_an_absurd_number_of_entries_is_cut_and_said_to_be() -> None:
    lines = "".join(f"/srv/{number}\n" for number in range(6_000))
    folders = {f"/srv/{number}": FOLDER for number in range(6_000)}
    python = found({**OFFICIAL, **folders, f"{SITE}/a.pth": lines})
    assert len(python.search_path) == 5_000
    assert [gap.kind for gap in python.gaps] == [GapKind.LIMIT_REACHED]


def test_an_absurd_number_of_pth_files_is_cut_and_said_to_be() -> None:
    files = {f"{SITE}/{number}.pth": f"/srv/{number}\n" for number in range(2_100)}
    python = found({**OFFICIAL, **files, **{f"/srv/{number}": FOLDER for number in range(2_100)}})
    assert len(python.site_folders) == 2_001
    assert [gap.kind for gap in python.gaps] == [GapKind.LIMIT_REACHED]


def started(*command: str, **env: str) -> Interpreter:
    user = "/root/.local/lib/python3.11/site-packages"
    config = ImageConfig(entrypoint=command, env={"PYTHONPATH": "/app", **env})
    python = find_interpreter(tree({**OFFICIAL, user: FOLDER, "/app": FOLDER}), config)
    assert python is not None
    return python


def test_options_of_the_entry_point_decide_where_modules_are_looked_for() -> None:
    user = ImagePath("/root/.local/lib/python3.11/site-packages")
    plain, isolated, bare = (
        started("python3", *options, "app.py") for options in ((), ("-I",), ("-S", "-E"))
    )
    assert (plain.has_script_folder, plain.search_path[0], user in plain.search_path) == (True, "/app", True)
    assert (isolated.has_script_folder, user in isolated.search_path) == (False, False)
    assert "/app" not in isolated.search_path
    assert bare.site_folders == ()
    assert not bare.has_site


def test_a_variable_can_take_the_scripts_folder_off_the_path_unless_variables_are_ignored() -> None:
    assert not started("python3", "app.py", PYTHONSAFEPATH="1").has_script_folder
    assert started("python3", "-E", "app.py", PYTHONSAFEPATH="1").has_script_folder


def test_before_3_11_only_the_isolated_mode_takes_the_scripts_folder_off_the_path() -> None:
    old: dict[str, bytes | str] = {"/usr/bin/python3.10": EXE, "/usr/lib/python3.10/os.py": ""}
    for words, expected in ((("-I",), False), ((), True)):
        config = ImageConfig(entrypoint=("/usr/bin/python3.10", *words), env={"PYTHONSAFEPATH": "1"})
        python = find_interpreter(tree(old), config)
        assert python is not None
        assert python.has_script_folder is expected


def test_an_empty_entry_of_pythonpath_is_the_working_folder() -> None:
    config = ImageConfig(env={"PYTHONPATH": ":/lib/x"}, working_dir="/app")
    python = find_interpreter(tree({**OFFICIAL}), config)
    assert python is not None
    assert python.search_path[:2] == ("/app", "/lib/x")


def test_pythonhome_says_where_the_standard_library_is() -> None:
    home = {**OFFICIAL, "/opt/home/lib/python3.11/os.py": ""}
    assert found(home, PYTHONHOME="/opt/home").standard_library[1] == "/opt/home/lib/python3.11"
    lost = found({**OFFICIAL}, PYTHONHOME="/gone")
    assert lost.standard_library[1] == "/usr/local/lib/python3.11"
    assert [(gap.kind, gap.what) for gap in lost.gaps] == [(GapKind.NO_INTERPRETER, "/gone")]


def test_the_program_that_the_image_runs_names_its_python_in_its_first_line() -> None:
    venv = {
        **OFFICIAL,
        "/srv/env/bin/python": Link("/usr/local/bin/python3.11"),
        "/srv/env/pyvenv.cfg": "home = /usr/local/bin\n",
        "/srv/env/lib/python3.11/site-packages": FOLDER,
        "/usr/local/bin/serve": "#!/srv/env/bin/python\nimport x\n",
    }
    python = find_interpreter(tree(venv), ImageConfig(cmd=("serve", "--port", "80")))
    assert python is not None
    assert python.site_folders == ("/srv/env/lib/python3.11/site-packages",)


def test_a_python_below_lib64_reads_both_library_folders() -> None:
    fedora = {
        "/usr/bin/python3.12": EXE,
        "/usr/lib64/python3.12/os.py": "",
        "/usr/lib64/python3.12/site-packages": FOLDER,
        "/usr/lib/python3.12/site-packages": FOLDER,
    }
    assert found(fedora).site_folders == (
        "/usr/lib64/python3.12/site-packages",
        "/usr/lib/python3.12/site-packages",
    )


def test_a_build_without_extension_modules_tells_its_tag_by_its_configuration() -> None:
    lib = "/opt/py/lib/python3.13"
    files: dict[str, bytes | str | Link | None] = {
        "/opt/py/bin/python3.13": EXE,
        f"{lib}/os.py": "",
        f"{lib}/_sysconfigdata_t_linux_aarch64-linux-musl.py": "",
    }
    assert found(files).suffixes == (".cpython-313t-aarch64-linux-musl.so", ".so")


def test_the_home_of_a_user_without_a_name_is_looked_up() -> None:
    site = "/srv/app/.local/lib/python3.11/site-packages"
    users = "root:x:0:0::/root:/bin/sh\napp:x:10001:10001::/srv/app:/bin/sh\n"
    python = find_interpreter(
        tree({**OFFICIAL, "/etc/passwd": users, site: FOLDER}), ImageConfig(user="10001:10001")
    )
    assert python is not None
    assert ImagePath(site) in python.site_folders


def test_the_scripts_of_pyenv_lead_to_the_version_that_is_chosen() -> None:
    pyenv = {
        **DEBIAN,
        "/root/.pyenv/shims/python3": "#!/usr/bin/env bash\n",
        "/root/.pyenv/version": "3.12.1\n",
        "/root/.pyenv/versions/3.12.1/bin/python3": EXE,
        "/root/.pyenv/versions/3.12.1/lib/python3.12/os.py": "",
        "/root/.pyenv/versions/3.10.4/bin/python3": EXE,
        "/root/.pyenv/versions/3.10.4/lib/python3.10/os.py": "",
    }
    path = "/root/.pyenv/shims:/usr/bin"
    assert found(pyenv, PATH=path).version == (3, 12)
    assert found(pyenv, PATH=path, PYENV_VERSION="3.10.4").version == (3, 10)
    assert found({**pyenv, "/root/.pyenv/version": "gone\n"}, PATH=path).version == (3, 11)


def test_a_build_without_the_global_lock_has_folders_of_its_own() -> None:
    lib = "/usr/local/lib/python3.13t"
    files = {
        "/usr/local/bin/python3.13t": EXE,
        "/usr/local/bin/python3": Link("python3.13t"),
        f"{lib}/os.py": "",
        f"{lib}/site-packages": FOLDER,
        f"{lib}/lib-dynload/_json.cpython-313t-x86_64-linux-gnu.so": EXE,
        "/usr/local/lib/python3.13/os.py": "",
    }
    python = found(files)
    assert python.version == (3, 13)
    assert python.search_path == (
        "/usr/local/lib/python313t.zip",
        lib,
        f"{lib}/lib-dynload",
        f"{lib}/site-packages",
    )
    assert python.suffixes == (".cpython-313t-x86_64-linux-gnu.so", ".so")

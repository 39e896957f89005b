"""Which distribution a file belongs to, and what requirement files name."""

from email.parser import HeaderParser

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath
from fleet_audit.audit.model.imports import SharedFiles
from fleet_audit.audit.static_imports.distributions.distributions import (
    Distributions,
    editable_folder,
    metadata_fields,
)
from fleet_audit.audit.static_imports.distributions.entry_points import NamedEntry, parse_entry_points
from fleet_audit.audit.static_imports.distributions.requirements import required_names
from fleet_audit.audit.static_imports.distributions.unused import unused
from tests.support.pythons import distribution
from tests.support.trees import tree

SITE = ImagePath("/site")


def installed(files: dict[str, str | bytes]) -> Distributions:
    return Distributions(tree({f"/site/{path}": body for path, body in files.items()}), [SITE])


def path(name: str) -> ImagePath:
    return ImagePath(f"/site/{name}")


def test_record_says_who_owns_a_file() -> None:
    found = installed(distribution("Open_CV.python", "4", {"cv2/__init__.py": "", "../bin/cv": ""}))
    assert found.owner(path("cv2/__init__.py")) == "open-cv-python"
    assert found.owner(path("cv2/other.py")) is None
    assert found.owner(ImagePath("/bin/cv")) == "open-cv-python"


def test_a_file_can_have_several_owners() -> None:
    one = distribution("opencv-python", "4", {"cv2/cv2.abi3.so": b""})
    two = distribution("opencv-contrib-python", "4", {"cv2/cv2.abi3.so": b""})
    found = installed({**one, **two})
    assert found.owners(path("cv2/cv2.abi3.so")) == ("opencv-contrib-python", "opencv-python")


def test_a_distribution_without_record_owns_its_top_level_modules() -> None:
    found = installed(
        {
            "pyserial-3.egg-info/PKG-INFO": "Name: pyserial\nVersion: 3\n",
            "pyserial-3.egg-info/top_level.txt": "serial\n",
            "six-1.egg-info": "Name: six\nVersion: 1\n",
        }
    )
    assert found.owner(path("serial/tools/x.py")) == "pyserial"
    assert found.owner(path("six.py")) == "six"
    assert found.owner(path("sixth.py")) is None


def test_metadata_says_version_requirements_and_commands() -> None:
    extra = "Requires-Dist: NumPy>=1\nRequires-Dist: pytest; extra == 'test'\nRequires-Dist: ???\n"
    files = distribution("a", "1.2", {"a.py": ""}, extra=extra)
    files["a-1.2.dist-info/entry_points.txt"] = "[console_scripts]\na = a:main\n"
    found = installed(files)
    (known,) = found.installed.values()
    assert (known.name, known.version, known.requires) == ("a", "1.2", ("numpy",))
    assert found.commands(known.name) == {"a"}
    assert found.commands(DistributionName("b")) == frozenset()


@pytest.mark.parametrize(
    "record",
    [
        b"\xff\xfe\0,,\n",
        b'"never closed\n',
        b'"' + b"x" * 200_000 + b'",,\n',
        b",,\n",
        b"../../../../etc/passwd,,\n",
    ],
)
def test_a_damaged_record_is_read_as_far_as_it_goes(record: bytes) -> None:
    found = installed({"a-1.dist-info/METADATA": "Name: a\nVersion: 1\n", "a-1.dist-info/RECORD": record})
    assert list(found.installed) == ["a"]


def test_paths_in_a_record_may_be_quoted_and_roundabout() -> None:
    rows = '"a,b.py",,\n./c.py,,\npkg//d.py,,\npkg/../e.py,,\n/abs/f.py,,\n..dots/g.py,,\n'
    found = installed({"a-1.dist-info/METADATA": "Name: a\nVersion: 1\n", "a-1.dist-info/RECORD": rows})
    owned = {file for file, _ in found.files()}
    assert owned == {
        *(path(name) for name in ("a,b.py", "c.py", "pkg/d.py", "e.py", "..dots/g.py")),
        ImagePath("/abs/f.py"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "Metadata-Version: 2.1\nName: a\nRequires-Dist: b\nRequires-Dist: c (>1)\n\nName: no\n",
        "NAME:a\r\nSummary: one\r\n  two\r\n\tthree\r\n\r\nVersion: 2\r\n",
        "Name: a\n\n\nVersion: 1\n",
        " begins with a blank\nName: a\n",
        "Name: a\nnot a field\nVersion: 1\n",
        "Name: a\nNot-A: field\nVersion: 1\n",
        "",
        "\n\nName: a\n",
    ],
)
def test_fields_of_metadata_are_those_that_the_email_package_finds(text: str) -> None:
    theirs = HeaderParser().parsestr(text)
    expected: dict[str, list[str]] = {}
    for name, value in theirs.items():
        expected.setdefault(name.lower(), []).append(" ".join(value.split()))
    ours = {n: [" ".join(v.split()) for v in values] for n, values in metadata_fields(text).items()}
    assert ours == expected


def test_a_record_that_is_cut_or_overwritten_is_a_gap() -> None:
    files: dict[str, str | bytes] = {}
    for name, record in (
        ("nul", b"a\0.py,,\n"),
        ("latin", b"\xff.py,,\n"),
        ("quote", b'"a.py,,\n'),
        ("good", b"b.py,,\n"),
    ):
        files |= {f"{name}-1.dist-info/METADATA": f"Name: {name}\n", f"{name}-1.dist-info/RECORD": record}
    gaps = installed(files).gaps
    assert [(gap.kind, gap.what) for gap in gaps] == [
        (GapKind.UNREADABLE_FILE, f"/site/{name}-1.dist-info/RECORD") for name in ("latin", "nul", "quote")
    ]


def test_a_name_with_a_comma_or_quotes_is_no_damage() -> None:
    found = installed(
        {"a-1.dist-info/METADATA": "Name: a\n", "a-1.dist-info/RECORD": '"a,b.py",,\n"c""d.py",,\n'}
    )
    assert found.gaps == ()
    assert found.owner(path("a,b.py")) == "a"


def recorded(name: str, digests: dict[str, str]) -> dict[str, str | bytes]:
    record = "".join(f"{file},{digest},1\n" for file, digest in digests.items())
    return {f"{name}-1.dist-info/METADATA": f"Name: {name}\n", f"{name}-1.dist-info/RECORD": record}


def test_files_of_several_owners_say_whether_one_has_overwritten_the_other() -> None:
    found = installed(
        {
            **recorded(
                "one", {"cv2/a.so": "sha256=1", "cv2/b.so": "sha256=2", "space/__init__.py": "sha256=0"}
            ),
            **recorded("two", {"cv2/a.so": "sha256=9", "cv2/b.so": "sha256=2", "cv2/__pycache__/a.pyc": ""}),
            **recorded("three", {"space/__init__.py": "sha256=0", "cv2/__pycache__/a.pyc": ""}),
        }
    )
    one, two, three = (DistributionName(name) for name in ("one", "two", "three"))
    assert found.shared_files() == (
        SharedFiles((one, three), files=1, differing=0, example=path("space/__init__.py")),
        SharedFiles((one, two), files=2, differing=1, example=path("cv2/a.so")),
    )


def test_a_distribution_from_a_debian_package_owns_the_files_of_that_package() -> None:
    site = "/usr/lib/python3/dist-packages"
    files = {
        f"{site}/PyYAML-6.0.egg-info": "Name: PyYAML\nVersion: 6.0\n",
        f"{site}/both_a-1.egg-info": "Name: both-a\n",
    }
    packages = {
        "yaml": ("/.", "/usr", site, f"{site}/PyYAML-6.0.egg-info", f"{site}/yaml/x.py"),
        "both": (f"{site}/both_a-1.egg-info", f"{site}/both_b-1.egg-info", f"{site}/y.py"),
    }
    lists = {f"/var/lib/dpkg/info/python3-{name}.list": "\n".join(packages[name]) for name in packages}
    found = Distributions(tree({**files, **lists}), [ImagePath(site)])
    assert found.owner(ImagePath(f"{site}/yaml/x.py")) == "pyyaml"
    assert found.owner(ImagePath(f"{site}/y.py")) is None
    assert found.owner(ImagePath(f"{site}/both_a/z.py")) == "both-a"


def test_vendored_packages_belong_to_whoever_ships_them() -> None:
    found = installed(distribution("pip", "24", {"pip/_vendor/requests/__init__.py": ""}))
    assert found.owner(path("pip/_vendor/requests/__init__.py")) == "pip"


def test_an_egg_on_the_path_is_a_distribution_of_its_own() -> None:
    egg = "/site/mine-1.0-py3.11.egg"
    files = {f"{egg}/EGG-INFO/PKG-INFO": "Name: Mine\nVersion: 1.0\n", f"{egg}/mine/a.py": ""}
    found = Distributions(tree(files), [SITE, ImagePath(egg)])
    assert found.owner(ImagePath(f"{egg}/mine/a.py")) == "mine"
    assert found.installed[DistributionName("mine")].version == "1.0"


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('{"dir_info": {"editable": true}, "url": "file:///src/my%20code"}', "/src/my code"),
        ('{"dir_info": {}, "url": "file:///src"}', None),
        ('{"dir_info": {"editable": true}, "url": "https://archive.example/a"}', None),
        ('{"dir_info": {"editable": true}, "url": "file:///"}', None),
        ('{"archive_info": {}, "url": "file:///a.whl"}', None),
        ("{", None),
        ("[1]", None),
    ],
)
def test_an_editable_install_names_the_folder_that_it_was_made_from(text: str, folder: str | None) -> None:
    assert editable_folder(text) == folder


def test_entry_points_are_read_by_group() -> None:
    scripts = "lost = a:b\n# no\n[console_scripts]\nrun = a.b:main [extra]\n; no = x\n"
    plugins = "[pytest11]\nplug=a.plugin\n= x\ny =\n[]\nz = q\n"
    assert parse_entry_points(scripts + plugins) == (
        NamedEntry("console_scripts", "run", "a.b", "main"),
        NamedEntry("pytest11", "plug", "a.plugin"),
        NamedEntry("pytest11", "z", "q"),
    )


def plugin(name: str, group: str) -> dict[str, str | bytes]:
    return {
        **distribution(name, "1", {f"{name}.py": ""}),
        f"{name}-1.dist-info/entry_points.txt": f"[{group}]\nx = {name}\n",
    }


def unused_of(required: str, used: str, files: dict[str, str | bytes], *commands: str) -> tuple[str, ...]:
    return unused(
        map(DistributionName, required.split()),
        set(map(DistributionName, used.split())),
        installed(files),
        commands=frozenset(commands),
        is_start_known="app.py" in commands,
    )


def test_a_command_is_used_where_it_is_known_to_run() -> None:
    files = plugin("black", "console_scripts") | plugin("numpy", "console_scripts")
    files["numpy-1.dist-info/entry_points.txt"] = "[console_scripts]\nf2py = numpy:x\n"
    assert unused_of("numpy", "", files) == ("numpy",)
    assert unused_of("numpy", "", files, "sh", "f2py") == ()


def test_a_command_of_the_distributions_own_name_may_run_where_nobody_knows_what_starts_the_service() -> None:
    files = plugin("uvicorn", "console_scripts")
    files["uvicorn-1.dist-info/entry_points.txt"] = "[console_scripts]\nuvicorn = uvicorn:x\n"
    assert unused_of("uvicorn", "", files) == ()
    assert unused_of("uvicorn", "", files, "python3") == ()
    assert unused_of("uvicorn", "", files, "python", "app.py") == ("uvicorn",)


def test_a_plugin_is_used_where_what_reads_it_is() -> None:
    files = (
        plugin("dialect", "sqlalchemy.dialects") | plugin("tests", "pytest11") | plugin("odd", "nobody.knows")
    )
    files |= distribution("sqlalchemy", "1", {"sqlalchemy.py": ""}) | distribution(
        "pytest", "1", {"pytest.py": ""}
    )
    assert unused_of("dialect tests odd", "sqlalchemy", files) == ("tests",)


def test_what_a_used_distribution_requires_is_used_and_so_on() -> None:
    files = distribution("a", "1", {"a.py": ""}, extra="Requires-Dist: b\n")
    files |= distribution("b", "1", {"b.py": ""}, extra="Requires-Dist: c>=1\n") | distribution(
        "c", "1", {"c.py": ""}
    )
    assert unused_of("b c", "a", files) == ()
    assert unused_of("a b c", "", files) == ("a", "b", "c")


def names(files: dict[str, str | bytes]) -> dict[str, str]:
    found, _ = required_names(tree(files), ["requirements.txt"])
    return {name: str(where) for name, where in found.items()}


def test_requirement_files_name_distributions_with_their_lines() -> None:
    text = (
        "# comment\n--index-url x\nNumPy[extra]>=1.0  # why\n"
        "torch==2.1 ; python_version < '3.12' \\\n    --hash=sha256:00\n"
        "-e git+ssh://archive.example/x.git#egg=My_Pkg\nurllib3 @ file:///x.whl\n-c constraints.txt\n!!\n"
    )
    assert names({"requirements.txt": text}) == {
        "numpy": "requirements.txt:3",
        "torch": "requirements.txt:4",
        "my-pkg": "requirements.txt:6",
        "urllib3": "requirements.txt:7",
    }


def test_included_files_are_followed_once_and_inside_the_repository() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "-r base/more.txt\n",
        "base/more.txt": "-r ../requirements.txt\n-r ../../../../requirements.txt\nrich\n",
    }
    assert names(files) == {"rich": "base/more.txt:3"}


def test_a_requirement_file_that_is_not_there_is_a_gap() -> None:
    _, gaps = required_names(tree({"requirements.txt": "--requirement=gone.txt\n"}), ["requirements.txt"])
    assert [(gap.kind, gap.what) for gap in gaps] == [(GapKind.UNREADABLE_FILE, "gone.txt")]


def test_more_included_files_than_are_read_are_a_gap() -> None:
    files: dict[str, str | bytes] = {f"{i}.txt": f"-r {i + 1}.txt\n" for i in range(60)}
    _, gaps = required_names(tree(files), ["0.txt"])
    assert [(gap.what, gap.blocking) for gap in gaps] == [("50.txt", True)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 100_000,
        b"\0",
        b"[]",
        b"",
        b'{"url": 1}',
        b'{"url": "file:///a", "dir_info": 1}',
        b"\xed\xa0\x80",
    ],
)
def test_a_damaged_direct_url_says_nothing(body: bytes) -> None:
    found = installed({**distribution("lib", "1", {"lib.py": ""}), "lib-1.dist-info/direct_url.json": body})

    assert not found.is_from_folder(DistributionName("lib"))
    assert found.owner(path("lib.py")) == "lib"


@pytest.mark.parametrize("name", ["METADATA", "entry_points.txt", "direct_url.json"])
def test_metadata_that_cannot_be_read_is_a_gap_and_what_is_absent_is_none(name: str) -> None:
    files = distribution("lib", "1", {"lib.py": ""})
    huge = installed({**files, f"lib-1.dist-info/{name}": b"x" * (9 << 20)})
    plain = installed(files)
    for found in (huge, plain):
        found.entry_points(DistributionName("lib"))

    assert [(gap.kind, gap.what) for gap in huge.gaps] == [
        (GapKind.UNREADABLE_FILE, path(f"lib-1.dist-info/{name}"))
    ]
    assert plain.gaps == ()

"""Which distribution a file belongs to, and what requirement files name."""

from email.parser import HeaderParser

import pytest

from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.static_imports.distributions import Distributions, metadata_fields
from fleet_audit.audit.static_imports.requirements import required_names
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
    found = installed(files).installed
    (known,) = found.values()
    assert (known.name, known.version, known.requires, known.has_scripts) == ("a", "1.2", ("numpy",), True)


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

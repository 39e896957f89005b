"""What holds for every file of the repository."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE_HOST = re.compile(
    r"(?:deb|ftp|security|archive|ports|packages|files|mirror|registry)[\w.-]*\.(?:debian|ubuntu|pypi|python|"
    r"pythonhosted|npmjs)\.(?:org|com|net)|pypi\.org"
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607  (git is on PATH in a checkout)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def _texts() -> list[tuple[Path, str]]:
    files = [
        path for path in _tracked() if path.is_file() and not path.is_symlink() and path != Path(__file__)
    ]
    return [(path, path.read_bytes().decode("utf-8", "replace")) for path in files]


def test_no_package_host_is_written_anywhere_but_debians_snapshot_service() -> None:
    named = {(path.name, host) for path, text in _texts() for host in PACKAGE_HOST.findall(text)}

    assert named == set()


def test_only_one_module_names_the_snapshot_service() -> None:
    naming = [
        path.relative_to(ROOT).as_posix()
        for path, text in _texts()
        if path.suffix == ".py" and "snapshot.debian.org" in text
    ]

    assert len(naming) <= 1, naming


def test_every_suppressed_lint_has_its_reason_in_words() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in _texts()
        if path.suffix == ".py"
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"#\s*noqa(?!: [A-Z0-9, ]+  \()", line)
        or re.search(r"# type: ignore(?!\[[\w, -]+\]  #)", line)
    ]

    assert bare == []


def test_every_ignored_rule_of_the_linter_has_its_reason_beside_it() -> None:
    config = (ROOT / "pyproject.toml").read_text()
    section = config[config.index("ignore = [") : config.index("[tool.pytest.ini_options]")]
    codes = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",', line)]

    assert [line for line in codes if "#" not in line] == []

import pytest

from fleet_audit.audit.dockerfiles.pinning.managers import Installing, installing, installs_anything
from fleet_audit.audit.dockerfiles.pinning.packages import wanted
from fleet_audit.audit.dockerfiles.shell.calls import Call, called
from fleet_audit.audit.dockerfiles.shell.reading import read_script


def call(text: str) -> Call:
    found = called(read_script(text).commands[-1])
    assert found is not None
    return found


def read(text: str, **variables: str) -> Installing | None:
    return installing(call(text), variables.get)


@pytest.mark.parametrize(
    ("text", "manager", "packages"),
    [
        ("apt-get -qq update && apt-get install -y -t stable -o A=B liba libb=1", "apt", ["liba", "libb=1"]),
        ("apk add --no-cache -t .deps curl~=8", "apk", ["curl~=8"]),
        ("dnf -y install --setopt=a=b gcc-13.2.1-1.fc39", "dnf", ["gcc-13.2.1-1.fc39"]),
        ("pip3.11 install -U --index-url https://archive.example a 'b>=1'", "pip", ["a", "'b>=1'"]),
        ("/opt/venv/bin/python -m pip install -rreq.txt a", "pip", ["a"]),
        ("uv pip install --system a", "pip", ["a"]),
        ("python3 -m uv pip install a", "pip", ["a"]),
        ("uv tool install a", "pip", ["a"]),
        ("pipx install a", "pip", ["a"]),
        ("npm install -g a@1", "npm", ["a@1"]),
        ("gem install rake -v 13.2.1", "gem", ["rake"]),
        ("go install example.com/a@latest", "go", ["example.com/a@latest"]),
        ("cargo install --locked a", "cargo", ["a"]),
        ("conda install -y -c forge -n base a=1", "conda", ["a=1"]),
        ("sudo -E env A=1 apt-get install a", "apt", ["a"]),
    ],
)
def test_what_is_installed_stands_apart_from_options_and_their_values(
    text: str, manager: str, packages: list[str]
) -> None:
    variables: dict[str, str] = {}
    found = installing(call(text), variables.get)

    assert found is not None
    assert (found.manager, [word.text for word in found.packages]) == (manager, packages)


@pytest.mark.parametrize(
    "text",
    [
        "apt-get update",
        "apt-get remove a",
        "pip uninstall a",
        "pip --version",
        "uv sync",
        "python -m venv a",
        "git install",
    ],
)
def test_other_commands_install_nothing_by_name(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text", ["npm ci", "poetry install", "uv sync --frozen", "dpkg -i a.deb", "make install", "pip install a"]
)
def test_what_installs_from_locks_and_files_installs_something(text: str) -> None:
    assert installs_anything(call(text))


@pytest.mark.parametrize("text", ["make", "poetry run a", "dpkg -l", "rm -rf a", "apt-get clean"])
def test_what_installs_nothing_is_told_apart(text: str) -> None:
    assert not installs_anything(call(text))


def test_values_of_options_are_known_as_far_as_their_variables_are() -> None:
    found = read('pip install -r "$FILE" --constraint=${PINS}/c.txt -r$OTHER', FILE="a.txt", PINS="/p")

    assert found is not None
    assert [(option.name, option.value) for option in found.options] == [
        ("-r", "a.txt"),
        ("--constraint", "/p/c.txt"),
        ("-r", None),
    ]


@pytest.mark.parametrize(
    ("manager", "text"),
    [
        ("apt", "liba=1.0-1"),
        ("apt", "liba:amd64=1.0"),
        ("apt", "liba=1.0*"),
        ("apk", "curl=8.5.0-r0"),
        ("apk", "curl~8.5"),
        ("dnf", "gcc-13.2.1-1.fc39"),
        ("zypper", "gcc=13"),
        ("pip", "a==1.0"),
        ("pip", "a[b,c] == 1.0 ; python_version > '3'"),
        ("pip", "a===1.0"),
        ("pip", "a>=1,==1.5"),
        ("pip", "a@1.2"),
        ("npm", "a@1.2.3"),
        ("npm", "@scope/a@1.2.3"),
        ("gem", "rake:13.2.1"),
        ("go", "example.com/a@v1.2.3"),
        ("go", "example.com/a@0123456789ab"),
        ("cargo", "a@1.2.3"),
        ("conda", "forge::a=1.2"),
        ("conda", "a==1.2=py311_0"),
    ],
)
def test_one_version_is_a_pin(manager: str, text: str) -> None:
    found = wanted(manager, text)

    assert found is not None
    assert found.is_pinned


@pytest.mark.parametrize(
    ("manager", "text"),
    [
        ("apt", "liba"),
        ("apt", "liba/stable"),
        ("apt", "liba="),
        ("apk", "curl>8"),
        ("dnf", "gcc"),
        ("dnf", "java-17-openjdk"),
        ("pip", "a"),
        ("pip", "a>=1"),
        ("pip", "a==1.*"),
        ("pip", "a~=1.0"),
        ("pip", "a!=1.0"),
        ("npm", "a"),
        ("npm", "a@^1.2.3"),
        ("npm", "a@latest"),
        ("npm", "@scope/a"),
        ("gem", "rake"),
        ("go", "example.com/a@latest"),
        ("cargo", "a"),
        ("conda", "a"),
        ("conda", "a>=1"),
    ],
)
def test_a_range_or_nothing_is_no_pin(manager: str, text: str) -> None:
    found = wanted(manager, text)

    assert found is None or not found.is_pinned
    assert found is not None or (manager, text) == ("conda", "a>=1")


@pytest.mark.parametrize(
    ("manager", "text"),
    [
        ("apt", "./a.deb"),
        ("apt", "/opt/a.deb"),
        ("apt", "liba-"),
        ("pip", "."),
        ("pip", "./a[b]"),
        ("pip", "a-1.0-py3-none-any.whl"),
        ("pip", "https://archive.example/a-1.0.tar.gz"),
        ("npm", "owner/repository"),
        ("go", "./cmd/a"),
        ("pip", "x" * 1000),
    ],
)
def test_files_folders_and_removals_are_no_packages(manager: str, text: str) -> None:
    assert wanted(manager, text) is None


@pytest.mark.parametrize(
    ("text", "name", "reference", "is_commit"),
    [
        ("git+https://git.example/a.git", "a", "", False),
        ("git+https://git.example/a@main", "a", "main", False),
        ("git+https://git.example/a@v1.2.3", "a", "v1.2.3", True),
        ("git+ssh://git@git.example/a@0f3c1d29b7a6", "a", "0f3c1d29b7a6", True),
        ("git+https://git.example/x@main#egg=a", "a", "main", False),
        ("a @ git+https://git.example/a@main", "a", "main", False),
    ],
)
def test_sources_are_taken_at_a_commit_or_not(
    text: str, name: str, reference: str, *, is_commit: bool
) -> None:
    found = wanted("pip", text)

    assert found is not None
    assert (found.name, found.reference, found.is_commit, found.is_address) == (
        name,
        reference,
        is_commit,
        True,
    )

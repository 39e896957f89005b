"""Which commands install packages, and what of their words is a package, an option or a value.

Rules: the manual of each program: apt-get(8), apk(8), dnf(8), zypper(8), "pip install" in pip's and uv's
documentation, "npm install", "gem install", "go install", "cargo install", "conda install".
"""

import re
from collections.abc import Mapping, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.shell.calls import Call
from fleet_audit.audit.dockerfiles.shell.script import Lookup, Word


class Manager(msgspec.Struct, frozen=True):
    """How a program is told to install, and whose archive it takes from (`name`).

    `verbs` are the words that tell it, `values` the options whose value may be the next word.
    """

    name: str
    verbs: frozenset[str]
    values: frozenset[str]


class Option(msgspec.Struct, frozen=True):
    """An option, and its value: empty where it has none, None where that is not known."""

    name: str
    word: Word
    value: str | None = ""


class Installing(msgspec.Struct, frozen=True):
    """A command that installs: the words that name what, and its options."""

    manager: str
    program: str
    verb: str
    word: Word
    packages: tuple[Word, ...]
    options: tuple[Option, ...]

    def option(self, *names: str) -> Option | None:
        """Return the first option of one of these names."""
        return next((option for option in self.options if option.name in names), None)

    def values(self, *names: str) -> tuple[Option, ...]:
        """Return all options of these names."""
        return tuple(option for option in self.options if option.name in names)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_APT_VALUES = _words(
    "-a -c -o -t --config-file --default-release --host-architecture --option --target-release"
)
_APT = Manager("apt", _words("install reinstall"), _APT_VALUES)
_DNF = Manager(
    "dnf",
    _words("install localinstall groupinstall reinstall"),
    _words(
        "--repo --repoid --enablerepo --disablerepo -x --exclude --setopt --releasever --installroot -c"
        " --config --disableplugin --enableplugin --forcearch --repofrompath --advisory"
    ),
)
PIP_VALUES = _words(
    "-r --requirement -c --constraint -e --editable -t --target -i --index-url --extra-index-url"
    " -f --find-links --platform --python-version --implementation --abi --prefix --root --src"
    " --upgrade-strategy -C --config-settings --config-setting --global-option --no-binary"
    " --only-binary --progress-bar --report --trusted-host --cert --client-cert --cache-dir --log"
    " --proxy --retries --timeout --exists-action --keyring-provider --python --root-user-action"
    " --use-feature --use-deprecated -d --dest -w --wheel-dir --group --requirements-from-script"
    " --resume-retries --uploaded-prior-to"
    # uv's own:
    " --index --default-index -p --index-strategy --torch-backend --exclude-newer --override --overrides -b"
    " --build-constraint --build-constraints --link-mode --resolution --prerelease --extra -P"
    " --upgrade-package --reinstall-package --no-build-isolation-package --with --python-platform --directory"
    " --project --config-file --allow-insecure-host --excludes --exclude-newer-package --no-sources-package"
    # pipx's own:
    " --suffix --pip-args --spec --index-url"
)
_PIP = Manager("pip", _words("install download wheel"), PIP_VALUES)
_NPM_VALUES = _words(
    "--prefix --registry --loglevel --cache --userconfig -w --workspace --tag --omit --include -C"
)
_CONDA_VALUES = _words(
    "-n --name -p --prefix -c --channel --file --solver --repodata-fn -r --root-prefix --platform --subdir"
)
_MANAGERS: Mapping[str, Manager] = {
    "apt": _APT,
    "apt-get": _APT,
    "aptitude": Manager("apt", _words("install reinstall"), _APT_VALUES | _words("-q -w -F -O -S")),
    "apk": Manager(
        "apk",
        _words("add"),
        _words(
            "-t --virtual -X --repository -p --root --repositories-file --cache-dir --keys-dir --wait --arch"
        ),
    ),
    "dnf": _DNF,
    "dnf5": _DNF,
    "microdnf": _DNF,
    "yum": _DNF,
    "zypper": Manager("zypper", _words("install in"), _words("-r --repo --from -t --type -R --root -C -p")),
    "pip": _PIP,
    "pipx": Manager("pip", _words("install"), PIP_VALUES),
    "npm": Manager("npm", _words("install i add"), _NPM_VALUES),
    "pnpm": Manager("npm", _words("install i add"), _NPM_VALUES),
    "yarn": Manager("npm", _words("add"), _NPM_VALUES | _words("--cwd --cache-folder --modules-folder")),
    "gem": Manager(
        "gem",
        _words("install"),
        _words("-v --version -i --install-dir -n --bindir -s --source -P --trust-policy -p --http-proxy"),
    ),
    "go": Manager(
        "go", _words("install get"), _words("-ldflags -tags -gcflags -asmflags -mod -modfile -o -p -C")
    ),
    "cargo": Manager(
        "cargo",
        _words("install"),
        _words(
            "--version --vers --git --branch --tag --rev --path --root --index --registry --features -F --bin"
            " --example --target --target-dir --profile -j --jobs --color --config -Z"
        ),
    ),
    "conda": Manager("conda", _words("install create"), _CONDA_VALUES),
    "mamba": Manager("conda", _words("install create"), _CONDA_VALUES),
    "micromamba": Manager("conda", _words("install create"), _CONDA_VALUES),
}
_OTHER_INSTALLERS: Mapping[str, frozenset[str]] = {
    "bundle": _words("install"),
    "composer": _words("install require"),
    "dpkg": _words("-i --install"),
    "make": _words("install"),
    "npm": _words("ci"),
    "pdm": _words("install sync add"),
    "pipenv": _words("install sync"),
    "poetry": _words("install add"),
    "pnpm": _words("install"),
    "rpm": _words("-i -ivh -U -Uvh --install"),
    "uv": _words("sync add"),
    "yarn": _words("install"),
}
"""Programs that install what they are not told by their words: from locks, files and archives."""

_PIP_PROGRAM = re.compile(r"pip(?:\d+(?:\.\d+)?)?")
_PYTHON = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)*)?")
_LETTERS = re.compile(r"-[A-Za-z]{2,}")


def installing(call: Call, lookup: Lookup) -> Installing | None:
    """Return what a call installs by name or file; None where it installs nothing so.

    `lookup` gives the values of variables, as far as they are known.
    """
    program, words = _as_pip(call) or (call.program, call.arguments)
    manager = _MANAGERS.get("pip" if program in ("pip", "uv pip", "uv tool") else program)
    if manager is None:
        return None
    rest, options = _split(words, manager, lookup)
    verbs = manager.verbs | {"sync"} if program == "uv pip" else manager.verbs
    if not rest or rest[0].text not in verbs:
        return None
    return Installing(manager.name, program, rest[0].text, call.word, tuple(rest[1:]), tuple(options))


def installs_anything(call: Call) -> bool:
    """Say whether a call installs something, be it from a lock, a file or an archive that lies there."""
    if installing(call, _unknown) is not None:
        return True
    verbs = _OTHER_INSTALLERS.get(call.program, frozenset())
    return any(word.text in verbs for word in call.arguments)


def _as_pip(call: Call) -> tuple[str, tuple[Word, ...]] | None:
    """Return the words behind what means pip (``python -m pip``, ``uv pip``); None for other programs."""
    words = call.arguments
    texts = [word.text for word in words[:4]]
    if _PIP_PROGRAM.fullmatch(call.program):
        return "pip", words
    if call.program == "uv":
        at = next((at for at, word in enumerate(words) if word.text in ("pip", "tool")), None)
        return None if at is None or at > 3 else (f"uv {words[at].text}", words[at + 1 :])
    if _PYTHON.fullmatch(call.program) and "-m" in texts:
        at = texts.index("-m") + 1
        module = texts[at] if at < len(texts) else ""
        if module == "uv" and len(words) > at + 1 and words[at + 1].text == "pip":
            return "uv pip", words[at + 2 :]
        return (module, words[at + 1 :]) if module in ("pip", "pipx") else None
    return None


def _split(words: Sequence[Word], manager: Manager, lookup: Lookup) -> tuple[list[Word], list[Option]]:
    """Return the words that are no options, and the options with their values."""
    rest: list[Word] = []
    options: list[Option] = []
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.text == "--":
            rest += words[at:]
            break
        if not word.text.startswith("-") or word.text == "-":
            rest.append(word)
            continue
        name, equals, _ = word.text.partition("=")
        if equals:
            known = word.expanded(lookup)
            options.append(Option(name, word, None if known is None else known.partition("=")[2]))
        elif name in manager.values and at < len(words):
            options.append(Option(name, word, words[at].expanded(lookup)))
            at += 1
        else:
            options += _without_value(word, manager, lookup)
    return rest, options


def _without_value(word: Word, manager: Manager, lookup: Lookup) -> list[Option]:
    """Return a short option with its value (``-rfile``), or the letters that stand together (``-yq``)."""
    text = word.text
    if not text.startswith("--") and text[:2] in manager.values:
        known = word.expanded(lookup)
        return [Option(text[:2], word, None if known is None else known[2:])]
    if _LETTERS.fullmatch(text) is not None:
        return [Option(f"-{letter}", word) for letter in text[1:]]
    return [Option(text, word)]


def _unknown(_name: str) -> None:
    return None

"""One installation, with all that decides about its packages: files, constraints, indexes and hashes.

Rules: pip's documentation, "pip install", "Secure installs", "Configuration"; uv's "Environment variables".
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.dockerfiles.pinning.managers import Installing
from fleet_audit.audit.dockerfiles.pinning.packages import Wanted, wanted
from fleet_audit.audit.dockerfiles.pinning.requirement_files import Asked, RequirementFiles, RequirementsRead
from fleet_audit.audit.dockerfiles.pinning.scripts import Ran
from fleet_audit.audit.dockerfiles.shell.following import Executed
from fleet_audit.audit.dockerfiles.shell.script import Lookup, Word
from fleet_audit.audit.dockerfiles.shell.symbols import is_known
from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.model.identity import distribution_name

FindFile = Callable[[str], str | None]
"""Returns the file of the repository that a command finds at an absolute path; None where not known."""

MAX_SHOWN = 80
"""Characters of a command or requirement that records repeat."""

_OTHER_INDEX = ("-i", "--index-url", "--extra-index-url", "--index", "--default-index", "-f", "--find-links")
_INDEX_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
    *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
)
_VERSION_OPTIONS = {
    "gem": ("-v", "--version"),
    "cargo": ("--version", "--vers", "--rev", "--tag"),
}
_TRUE = frozenset({"1", "true", "yes", "on", "y"})


class Surroundings(msgspec.Struct, frozen=True):
    """What is known where a script runs: knowledge, requirements files, and where files come from.

    `releases` are the words in the tag of the image that the script's stage stands on, among them the
    codename of its release where the tag has one.
    """

    knowledge: Knowledge
    files: RequirementFiles
    find: FindFile
    folder: str | None = None
    releases: frozenset[str] = frozenset()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One installation, with all that decides about its packages.

    `programs` are all that the file runs. `read` is what its requirements files ask for, `constraints` the
    names that constraints (`is_constrained` where there are any) give one version; `is_constrained_unknown`
    where some of those are not known.
    `is_hash_mode` where each file is checked against a hash, `has_other_index` where packages do not come
    from the usual index alone, `is_fixed` where what is offered is the same each time.
    """

    ran: Ran
    executed: Executed
    installing: Installing
    around: Surroundings
    programs: frozenset[str]
    read: tuple[RequirementsRead, ...] = ()
    constraints: frozenset[str] = frozenset()
    is_constrained: bool = False
    is_constrained_unknown: bool = False
    is_hash_mode: bool = False
    has_other_index: bool = False
    is_fixed: bool = False


def with_files(step: Step) -> Step:
    """Return a step with what the files say that its command names, and its options and variables."""
    found, environment = step.installing, step.executed.environment
    if found.manager != "pip":
        other = found.option("--registry", "--source", "-s", "--repository", "-X") is not None
        is_fixed = found.manager == "apt" and found.option("-S", "--snapshot") is not None
        return msgspec.structs.replace(step, has_other_index=other, is_fixed=is_fixed)
    words = [option.value for option in found.values("-r", "--requirement")]
    if found.verb == "sync":
        words = [word.expanded(environment) for word in found.packages]
    read = tuple(_read(step, words))
    constraining = [option.value for option in found.values("-c", "--constraint")]
    if given := environment("PIP_CONSTRAINT"):
        constraining.append(given)
    constraints = [*_read(step, constraining)]
    asked = [each for one in constraints for each in one.asked]
    asked += [each for one in read for each in one.constraints]
    fixing = ("--no-index", "--exclude-newer", "--uploaded-prior-to")
    return msgspec.structs.replace(
        step,
        read=read,
        constraints=frozenset(_pins(asked)),
        is_constrained=bool(constraining) or any(one.constraints for one in read),
        is_constrained_unknown=len(constraints) < len(constraining),
        is_hash_mode=_demands_hashes(found, read, environment),
        has_other_index=_has_other_index(found, read, environment),
        is_fixed=found.option(*fixing) is not None or _is_set(environment, "NO_INDEX"),
    )


def _pins(asked: Sequence[Asked]) -> Iterator[str]:
    for each in asked:
        if each.what is not None and each.what.is_pinned:
            yield distribution_name(each.what.name)


def _read(step: Step, words: Iterable[str | None]) -> Iterator[RequirementsRead]:
    """Yield what those of the named files say that are files of the repository."""
    folder = step.executed.folder
    for word in words:
        if not word or not is_known(word) or "://" in word or (folder is None and not word.startswith("/")):
            continue
        path = step.around.find(posixpath.normpath(posixpath.join(folder or "/", word)))
        if path is not None:
            yield step.around.files.read(path)


def _demands_hashes(found: Installing, read: Sequence[RequirementsRead], environment: Lookup) -> bool:
    """Say whether every file is checked against a hash: pip does so once a single requirement has one."""
    if found.manager != "pip" or found.option("--no-require-hashes") is not None:
        return False
    if found.option("--require-hashes") is not None or _is_set(environment, "REQUIRE_HASHES"):
        return True
    if any(setting.name == "--require-hashes" for one in read for setting, _ in one.settings):
        return True
    return found.program == "pip" and any(each.hashes for one in read for each in one.asked)


def _is_set(environment: Lookup, name: str) -> bool:
    return any((environment(f"{prefix}_{name}") or "").lower() in _TRUE for prefix in ("PIP", "UV"))


def _has_other_index(found: Installing, read: Sequence[RequirementsRead], environment: Lookup) -> bool:
    if found.option(*_OTHER_INDEX, "--no-index") is not None:
        return True
    if any(setting.name in _OTHER_INDEX for one in read for setting, _ in one.settings):
        return True
    return any(environment(name) for name in _INDEX_VARIABLES)


def wanted_by(step: Step) -> Iterator[tuple[Wanted, int]]:
    """Yield what the words of a command ask for, each with its line."""
    found = step.installing
    if found.verb == "sync":
        return
    for word in found.packages:
        yield from ((each, word.line) for each in _of_word(found, word, step.executed.environment))
    for option in found.values("-e", "--editable") if found.manager == "pip" else ():
        each = wanted("pip", option.value or "")
        if each is not None and each.is_address:
            yield each, option.word.line


def _of_word(found: Installing, word: Word, environment: Lookup) -> Iterator[Wanted]:
    """Yield what a word asks for; nothing where that is not known."""
    texts = word.split(environment)
    if texts is None:
        # Only the version is not known: it is pinned to whatever the variable says.
        texts = (word.text.strip("\"'"),) if _names_version(found, word) else ()
    for text in texts:
        each = wanted(found.manager, text)
        if each is not None:
            yield _with_version_option(found, each)


def _names_version(found: Installing, word: Word) -> bool:
    name, equals, version = word.text.strip("\"'").partition("=")
    return found.manager in ("apt", "apk", "pip", "conda") and bool(equals and version) and "$" not in name


def _with_version_option(found: Installing, each: Wanted) -> Wanted:
    names = _VERSION_OPTIONS.get(found.manager, ())
    return msgspec.structs.replace(each, is_pinned=True) if found.option(*names) is not None else each


def shown_words(words: Sequence[Word]) -> str:
    """Return the first words of a command as they are written."""
    text = " ".join(word.text for word in words[:6])
    return text if len(words) <= 6 and len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"

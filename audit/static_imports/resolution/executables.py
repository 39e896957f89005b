"""Which files of an image may be the Python that it runs."""

import re
from collections.abc import Iterator

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, join, normalise, parent
from fleet_audit.audit.model.identity import ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.resolution.command_line import is_python

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What a container runtime sets where the image sets nothing."""

_VERSIONED = re.compile(r"python3\.(\d{1,2})t?")
_SCRIPT_LIMIT = 1 << 20
_LINE_LIMIT = 256


def candidates(tree: FileTree, config: ImageConfig, minor: int | None) -> Iterator[ImagePath]:
    """Yield the paths that may be the Python of an image, the likeliest first; `minor` asks for ``3.minor``.

    What its command names, or the first line of the program that it runs, comes first, then ``PATH``, then
    virtual environments in ``/opt`` and in the working folder. What is yielded need not be there.
    """
    folders = [normalise(folder) for folder in config.env.get("PATH", DEFAULT_PATH).split(":") if folder]
    yield from _commanded(tree, config, folders)
    folders += [
        join(join(ImagePath("/opt"), name), "bin") for name in sorted(tree.listing(ImagePath("/opt")))
    ]
    folders += [normalise(f"{config.working_dir}/{name}/bin") for name in ("venv", ".venv")]
    folders += [ImagePath("/venv/bin"), ImagePath("/usr/local/bin"), ImagePath("/usr/bin")]
    exact = [] if minor is None else [f"python3.{minor}"]
    for name in (*exact, "python3", "python"):
        for folder in folders:
            path = join(folder, name)
            if tree.realpath(path) is not None:
                yield from _behind_a_shim(tree, folder, config) if folder.endswith("/shims") else (path,)
    yield from _versioned(tree, folders)


def _behind_a_shim(tree: FileTree, shims: ImagePath, config: ImageConfig) -> Iterator[ImagePath]:
    """Yield the Pythons that pyenv's scripts in a ``shims`` folder start: those of its ``version`` file."""
    root = parent(shims)
    try:
        chosen = tree.read(join(root, "version"), limit=_SCRIPT_LIMIT).decode(errors="replace")
    except FileUnreadable:
        chosen = ""
    for version in config.env.get("PYENV_VERSION", "").split(":") + chosen.split():
        path = normalise(f"{root}/versions/{version}/bin/python3")
        if version and tree.realpath(path) is not None:
            yield path


def _commanded(tree: FileTree, config: ImageConfig, folders: list[ImagePath]) -> Iterator[ImagePath]:
    """Yield the Pythons that the image's command names by path, or in the first line of its program."""
    for words in (config.entrypoint, config.cmd):
        # Behind an init (``tini -- python``) it is the first Python that counts.
        python = next((word for word in words if is_python(word)), "")
        if python.startswith("/"):
            yield normalise(python)
        program = next(iter(words), "")
        places = [normalise(program)] if program.startswith("/") else []
        places += [join(folder, program) for folder in folders if program and "/" not in program]
        first = next((place for place in places if tree.realpath(place) is not None), None)
        if first is not None and (named := _shebang(tree, first)):
            yield normalise(named)


def _shebang(tree: FileTree, path: ImagePath) -> str:
    """Return the interpreter that a script's first line names by path; empty where there is none."""
    try:
        line = tree.read(path, limit=_SCRIPT_LIMIT).partition(b"\n")[0][:_LINE_LIMIT]
    except FileUnreadable:
        return ""
    words = line.removeprefix(b"#!").decode(errors="replace").split()
    is_absolute = line.startswith(b"#!") and bool(words) and words[0].startswith("/")
    return words[0] if is_absolute and is_python(words[0]) else ""


def _versioned(tree: FileTree, folders: list[ImagePath]) -> Iterator[ImagePath]:
    for folder in folders:
        found = filter(None, (_VERSIONED.fullmatch(name) for name in tree.listing(folder)))
        for executable in sorted(found, key=lambda executable: (-int(executable[1]), executable[0])):
            yield join(folder, executable[0])

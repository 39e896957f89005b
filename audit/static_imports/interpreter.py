"""Which Python an image runs, and where that Python looks for modules. Nothing is executed."""

import re
from collections.abc import Iterator

import msgspec

from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise, parent
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.model.image import ImageConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What a container runtime sets where the image sets nothing."""

_EXECUTABLE = re.compile(r"python(?:(3)(?:\.(\d{1,2}))?)?")
_STDLIB = re.compile(r"python3\.(\d{1,2})")
_TAGGED = re.compile(r"\.(cpython-3\d{1,2}t?-[-\w]+)\.so$")
_PTH_LIMIT = 1 << 20
_CFG_LIMIT = 64 << 10


class Interpreter(msgspec.Struct, frozen=True):
    """One Python of an image.

    `version` has two or three parts. `suffixes` are the extension modules' file name endings in the
    order of importlib.machinery.EXTENSION_SUFFIXES. `search_path` is what ``sys.path`` holds after
    ``site`` ran, without the script's folder; `standard_library` are those that came with Python;
    `environment` names the variables that the image sets.
    """

    version: tuple[int, ...]
    executable: ImagePath
    suffixes: tuple[str, ...]
    search_path: tuple[ImagePath, ...]
    standard_library: tuple[ImagePath, ...]
    environment: frozenset[str] = frozenset()

    @property
    def site_folders(self) -> tuple[ImagePath, ...]:
        """Return the folders of the search path that hold installed distributions."""
        return tuple(folder for folder in self.search_path if folder not in self.standard_library)


def find_interpreter(tree: FileTree, config: ImageConfig, wanted: str = "") -> Interpreter | None:
    """Return the Python that the image runs by default; of version `wanted` (``3.11``) where that is given.

    An interpreter that the entry point names comes first, then ``PATH``, then virtual environments in
    ``/opt`` and in the working folder. None where no Python with a standard library is there.
    """
    version = _wanted_minor(wanted)
    for candidate in _candidates(tree, config, version):
        found = _interpreter(tree, candidate, config)
        if found is not None and (version is None or found.version[1] == version):
            return found
    return None


def _wanted_minor(wanted: str) -> int | None:
    found = re.match(r"3\.(\d{1,2})", wanted)
    return int(found[1]) if found else None


def _candidates(tree: FileTree, config: ImageConfig, minor: int | None) -> Iterator[ImagePath]:
    for words in (config.entrypoint, config.cmd):
        if words and words[0].startswith("/") and _EXECUTABLE.fullmatch(words[0].rpartition("/")[2]):
            yield normalise(words[0])
    folders = [normalise(folder) for folder in config.env.get("PATH", DEFAULT_PATH).split(":") if folder]
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
                yield path
    yield from _versioned(tree, folders)


def _versioned(tree: FileTree, folders: list[ImagePath]) -> Iterator[ImagePath]:
    for folder in folders:
        names = [name for name in tree.listing(folder) if re.fullmatch(r"python3\.\d{1,2}", name)]
        for name in sorted(names, key=lambda name: -int(name.rpartition(".")[2])):
            yield join(folder, name)


def _interpreter(tree: FileTree, path: ImagePath, config: ImageConfig) -> Interpreter | None:
    executable = tree.realpath(path)
    if executable is None:
        return None
    environment = _environment(tree, path)
    stdlib = _standard_library(tree, executable, environment)
    if stdlib is None:
        return None
    found = _STDLIB.fullmatch(stdlib.rpartition("/")[2])
    minor = int(found[1]) if found else 0
    dynload = join(stdlib, "lib-dynload")
    libraries = (join(parent(stdlib), f"python3{minor}.zip"), stdlib, dynload)
    sites = [*_user_sites(tree, config, minor), *_sites(tree, stdlib, minor, environment)]
    added = [path for site in sites for path in _pth_lines(tree, site)]
    search = [*_python_path(config), *libraries, *sites, *added]
    return Interpreter(
        version=_version(config, minor),
        executable=executable,
        suffixes=_suffixes(tree, dynload, minor),
        search_path=tuple(dict.fromkeys(search)),
        standard_library=libraries,
        environment=frozenset(name for name, value in config.env.items() if value),
    )


class _Environment(msgspec.Struct, frozen=True):
    """A virtual environment: its folder, and what its pyvenv.cfg says (PEP 405)."""

    folder: ImagePath
    home: str
    has_system_site: bool


def _environment(tree: FileTree, path: ImagePath) -> _Environment | None:
    for folder in (parent(parent(path)), parent(path)):
        try:
            text = tree.read(join(folder, "pyvenv.cfg"), limit=_CFG_LIMIT).decode(errors="replace")
        except FileUnreadable:
            continue
        pairs = [line.partition("=") for line in text.splitlines() if "=" in line]
        values = {key.strip().lower(): value.strip() for key, _, value in pairs}
        is_open = values.get("include-system-site-packages", "").lower() == "true"
        return _Environment(folder, values.get("home", ""), is_open)
    return None


def _standard_library(
    tree: FileTree, executable: ImagePath, environment: _Environment | None
) -> ImagePath | None:
    """Return the folder with ``os.py``, the landmark that getpath looks for above the executable."""
    named = _EXECUTABLE.fullmatch(executable.rpartition("/")[2])
    minor = int(named[2]) if named and named[2] else None
    starts = [parent(executable)]
    if environment is not None and environment.home:
        starts.append(normalise(environment.home))
    for start in starts:
        at = start
        while at != ROOT:
            at = parent(at)
            if (found := _landmark(tree, at, minor)) is not None:
                return found
    return None


def _landmark(tree: FileTree, prefix: ImagePath, minor: int | None) -> ImagePath | None:
    lib = join(prefix, "lib")
    names = [name for name in tree.listing(lib) if _STDLIB.fullmatch(name)]
    for name in sorted(names, key=lambda name: -int(name.rpartition(".")[2])):
        is_wanted = minor is None or name == f"python3.{minor}"
        if is_wanted and tree.realpath(join(join(lib, name), "os.py")) is not None:
            return join(lib, name)
    return None


def _sites(
    tree: FileTree, stdlib: ImagePath, minor: int, environment: _Environment | None
) -> list[ImagePath]:
    sites: list[ImagePath] = []
    if environment is not None:
        sites.append(normalise(f"{environment.folder}/lib/python3.{minor}/site-packages"))
        if not environment.has_system_site:
            return sites
    if _is_debian(tree, stdlib):
        # Debian's site.py reads dist-packages, and pip installs below /usr/local (Debian Python policy, 2.5).
        names = (
            f"/usr/local/lib/python3.{minor}/dist-packages",
            "/usr/lib/python3/dist-packages",
            f"/usr/lib/python3.{minor}/dist-packages",
        )
        return [*sites, *(ImagePath(name) for name in names)]
    return [*sites, join(stdlib, "site-packages")]


def _is_debian(tree: FileTree, stdlib: ImagePath) -> bool:
    if not stdlib.startswith("/usr/lib/"):
        return False
    return tree.realpath(ImagePath("/usr/lib/python3")) is not None or "debian_version" in tree.listing(
        ImagePath("/etc")
    )


def _user_sites(tree: FileTree, config: ImageConfig, minor: int) -> list[ImagePath]:
    user = config.user.partition(":")[0]
    home = config.env.get("HOME") or ("/root" if user in ("", "root", "0") else f"/home/{user}")
    site = normalise(f"{home}/.local/lib/python3.{minor}/site-packages")
    is_used = not config.env.get("PYTHONNOUSERSITE") and tree.realpath(site) is not None
    return [site] if is_used else []


def _python_path(config: ImageConfig) -> list[ImagePath]:
    entries = config.env.get("PYTHONPATH", "").split(":")
    return [normalise(e if e.startswith("/") else f"{config.working_dir}/{e}") for e in entries if e]


def _pth_lines(tree: FileTree, site: ImagePath) -> list[ImagePath]:
    """Return what a site folder's ``.pth`` files add; lines of code are not run (site.addpackage)."""
    added: list[ImagePath] = []
    for name, entry in sorted(tree.listing(site).items()):
        if not name.endswith(".pth") or name.startswith(".") or entry.kind is FileKind.FOLDER:
            continue
        try:
            text = tree.read(join(site, name), limit=_PTH_LIMIT).decode(errors="replace")
        except FileUnreadable:
            continue
        for line in text.splitlines():
            bare = line.rstrip()
            if not bare or bare.startswith(("#", "import ", "import\t")):
                continue
            folder = normalise(bare if bare.startswith("/") else f"{site}/{bare}")
            if tree.realpath(folder) is not None:
                added.append(folder)
    return added


def _version(config: ImageConfig, minor: int) -> tuple[int, ...]:
    # The official images say which patch release they hold.
    found = re.match(rf"3\.{minor}\.(\d+)", config.env.get("PYTHON_VERSION", ""))
    return (3, minor, int(found[1])) if found else (3, minor)


def _suffixes(tree: FileTree, dynload: ImagePath, minor: int) -> tuple[str, ...]:
    """Return EXTENSION_SUFFIXES: the tag is read from the standard library's own extension modules."""
    tags = sorted({found[1] for name in tree.listing(dynload) if (found := _TAGGED.search(name))})
    own = [tag for tag in tags if tag.startswith(f"cpython-3{minor}")]
    tag = own[0] if own else f"cpython-3{minor}-x86_64-linux-gnu"
    return (f".{tag}.so", ".abi3.so", ".so")

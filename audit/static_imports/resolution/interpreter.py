"""Which Python an image runs, and where that Python looks for modules. Nothing is executed."""

import re
from collections.abc import Mapping

import msgspec

from fleet_audit.audit.images.tree import FileTree, FileUnreadable, basename, join, normalise, parent
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.model.image import ImageConfig
from fleet_audit.audit.static_imports.resolution.command_line import options_of
from fleet_audit.audit.static_imports.resolution.editables import Redirects
from fleet_audit.audit.static_imports.resolution.executables import candidates
from fleet_audit.audit.static_imports.resolution.site_start import SiteStart, site_start
from fleet_audit.audit.static_imports.source.records import is_module_name

_EXECUTABLE = re.compile(r"python(?:3(?:\.(\d{1,2}t?))?)?")
_STDLIB = re.compile(r"python3\.(\d{1,2})t?")
"""The folder of a standard library; ``t`` marks a build without the global lock."""

_TAGGED = re.compile(r"\.(cpython-3\d{1,2}[a-z]*-[-\w]+)\.so$")
_SYSCONFIG = re.compile(r"_sysconfigdata_([a-z]*)_linux_([-\w]+)\.py")
_CFG_LIMIT = 64 << 10
_USERS_LIMIT = 1 << 20
LIBRARY_FOLDERS = ("lib", "lib64")
"""Where Python's library stands below its prefix (``sys.platlibdir``)."""


class Interpreter(msgspec.Struct, frozen=True):
    """One Python of an image, as the image's own command starts it.

    `version` has two or three parts. `suffixes` are the extension modules' file name endings in the
    order of importlib.machinery.EXTENSION_SUFFIXES. `search_path` is what ``sys.path`` holds after
    ``site`` ran, without the script's folder, which is first on it where `has_script_folder`;
    `standard_library` are those that came with Python; `redirects` is what editable installs find elsewhere.
    `startup` are the ``.pth`` files whose code runs in every process; `has_site` and `has_user_site` say
    whether ``sitecustomize`` and ``usercustomize`` are imported. `environment` names the variables that the
    image sets, `modules_named` those of them that may name a module, with their values, and `command` is what
    it runs.
    """

    version: tuple[int, ...]
    executable: ImagePath
    suffixes: tuple[str, ...]
    search_path: tuple[ImagePath, ...]
    standard_library: tuple[ImagePath, ...]
    environment: frozenset[str] = frozenset()
    modules_named: tuple[tuple[str, str], ...] = ()
    redirects: Redirects = Redirects()
    startup: tuple[ImagePath, ...] = ()
    has_script_folder: bool = True
    has_site: bool = True
    has_user_site: bool = True
    command: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def site_folders(self) -> tuple[ImagePath, ...]:
        """Return the entries of the search path that may hold installed distributions."""
        return tuple(folder for folder in self.search_path if folder not in self.standard_library)


def find_interpreter(tree: FileTree, config: ImageConfig, wanted: str = "") -> Interpreter | None:
    """Return the Python that the image runs by default; of version `wanted` (``3.11``) where that is given.

    The first of `candidates` that has a standard library; None where none has.
    """
    version = _wanted_minor(wanted)
    for candidate in candidates(tree, config, version):
        found = _interpreter(tree, candidate, config)
        if found is not None and (version is None or found.version[1] == version):
            return found
    return None


def _wanted_minor(wanted: str) -> int | None:
    found = re.match(r"3\.(\d{1,2})", wanted)
    return int(found[1]) if found else None


def _interpreter(tree: FileTree, path: ImagePath, config: ImageConfig) -> Interpreter | None:
    executable = tree.realpath(path)
    if executable is None:
        return None
    environment = _environment(tree, path)
    command = (*config.entrypoint, *config.cmd)
    options = options_of(command, config.env)
    env = {} if options.is_isolated_from_environment else config.env
    home = env.get("PYTHONHOME", "").partition(":")[0]
    stdlib = _standard_library(tree, executable, environment, home)
    if stdlib is None:
        return None
    found = _STDLIB.fullmatch(basename(stdlib))
    minor = int(found[1]) if found else 0
    dynload = join(stdlib, "lib-dynload")
    libraries = (join(parent(stdlib), basename(stdlib).replace(".", "") + ".zip"), stdlib, dynload)
    before = tuple(dict.fromkeys((*_python_path(config, env), *libraries)))
    has_user_site = options.has_user_site and (environment is None or environment.has_system_site)
    sites = _sites(
        tree, stdlib, environment, _user_site(tree, config, basename(stdlib)) if has_user_site else None
    )
    started = site_start(tree, before, sites, config.env) if options.has_site else SiteStart(before)
    return Interpreter(
        version=_version(config, minor),
        executable=executable,
        suffixes=_suffixes(tree, stdlib, minor),
        search_path=started.search_path,
        standard_library=libraries,
        environment=frozenset(name for name, value in config.env.items() if value),
        modules_named=tuple(pair for pair in sorted(config.env.items()) if is_module_name(pair[1])),
        redirects=started.redirects,
        startup=started.code,
        # Only the isolated mode is older than 3.11, which brought -P and PYTHONSAFEPATH.
        has_script_folder=options.has_script_folder if minor >= 11 else not options.is_isolated,
        has_site=options.has_site,
        has_user_site=options.has_site and has_user_site,
        command=command,
        gaps=(*_home_gap(stdlib, home), *started.gaps),
    )


def _home_gap(stdlib: ImagePath, home: str) -> tuple[Gap, ...]:
    if not home or stdlib.startswith(f"{normalise(home)}/"):
        return ()
    why = "PYTHONHOME has no standard library, so no Python starts with it; it was passed over"
    return (Gap("static_imports", GapKind.NO_INTERPRETER, home, why),)


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
    tree: FileTree, executable: ImagePath, environment: _Environment | None, home: str
) -> ImagePath | None:
    """Return the folder with ``os.py``, the landmark that getpath looks for above the executable.

    `home` is PYTHONHOME, the prefix itself, which has the first word.
    """
    named = _EXECUTABLE.fullmatch(basename(executable))
    wanted = f"python3.{named[1]}" if named and named[1] else ""
    if home and (found := _landmark(tree, normalise(home), wanted)) is not None:
        return found
    starts = [parent(executable)]
    if environment is not None and environment.home:
        starts.append(normalise(environment.home))
    for start in starts:
        at = start
        while at != ROOT:
            at = parent(at)
            if (found := _landmark(tree, at, wanted)) is not None:
                return found
    return None


def _landmark(tree: FileTree, prefix: ImagePath, wanted: str) -> ImagePath | None:
    """Return the standard library below a prefix: that in the folder `wanted`, of any the newest."""
    for folder in LIBRARY_FOLDERS:
        lib = join(prefix, folder)
        found = filter(None, (_STDLIB.fullmatch(name) for name in tree.listing(lib)))
        for library in sorted(found, key=lambda library: (-int(library[1]), library[0])):
            is_wanted = wanted in ("", library[0])
            if is_wanted and tree.realpath(join(join(lib, library[0]), "os.py")) is not None:
                return join(lib, library[0])
    return None


def _sites(
    tree: FileTree,
    stdlib: ImagePath,
    environment: _Environment | None,
    user_site: ImagePath | None,
) -> list[ImagePath]:
    """Return the site folders in the order of Lib/site.py: the environment's, the user's, the system's."""
    is_debian = _is_debian(tree, stdlib)
    # ``sys.platlibdir`` comes first; a virtual environment's lib64 is often a mere link to its lib.
    libraries = ("lib64", "lib") if parent(stdlib).endswith("/lib64") else ("lib",)
    version = basename(stdlib)
    sites: list[ImagePath] = []
    if environment is not None:
        sites += _sites_below(
            environment.folder, version, libraries, is_debian=is_debian, is_environment=True
        )
        if not environment.has_system_site:
            return sites
    sites += [] if user_site is None else [user_site]
    prefix = parent(parent(stdlib))
    is_environment = environment is not None
    sites += _sites_below(prefix, version, libraries, is_debian=is_debian, is_environment=is_environment)
    return list(dict.fromkeys(sites))


def _sites_below(
    prefix: ImagePath, folder: str, libraries: tuple[str, ...], *, is_debian: bool, is_environment: bool
) -> list[ImagePath]:
    if not is_debian:
        return [normalise(f"{prefix}/{lib}/{folder}/site-packages") for lib in libraries]
    # Debian's site.py reads dist-packages, and pip installs below /usr/local (Debian Python policy, 2.5).
    names = (f"local/lib/{folder}/dist-packages", "lib/python3/dist-packages", f"lib/{folder}/dist-packages")
    own = [normalise(f"{prefix}/lib/{folder}/site-packages")] if is_environment else []
    return [*own, *(normalise(f"{prefix}/{name}") for name in names)]


def _is_debian(tree: FileTree, stdlib: ImagePath) -> bool:
    if not stdlib.startswith("/usr/lib/"):
        return False
    return tree.realpath(ImagePath("/usr/lib/python3")) is not None or "debian_version" in tree.listing(
        ImagePath("/etc")
    )


def _user_site(tree: FileTree, config: ImageConfig, folder: str) -> ImagePath:
    base = config.env.get("PYTHONUSERBASE") or f"{_home(tree, config)}/.local"
    return normalise(f"{base}/lib/{folder}/site-packages")


def _home(tree: FileTree, config: ImageConfig) -> str:
    """Return HOME as a container runtime sets it: from the image, else from its passwd file."""
    user = config.user.partition(":")[0]
    if home := config.env.get("HOME"):
        return home
    try:
        text = tree.read(ImagePath("/etc/passwd"), limit=_USERS_LIMIT).decode(errors="replace")
    except FileUnreadable:
        text = ""
    for fields in (line.split(":") for line in text.splitlines()):
        if len(fields) >= 6 and (user or "root") in (fields[0], fields[2]):
            return fields[5]
    return "/root" if user in ("", "root", "0") else f"/home/{user}"


def _python_path(config: ImageConfig, env: Mapping[str, str]) -> list[ImagePath]:
    value = env.get("PYTHONPATH", "")
    # An empty entry is the working folder.
    entries = value.split(":") if value else []
    return [normalise(e if e.startswith("/") else f"{config.working_dir}/{e}") for e in entries]


def _version(config: ImageConfig, minor: int) -> tuple[int, ...]:
    # The official images say which patch release they hold.
    found = re.match(rf"3\.{minor}\.(\d+)", config.env.get("PYTHON_VERSION", ""))
    return (3, minor, int(found[1])) if found else (3, minor)


def _suffixes(tree: FileTree, stdlib: ImagePath, minor: int) -> tuple[str, ...]:
    """Return EXTENSION_SUFFIXES: the tag is read from the standard library's own files."""
    listed = tree.listing(join(stdlib, "lib-dynload"))
    tags = sorted({found[1] for name in listed if (found := _TAGGED.search(name))})
    tags += [
        f"cpython-3{minor}{found[1]}-{found[2]}"
        for name in sorted(tree.listing(stdlib))
        if (found := _SYSCONFIG.fullmatch(name))
    ]
    own = [tag for tag in tags if re.match(rf"cpython-3{minor}[a-z]*-", tag)]
    tag = own[0] if own else f"cpython-3{minor}-x86_64-linux-gnu"
    # A build without the global lock loads no module of the stable ABI (Python/dynload_shlib.c).
    stable = () if tag.startswith(f"cpython-3{minor}t") else (".abi3.so",)
    return (f".{tag}.so", *stable, ".so")

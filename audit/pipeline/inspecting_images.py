"""What a stored image would run: the answer of ``inspect`` for an image."""

import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

import msgspec

from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.dockerfiles.running.detecting import Seen, detected, started_programs
from fleet_audit.audit.dockerfiles.running.inits import behind_init
from fleet_audit.audit.dockerfiles.running.masking import masked, masked_names, masked_text, secret_values
from fleet_audit.audit.dockerfiles.running.stored import of_image
from fleet_audit.audit.dockerfiles.running.user_names import numbers
from fleet_audit.audit.dockerfiles.standards.probes import asked_health
from fleet_audit.audit.images.folder import FolderTree
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.images.tree import FileKind, FileTree, FileUnreadable, join, normalise
from fleet_audit.audit.model.identity import ROOT, ImagePath
from fleet_audit.audit.model.image import ImageConfig, ImageIdentity
from fleet_audit.audit.model.inspection import InspectReport, LayerSize, ResolvedUser
from fleet_audit.audit.model.report import Statistics
from fleet_audit.audit.model.running import RunConfiguration
from fleet_audit.audit.pipeline.run.packages import installed_distributions
from fleet_audit.audit.pipeline.run.programs import find_program
from fleet_audit.audit.pipeline.run.scene import Scene, open_scene, unpacked_bytes
from fleet_audit.audit.pipeline.run.shared import Shared

MAX_SCRIPT = 256 << 10
MAX_NAMES = 1 << 20
MAX_LINES = 20_000
_NO_CONFIGURATION = "a folder has no configuration, so what it would run is not known"
CONFIGURED = "image"
"""Where it shows what an image's configuration says."""


def inspect_image(name: str, reference: str, shared: Shared) -> tuple[InspectReport, Statistics]:
    """Return what the image at a reference would run; raises ImageError where it leads to none.

    No value of the answer is a secret, as far as a name or a shape tells one.
    """
    with open_scene(reference, shared.settings) as scene:
        image = scene.image
        is_folder = isinstance(image.tree, FolderTree)
        run = RunConfiguration(unknown_base=reference) if is_folder else of_image(image.identity.config)
        report = InspectReport(
            subject=name,
            gaps=image.gaps,
            notes=(_NO_CONFIGURATION,) if is_folder else tuple(_missing(run, scene)),
            image=_without_secrets(image.identity),
            run=masked(run),
            masked=masked_names(run),
            user=_user(run, image.tree),
            health=asked_health(run),
            layers=tuple(layer_sizes(image, secret_values(run), shared)),
            services=detected(_seen(run, scene), shared.knowledge.services),
        )
        spent = image.statistics
        return report, Statistics(spent.layers_read, spent.layers_cached, spent.seconds)


def _without_secrets(identity: ImageIdentity) -> ImageIdentity:
    """Return an image's identity alone: its configuration and history may hold secrets."""
    return msgspec.structs.replace(identity, layers=(), config=ImageConfig())


def _missing(run: RunConfiguration, scene: Scene) -> Iterator[str]:
    """Yield which programs that the configuration names are not in an image that was seen whole."""
    tree, env = scene.image.tree, scene.image.identity.config.env
    folder = "/" if run.working_dir is None else run.working_dir.value
    asked = asked_health(run)
    named = {
        "the container": (*run.starting[:1], *behind_init(run.starting)[:1]),
        "the health check": asked.programs if asked else (),
    }
    for what, programs in named.items() if scene.is_whole else ():
        for program in dict.fromkeys(programs):
            path = posixpath.join(folder, program) if "/" in program else program
            if find_program(tree, env, path) is None:
                yield f"{what} starts {masked_text(program)}, and the image has no such program"


def _user(run: RunConfiguration, tree: FileTree) -> ResolvedUser | None:
    """Return the user with what passwd and group say of it (man 5 passwd, group)."""
    if run.user is None:
        return None
    users = {row[0]: row for row in _rows(tree, "/etc/passwd", 7) if row[2].isdecimal()}
    groups = {row[0]: int(row[2]) for row in _rows(tree, "/etc/group", 4) if row[2].isdecimal()}
    uid, gid = numbers(run.user.value, {name: int(row[2]) for name, row in users.items()}, groups)
    row = next((row for row in users.values() if int(row[2]) == uid), None)
    if gid < 0 and ":" not in run.user.value and row is not None and row[3].isdecimal():
        gid = int(row[3])
    written = masked(run).user or run.user
    return ResolvedUser(written.value, uid, gid, row[0] if row else "", row[5] if row else "")


def _rows(tree: FileTree, path: str, fields: int) -> Iterator[list[str]]:
    try:
        text = tree.read(normalise(path), limit=MAX_NAMES).decode(errors="replace")
    except FileUnreadable:
        return
    for line in text.splitlines()[:MAX_LINES]:
        row = line.split(":")
        if len(row) == fields:
            yield row


def layer_sizes(image: Image, secrets: Collection[str], shared: Shared) -> Iterator[LayerSize]:
    """Yield an image's layers, lowest first, with what is still seen of each, and without these secrets."""
    layers = image.identity.layers
    counted: defaultdict[int, int] = defaultdict(int)
    sizes: defaultdict[int, int] = defaultdict(int)
    for index, size in _files(image.tree) if layers else ():
        counted[index] += 1
        sizes[index] += size
    unpacked = unpacked_bytes(layers, shared.settings)
    for index, layer in enumerate(layers):
        raw = unpacked[index]
        yield LayerSize(
            stored_bytes=layer.size,
            created_by=masked_text(layer.created_by, secrets),
            diff_id=layer.diff_id,
            unpacked_bytes=-1 if raw is None else raw,
            seen_bytes=sizes[index],
            seen_files=counted[index],
        )


def _files(tree: FileTree) -> Iterator[tuple[int, int]]:
    pending = [ROOT]
    while pending:
        folder = pending.pop()
        for name, entry in tree.listing(folder).items():
            if entry.kind is FileKind.FOLDER:
                pending.append(join(folder, name))
            elif entry.kind is FileKind.FILE:
                yield entry.layer, entry.size


def _seen(run: RunConfiguration, scene: Scene) -> Seen:
    tree = scene.image.tree
    state = InstalledState.read(tree)
    folder = "/" if run.working_dir is None else run.working_dir.value
    env = scene.image.identity.config.env
    return Seen(
        programs=started_programs(run.starting, CONFIGURED, _script_reader(tree, folder, env)),
        packages={} if state is None else {str(package.name): package.version for package in state.packages},
        distributions={str(name): found.version for name, found in installed_distributions(scene).items()},
        ports={int(number): CONFIGURED for number in _numbers(run)},
        has_file=lambda path: tree.realpath(normalise(posixpath.join(folder, path))) is not None,
    )


def _numbers(run: RunConfiguration) -> Iterator[str]:
    for port in run.ports:
        number = port.value.partition("/")[0]
        if number.isdecimal() and len(number) <= 5:
            yield number


def _script_reader(tree: FileTree, folder: str, env: dict[str, str]) -> Callable[[str], str | None]:
    """Return what reads the shell scripts of an image, by a path or by a name that PATH leads to."""

    def read(program: str) -> str | None:
        path: ImagePath | None = normalise(posixpath.join(folder, program))
        if "/" not in program:
            path = find_program(tree, env, program)
        try:
            body = None if path is None else tree.read(path, limit=MAX_SCRIPT)
        except FileUnreadable:
            return None
        first = b"" if body is None else body.partition(b"\n")[0]
        is_shell = first.startswith(b"#!") and first.rstrip().endswith(b"sh")
        return body.decode(errors="replace") if body is not None and is_shell else None

    return read

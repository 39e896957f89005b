"""What images are held to: flat records on how one image stands, which rules may speak of.

The names of the fields are the words of the rules' language, as in audit/policy/facts.py. `image` is the
service or family that the image is for, else its Dockerfile; `role` is ``service``, ``family`` or ``other``.
"""

import msgspec

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.location import SourceLocation


class RunAs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As whom an image runs: `user` as it is written, by its Dockerfile or by what that is built on.

    `uid` and `gid` are -1 where they are not known; those of the manifest's user are `wanted_uid` and
    `wanted_gid`, -1 where it names none. `is_named` where a name stands for the number.
    """

    image: str = ""
    role: str = ""
    user: str = ""
    uid: int = -1
    gid: int = -1
    is_named: bool = False
    is_inherited: bool = False
    wanted: str = ""
    wanted_uid: int = -1
    wanted_gid: int = -1
    services: tuple[str, ...] = ()


class PrivilegedStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command of a RUN that only root may run, and the other user that runs it."""

    image: str = ""
    role: str = ""
    path: str = ""
    command: str = ""
    user: str = ""
    services: tuple[str, ...] = ()


class FirstProcess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a container runs as its process 1.

    `command` is the whole of it. `init` is the init that it begins with, empty where it begins with none;
    `wanted_init` is the manifest's. `is_shell_form` where a shell is given the command as text, and
    `replaces_shell` where the text begins with ``exec``. `is_script` where a script comes first, which may
    start an init itself. `has_outer_init` where what starts the container brings one.
    """

    image: str = ""
    role: str = ""
    command: str = ""
    init: str = ""
    wanted_init: str = ""
    is_shell_form: bool = False
    replaces_shell: bool = False
    is_script: bool = False
    has_outer_init: bool = False
    services: tuple[str, ...] = ()


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an image's health is asked for; what is not known of it is empty.

    `is_set` where there is a check, `is_disabled` where ``NONE`` turns one off. `port` and `path` are what it
    asks, `ports` and `wanted_path` what the manifest has. `lacking` is the program that it runs and that is
    not in the image, `swallowed_by` what keeps the check from ever failing (``|| true``).
    """

    image: str = ""
    role: str = ""
    is_set: bool = False
    is_disabled: bool = False
    swallowed_by: str = ""
    command: str = ""
    program: str = ""
    port: str = ""
    path: str = ""
    ports: tuple[str, ...] = ()
    wanted_port: str = ""
    wanted_path: str = ""
    lacking: str = ""
    services: tuple[str, ...] = ()


class Leftover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that only the build needed and that stays in the image.

    `kind` is ``compiler``, ``headers``, ``build-tool``, ``package-lists``, ``pip-cache`` or
    ``repository``. `stages` counts the stages of the Dockerfile.
    """

    image: str = ""
    role: str = ""
    kind: str = ""
    what: str = ""
    stages: int = 1
    services: tuple[str, ...] = ()


class ImageSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How large a built image is. Megabytes have 1,000,000 bytes; `compressed_mb` is what is pulled.

    `unpacked_mb` is 0 where it is not known. `largest_layer` is the line of the history that made it.
    """

    image: str = ""
    role: str = ""
    compressed_mb: float = 0.0
    unpacked_mb: float = 0.0
    budget_mb: float = 0.0
    layers: int = 0
    largest_mb: float = 0.0
    largest_layer: str = ""
    services: tuple[str, ...] = ()


class Platforms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The platforms that an image is to be for, and those that something makes it for.

    `source` is ``image`` (what is built), ``build`` (what a build asks for) or ``dockerfile`` (what FROM
    fixes); `missing` are those that are wanted and not made.
    """

    image: str = ""
    role: str = ""
    source: str = ""
    wanted: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class ImageLabels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The labels of an image. `is_built` where they are those of an image, else a Dockerfile's.

    `are_labels_whole` where nothing else may add some, nor tells the same. `attestations` counts what was
    stored with the image (SBOM, provenance), -1 where that is not known.
    """

    image: str = ""
    role: str = ""
    names: tuple[str, ...] = ()
    revision: str = ""
    is_built: bool = False
    are_labels_whole: bool = False
    attestations: int = -1
    services: tuple[str, ...] = ()


class ExposedPort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A port that a service's Dockerfile exposes, and the service's ports in the manifest."""

    image: str = ""
    port: str = ""
    protocol: str = ""
    ports: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


class StartFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A script or module that an image starts; `kind` is ``script`` or ``module``.

    `path` is where it would lie in the image. `is_missing` where no file of the build context comes to lie
    there, and `reason` says so.
    """

    image: str = ""
    role: str = ""
    kind: str = ""
    name: str = ""
    path: str = ""
    is_missing: bool = False
    reason: str = ""
    services: tuple[str, ...] = ()


class Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variable that holds what looks like a secret; the value itself is nowhere in this record.

    `instruction` is ENV or ARG, or ``image`` for a variable of a built image. `shape` says what its value
    looks like (``github-token``), empty where only its name speaks for a secret.
    """

    image: str = ""
    role: str = ""
    instruction: str = ""
    name: str = ""
    shape: str = ""
    services: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instruction that ONBUILD keeps for images that are built on this one."""

    image: str = ""
    role: str = ""
    instruction: str = ""
    services: tuple[str, ...] = ()


class MachineProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine's profile, which the manifest names, or a value in it that the manifest expects.

    `problem` says why the file is of no use, empty where it is of use. `key` is the value's name, empty where
    the record is on the file as a whole.
    """

    machine: str = ""
    path: str = ""
    problem: str = ""
    key: str = ""
    expected: str = ""
    found: str = ""
    is_set: bool = False
    services: tuple[str, ...] = ()


Standing = (
    RunAs
    | PrivilegedStep
    | FirstProcess
    | Health
    | Leftover
    | ImageSize
    | Platforms
    | ImageLabels
    | ExposedPort
    | StartFile
    | Secret
    | Trigger
    | MachineProfile
)


class Observed(msgspec.Struct, frozen=True):
    """A record, what it is about (`name`, a part of fingerprints), and the lines that a person can change."""

    standing: Standing
    name: str
    location: SourceLocation | None = None
    related: tuple[SourceLocation, ...] = ()
    confidence: Confidence = Confidence.CERTAIN

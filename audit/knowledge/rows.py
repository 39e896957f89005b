"""The rows of the knowledge base: what each kind of fact says."""

from typing import Annotated, Literal

import msgspec

from fleet_audit.audit.model.need import Tier

Text = Annotated[str, msgspec.Meta(min_length=1)]
RowId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.+-]*$")]
Reference = Annotated[str, msgspec.Meta(pattern=r"^\S.*$")]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.+*-]*[A-Za-z0-9_.+-]{3}[A-Za-z0-9_.+*-]*$")]
"""A name in which ``*`` stands for any text; three characters in a row are no ``*``."""

NeedText = Annotated[str, msgspec.Meta(pattern=r"^(so|bin):[^:/\s]+$")]
Distribution = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A distribution's name, normalised as PEP 503 says."""

Dotted = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
"""The full name of a module, or of a function or method in one."""


class NeverApt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Libraries and programs that the host supplies at run time; no package in the image may."""

    id: RowId
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    sonames: tuple[Pattern, ...] = ()
    except_sonames: tuple[Pattern, ...] = ()
    programs: tuple[Pattern, ...] = ()
    forbidden_packages: tuple[Pattern, ...] = ()


class ModuleDistributions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Import names, and the distributions that are known to hold them, the usual one first."""

    id: RowId
    why: Text
    modules: dict[str, Annotated[tuple[Distribution, ...], msgspec.Meta(min_length=1)]]


class HiddenNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a distribution needs although neither its ELF files nor its imports show it.

    Any of `needs` and its `alternatives` will do where there are alternatives; without them all of `needs`
    are needed. Where `module` is given, the need arises only once that module is imported.
    """

    id: RowId
    distribution: Distribution
    needs: Annotated[tuple[NeedText, ...], msgspec.Meta(min_length=1)]
    tier: Tier
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    module: str = ""
    alternatives: tuple[NeedText, ...] = ()


class ProviderOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of several packages to take for a need, where the smallest is not the one that people want."""

    id: RowId
    need: NeedText
    prefer: Text
    why: Text
    avoid: tuple[Text, ...] = ()


class SonameBreak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A library that some suites do not ship under this name any more; no package can satisfy it there."""

    id: RowId
    sonames: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    suites: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    verdict: Text
    fix: Text
    references: tuple[Reference, ...] = ()


class OtherSystem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Programs and libraries of another operating system; code looks at its platform before it uses them."""

    id: RowId
    why: Text
    programs: tuple[Pattern, ...] = ()
    sonames: tuple[Pattern, ...] = ()


class GpuBuild(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distributions that are built for a GPU, and of no use without one."""

    id: RowId
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    distributions: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)]


class ComputedImports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Modules that a distribution's code imports by names that it computes.

    `modules` maps a module to what it loads while it is imported, `calls` a function, by its full name, to
    what a call of it loads; `names` maps a module to the names, with the packages that they are taken from,
    that load it. A `prefix` is what the call's first argument must begin with. With
    `names_module` that argument names a module (``package.module:attribute``), which is loaded. Where
    `takes_first` is set, the first of the modules that is there is loaded, else all that are there.
    Where `lists` is given, what these arguments list (``0`` for the first) stands for the first argument;
    with `names_of`, each is a name in that package, with `submodule` a package of which that is imported.
    A call that is given one of the arguments in `unless` chooses for itself. Where `survives` is set, those
    that cannot be imported are passed over. `checked` says against which release the row was tried; where it
    begins with "read in", the source was read and nothing tried.
    """

    id: RowId
    distribution: Distribution
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    checked: Text
    modules: dict[Dotted, Annotated[tuple[Dotted, ...], msgspec.Meta(min_length=1)]] = {}
    calls: dict[Dotted, tuple[Dotted, ...]] = {}
    names: dict[Dotted, Annotated[tuple[Dotted, ...], msgspec.Meta(min_length=1)]] = {}
    lists: tuple[Text, ...] = ()
    names_of: str = ""
    submodule: str = ""
    level: Literal["certain", "probable", "lazy", "string"] = "certain"
    prefix: str = ""
    takes_first: bool = False
    names_module: bool = False
    survives: bool = False
    unless: tuple[Text, ...] = ()


class UsedSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One setting, and the modules that are imported for it: see `SettingUse`."""

    name: Text
    key: str = ""
    submodules: tuple[Text, ...] = ()
    needs: str = ""
    default: str = ""


class SettingsModules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A framework that imports what the strings in a service's settings name.

    `variable` is that of the environment which names the settings' module. `calls` maps each function that
    reads it, by its full name, to the settings that it surely uses; what is used later only is probable.
    `runs` is a method, as ``submodule.method``, that is called of the classes in all those submodules.
    """

    id: RowId
    distribution: Distribution
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    checked: Text
    variable: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]+$")]
    calls: Annotated[dict[Dotted, tuple[Text, ...]], msgspec.Meta(min_length=1)]
    settings: Annotated[tuple[UsedSetting, ...], msgspec.Meta(min_length=1)]
    runs: Annotated[str, msgspec.Meta(pattern=r"^(\w+\.\w+)?$")] = ""


class BaseImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What images of others would run, by their full names and patterns of tags.

    The first row that fits holds. `lacks` are programs that people expect there and that are not in it,
    `carries` are programs in it that only a build needs.
    """

    id: RowId
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    repositories: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    tags: tuple[Text, ...] = ("*",)
    user: Text = "root"
    entrypoint: tuple[Text, ...] = ()
    cmd: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()
    carries: tuple[Text, ...] = ()


class ServiceSigns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By what a service is known that runs in an image: its kind, and what of it shows where.

    `programs` are what the first process is or starts, `packages` Debian's, `distributions` Python's, `ports`
    those that are registered for it, `files` its configuration. A port alone says nothing, and only what
    runs is said to be sure.
    """

    id: RowId
    kind: Literal[
        "web-server",
        "web-application",
        "database",
        "cache",
        "message-broker",
        "worker",
        "scheduler",
        "proxy",
        "model-server",
        "monitoring",
    ]
    name: Text
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    programs: tuple[Text, ...] = ()
    packages: tuple[Text, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    ports: tuple[int, ...] = ()
    files: tuple[Text, ...] = ()


class ScannerSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where one setting of a scanner may be given: options, an action's input, a variable; else `default`."""

    options: tuple[Text, ...] = ()
    input: str = ""
    variable: str = ""
    default: str = ""


class Scanner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program or action that judges images or sources, and what makes it fail.

    `images` and `commands` are the words that call it; the argument of the former is an image. `actions` are
    ``owner/repository`` and, where it has one, the path in it, `containers` images that run it. It fails by
    what it finds where `failing` has a value other than none, ``0`` or ``false``, and `silencing` does not.
    An image may also stand behind one of `image_options`; what `guards_all` judges, where it names none, all
    that is published. `severities` limit what it looks at, `fixed_only` to what has a fix. With a `format`
    among `lists` it only lists what is there. `config_files` may say all that, too. `only_when` and
    `image_when` are inputs of the action with the values at which it scans at all, and an image. `valued`
    and `flags` are further options, with a value and without.
    """

    id: RowId
    why: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    failing: ScannerSetting
    actions: tuple[Text, ...] = ()
    containers: tuple[Text, ...] = ()
    images: tuple[Text, ...] = ()
    commands: tuple[Text, ...] = ()
    image_inputs: tuple[Text, ...] = ()
    image_options: tuple[Text, ...] = ()
    guards_all: bool = False
    image_when: dict[str, str] = {}
    only_when: dict[str, tuple[Text, ...]] = {}
    silencing: ScannerSetting = ScannerSetting()
    severities: ScannerSetting = ScannerSetting()
    fixed_only: ScannerSetting = ScannerSetting()
    format: ScannerSetting = ScannerSetting()
    lists: tuple[Text, ...] = ()
    config: ScannerSetting = ScannerSetting()
    config_files: tuple[Text, ...] = ()
    valued: str = ""
    flags: str = ""


class Misnomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names of packages that are another project's than people mean, or have nothing to offer (`is_absent`).

    `meant` is what people mean, `actual` what they get, `instead` how to install what is meant. Where
    `is_certain` is set, nobody can mean what is got. `checked` is the day on which the archive was asked.
    """

    id: RowId
    manager: Literal["apt", "apk", "pip", "npm", "gem"]
    names: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    meant: Text
    actual: Text
    instead: Text
    references: Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
    checked: Text
    is_absent: bool = False
    is_certain: bool = False


class KnowledgeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the knowledge base: a list of rows for each kind that it holds."""

    never_apt: tuple[NeverApt, ...] = ()
    module_distributions: tuple[ModuleDistributions, ...] = ()
    dlopen: tuple[HiddenNeed, ...] = ()
    provider_override: tuple[ProviderOverride, ...] = ()
    soname_break: tuple[SonameBreak, ...] = ()
    other_systems: tuple[OtherSystem, ...] = ()
    gpu_builds: tuple[GpuBuild, ...] = ()
    computed_imports: tuple[ComputedImports, ...] = ()
    settings_modules: tuple[SettingsModules, ...] = ()
    base_images: tuple[BaseImage, ...] = ()
    services: tuple[ServiceSigns, ...] = ()
    scanners: tuple[Scanner, ...] = ()
    misnomers: tuple[Misnomer, ...] = ()

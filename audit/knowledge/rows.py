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

References = Annotated[tuple[Reference, ...], msgspec.Meta(min_length=1)]
"""Where a stranger can check the row."""

Suites = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
"""The codenames of the releases that a row speaks of."""

Dotted = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
"""The full name of a module, or of a function or method in one."""


class NeverApt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Libraries and programs that the host supplies at run time; no package in the image may."""

    id: RowId
    why: Text
    references: References
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
    references: References
    module: str = ""
    alternatives: tuple[NeedText, ...] = ()


class ProviderOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of several packages to take for a need, where the smallest is not the one that people want."""

    id: RowId
    need: NeedText
    prefer: Text
    suites: Suites
    why: Text
    references: References
    avoid: tuple[Text, ...] = ()


class DependencyChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages that must not come in place of `prefer` for their size alone, though dependencies allow it."""

    id: RowId
    prefer: Text
    avoid: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)]
    suites: Suites
    why: Text
    references: References


class SonameBreak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A library that some suites do not ship under this name any more; no package can satisfy it there."""

    id: RowId
    sonames: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    suites: Suites
    verdict: Text
    fix: Text
    references: References


class ProvidedByPypi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Libraries that wheels bring, and that no package of a distribution should bring in their place.

    `distributions` are those whose wheels have them, each for another major version of what it belongs to;
    `versions` are those of the distributions that have these names (PEP 440), empty for all. `checked` is the
    day on which the wheels' lists of members were looked at.
    """

    id: RowId
    sonames: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)]
    distributions: Annotated[tuple[Distribution, ...], msgspec.Meta(min_length=1)]
    why: Text
    references: References
    checked: Text
    versions: str = ""


class NeedNot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Libraries that some files of a distribution are linked against, and that nothing is installed for.

    `files` are patterns of paths below the folder that the distribution is installed in.
    """

    id: RowId
    distribution: Distribution
    files: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    sonames: Annotated[tuple[Pattern, ...], msgspec.Meta(min_length=1)]
    why: Text
    references: References


class Alias(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name by which people know a Debian package, and the package that it means today.

    `exists` are the suites that have a package called `name`, `absent` those that have none. Of the latter,
    those in `virtual` take the name all the same: the package that is meant provides it, and nothing else
    does (Debian policy 7.5).
    """

    id: RowId
    name: Text
    use: Text
    exists: Suites
    absent: Suites
    why: Text
    references: References
    virtual: tuple[Text, ...] = ()


class RemedySizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes that wheels for x86-64 take once unpacked, by their RECORD: `before` the remedy and `after`.

    `release` says which wheels were measured.
    """

    release: Text
    after: int
    before: int = 0


class BroughtFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files with which a wheel answers a need, once it is installed.

    `files` are patterns of paths below the folder that it is installed in. `asked_by` are the distributions
    whose own code takes them; others need what the row's `then` says. Where `imported` is given, they are
    found only once that module was imported, which has to be before `before` is.
    """

    files: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    asked_by: Annotated[tuple[Distribution, ...], msgspec.Meta(min_length=1)]
    imported: str = ""
    before: str = ""


class RemedyRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wheel that does without packages, or brings what they would.

    It is a way out where one of `needs` is missing and nobody else than `distributions` needs it; where none
    is named, whoever does. `swap` is what to install in place of that distribution, in the same version,
    `add` what to install besides (with `same_version` in that distribution's), and `then` what else to do.
    It will not do where reachable code uses one of the names in `unless_used` (by module, the best known
    first), or where one of `unless_needs` is required and missing, too. `limits` is what a person must know
    who chooses it. `brings` says what answers the needs where no search for a library or a program finds it:
    once that was done, nothing is missing any more. `checked` says what was really tried.
    """

    id: RowId
    needs: Annotated[tuple[NeedText, ...], msgspec.Meta(min_length=1)]
    why: Text
    references: References
    checked: Text
    sizes: RemedySizes
    distributions: tuple[Distribution, ...] = ()
    swap: Distribution | None = None
    add: Distribution | None = None
    same_version: bool = False
    then: str = ""
    unless_used: dict[Dotted, Annotated[tuple[Dotted, ...], msgspec.Meta(min_length=1)]] = {}
    unless_needs: tuple[NeedText, ...] = ()
    limits: str = ""
    brings: BroughtFiles | None = None


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
    references: References
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
    references: References
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
    references: References
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
    references: References
    repositories: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
    tags: tuple[Text, ...] = ("*",)
    user: Text = "root"
    entrypoint: tuple[Text, ...] = ()
    cmd: tuple[Text, ...] = ()
    lacks: tuple[Text, ...] = ()
    carries: tuple[Text, ...] = ()


class SupportEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The day (``2026-08-31``) on which a release of a distribution gets its last security updates.

    `distribution` and `release` are ``ID`` and ``VERSION_ID`` of os-release(5), the release without its
    updates (``12`` for ``12.5``).
    """

    id: RowId
    why: Text
    references: References
    distribution: Text
    release: Text
    last: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


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
    references: References
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
    references: References
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
    references: References
    checked: Text
    is_absent: bool = False
    is_certain: bool = False


class KnowledgeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the knowledge base: a list of rows for each kind that it holds."""

    never_apt: tuple[NeverApt, ...] = ()
    module_distributions: tuple[ModuleDistributions, ...] = ()
    dlopen: tuple[HiddenNeed, ...] = ()
    provider_override: tuple[ProviderOverride, ...] = ()
    dependency_choice: tuple[DependencyChoice, ...] = ()
    soname_break: tuple[SonameBreak, ...] = ()
    other_systems: tuple[OtherSystem, ...] = ()
    gpu_builds: tuple[GpuBuild, ...] = ()
    computed_imports: tuple[ComputedImports, ...] = ()
    settings_modules: tuple[SettingsModules, ...] = ()
    base_images: tuple[BaseImage, ...] = ()
    support_ends: tuple[SupportEnd, ...] = ()
    services: tuple[ServiceSigns, ...] = ()
    scanners: tuple[Scanner, ...] = ()
    misnomers: tuple[Misnomer, ...] = ()
    provided_by_pypi: tuple[ProvidedByPypi, ...] = ()
    need_not: tuple[NeedNot, ...] = ()
    aliases: tuple[Alias, ...] = ()
    remedies: tuple[RemedyRow, ...] = ()

"""What rules may speak of in services' code: records beside needs, files and missing modules.

The names of the fields are the words of the rules' language, as in facts.py.
"""

import msgspec


class OwnModuleFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A module of the repository's own that is imported and is not where the service runs.

    `path` is its file, empty where the repository has none; `dockerfile` is then empty too, else the file
    whose COPY lines leave it out. `context` and `level` are those of its strongest import. `is_generated`
    where it is named as generators name what they write while an image is built.
    """

    name: str = ""
    path: str = ""
    dockerfile: str = ""
    is_generated: bool = False
    context: str = ""
    level: str = ""
    services: tuple[str, ...] = ()
    family: str = ""


class RequirementFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A distribution as a requirement file names it.

    `installed` is the image's version, empty where it has none; `is_contradicted` where that version is not
    one that the file allows. `is_used` where something that the service reaches comes from it, or it runs
    without being imported.
    """

    name: str = ""
    path: str = ""
    specifier: str = ""
    installed: str = ""
    is_contradicted: bool = False
    is_used: bool = False
    services: tuple[str, ...] = ()
    family: str = ""


class DistributionFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A distribution that a service's own code imports, and who says that it is to be there.

    `is_required` where a requirement file of the service names it, `is_declared` where the manifest says that
    the family, or one above it, contains it. `provided_by` is the family whose layer brings it.
    """

    name: str = ""
    modules: tuple[str, ...] = ()
    provided_by: str = ""
    is_required: bool = False
    is_declared: bool = False
    services: tuple[str, ...] = ()
    family: str = ""


class ShadowFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An own file that is imported in the place of something installed.

    `distribution` is empty where it hides a module of the standard library. `wanted_by` are the installed
    modules that import the name and get the own file.
    """

    module: str = ""
    path: str = ""
    shadowed: str = ""
    distribution: str = ""
    level: str = ""
    wanted_by: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""


class OverlapFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several installed distributions that claim the same `files`, and disagree on `differing` of them.

    `services` are those that reach one of the distributions.
    """

    distributions: tuple[str, ...] = ()
    files: int = 0
    differing: int = 0
    example: str = ""
    services: tuple[str, ...] = ()
    family: str = ""


class DynamicFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An import by a name that could not be evaluated, as it is written; `level` is that of its line."""

    expression: str = ""
    level: str = ""
    services: tuple[str, ...] = ()
    family: str = ""


class FitFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one service fits its family.

    `payload` is what the family adds to its parent, `used` what of it the service reaches. `cheaper` is the
    smallest other family that provides everything that the service reaches, empty where there is none or
    that is not known; `cheaper_bytes` and `own_bytes` are compressed sizes. `gpu_distributions` are those
    that the service reaches and that are built for a GPU.
    """

    name: str = ""
    payload: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    cheaper: str = ""
    cheaper_bytes: int = 0
    own_bytes: int = 0
    is_gpu_family: bool = False
    gpu_distributions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    family: str = ""


class PragmaFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A comment that is to waive rules; `problem` says why it does not.

    `unknown` are ids that no rule has, `unmatched` are rules that hold nothing against its lines.
    """

    path: str = ""
    rules: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    problem: str = ""
    services: tuple[str, ...] = ()
    family: str = ""

"""The fleet as its manifest describes it (CONTRACT: ``fleet.yaml``)."""

import msgspec

from fleet_audit.audit.model.location import SourceLocation


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the fleet's images are published, and how references must look."""

    prefix: str = ""
    tag_pattern: str = ""
    prev_suffix: str = ""
    cache_ref: str = ""
    canonical: tuple[str, ...] = ()


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What holds for every family and service that does not say otherwise."""

    build_context: str = "."
    pythonpath: tuple[str, ...] = (".",)
    python: str = ""
    user: str = ""
    user_name: str = ""
    init: str = ""
    health_path: str = ""
    port_offset_env: str = ""


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine that services run on."""

    aliases: tuple[str, ...] = ()
    gpu: str = ""
    sm: str = ""
    isa: str = ""
    min_driver: str = ""
    profile: str = ""
    startup: str = ""
    expect_profile: dict[str, str] = {}


class AptSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The archive to plan with, and packages that are never called surplus."""

    sources: tuple[str, ...] = ()
    snapshot: str | None = None
    keep: tuple[str, ...] = ()


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A family image. Paths are relative to the manifest's folder; sizes are compressed megabytes."""

    parent: str | None = None
    upstream: str = ""
    os: str = ""
    python: str = ""
    gpu: bool = False
    cuda: str = ""
    sm: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    dockerfiles: tuple[str, ...] = ()
    context: str = ""
    image: str | None = None
    apt: AptSettings = AptSettings()
    must_contain_pip: tuple[str, ...] = ()
    must_contain_apt: tuple[str, ...] = ()
    size_budget_mb: int | None = None
    aliases: tuple[str, ...] = ()
    exceptional: bool = False


class IgnoredRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that a service is exempt from, and why."""

    rule: str
    reason: str


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service. `requires` names what no analysis can see, as ``bin:NAME`` or ``so:NAME``."""

    name: str
    family: str
    machines: tuple[str, ...] = ()
    needs: str = ""
    ports: dict[str, int] = {}
    entry: str = ""
    required: dict[str, bool] = {}
    depends_on: tuple[str, ...] = ()
    source_paths: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    first_party_imports: tuple[str, ...] = ()
    dockerfiles: tuple[str, ...] = ()
    context: str = ""
    target: str = ""
    build_args: dict[str, str] = {}
    image: str | None = None
    requirements: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    ignore: tuple[IgnoredRule, ...] = ()


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of ``fleet.yaml``."""

    version: int
    fleet: str
    families: dict[str, Family]
    services: tuple[Service, ...]
    registry: Registry = Registry()
    defaults: Defaults = Defaults()
    policy: str = ""
    rules: tuple[str, ...] = ()
    waivers: str = ""
    audits: str = ""
    history: str = ""
    required_checks: tuple[str, ...] = ()
    machines: dict[str, Machine] = {}


class Fleet(msgspec.Struct, frozen=True):
    """A checked manifest, the folder it stands in, and the line of every family and service."""

    manifest: Manifest
    root: str
    file: str
    lines: dict[str, SourceLocation] = {}

    def family(self, name: str) -> Family | None:
        """Return a family by its name or alias."""
        found = self.family_name(name)
        return None if found is None else self.manifest.families[found]

    def family_name(self, name: str) -> str | None:
        """Return the name of the family that `name`, a name or an alias, means."""
        if name in self.manifest.families:
            return name
        for key, family in self.manifest.families.items():
            if name in family.aliases:
                return key
        return None

    def services_of(self, family: str) -> tuple[Service, ...]:
        """Return the services that run on a family, in the manifest's order."""
        return tuple(s for s in self.manifest.services if self.family_name(s.family) == family)

    def ancestors(self, family: str) -> tuple[str, ...]:
        """Return the parents of a family, nearest first; a checked manifest has no cycles."""
        chain: list[str] = []
        at = self.manifest.families[family].parent
        while at is not None and (name := self.family_name(at)) is not None and name not in chain:
            chain.append(name)
            at = self.manifest.families[name].parent
        return tuple(chain)

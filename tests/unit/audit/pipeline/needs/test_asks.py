"""What closures and imports ask for."""

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile, NeverApt, SonameBreak
from fleet_audit.audit.model.elf import (
    Closure,
    EntryKind,
    EntryPoint,
    HostDriver,
    Missing,
    NotAvailable,
    Request,
    Unknown,
    VersionProblem,
)
from fleet_audit.audit.model.finding import GapKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName, Soname
from fleet_audit.audit.model.imports import (
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    ProviderKind,
    ServiceImports,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import NeedKind, Tier
from fleet_audit.audit.pipeline.needs.asks import closure_asks, distribution_asks
from fleet_audit.audit.pipeline.needs.judge import Judge

LINE = SourceLocation("app.py", 3)
TORCH = ImagePath("/site/torch/_C.so")
DRIVER = NeverApt("nvidia-driver", "the host mounts it", ("NVIDIA",), sonames=("libcuda.so.*",))
LOST = SonameBreak(
    "openssl-1.1", ("libssl.so.1.1",), ("bookworm",), "left the archive", "upgrade the wheel", ("notes",)
)
KNOWLEDGE = Knowledge([KnowledgeFile(never_apt=(DRIVER,), soname_break=(LOST,))])


def _judge(*, is_whole: bool = True) -> Judge:
    return Judge(KNOWLEDGE, "bookworm", is_whole)


def _closure(soname: str) -> Closure:
    entry = EntryPoint(TORCH, EntryKind.EXTENSION_MODULE)
    return Closure(entry, (TORCH,), (Request(Soname(soname), TORCH, Missing(("/lib",))),))


def test_a_missing_library_is_missing() -> None:
    (ask,) = closure_asks([_closure("libGL.so.1")], _judge(), tier=None)

    assert (ask.kind, ask.name, ask.resolution) == (NeedKind.SONAME, "libGL.so.1", Missing(("/lib",)))


def test_what_the_hosts_driver_brings_is_never_missing() -> None:
    (ask,) = closure_asks([_closure("libcuda.so.1")], _judge(), tier=None)

    assert isinstance(ask.resolution, HostDriver)


def test_what_the_suite_has_lost_is_not_available() -> None:
    (ask,) = closure_asks([_closure("libssl.so.1.1")], _judge(), tier=None)

    assert isinstance(ask.resolution, NotAvailable)


def test_nothing_is_missing_from_an_image_that_was_not_seen_whole() -> None:
    (ask,) = closure_asks([_closure("libGL.so.1")], _judge(is_whole=False), tier=None)

    assert isinstance(ask.resolution, Unknown)
    assert ask.resolution.gap is GapKind.UNREADABLE_LAYER


def test_a_version_that_is_not_defined_is_a_need_of_its_own() -> None:
    entry = EntryPoint(TORCH, EntryKind.EXTENSION_MODULE)
    problem = VersionProblem(Soname("libc.so.6"), "GLIBC_2.38", TORCH, ImagePath("/lib/libc.so.6"))

    (ask,) = closure_asks([Closure(entry, (TORCH,), (), (problem,))], _judge(), tier=None)

    assert (ask.kind, ask.name) == (NeedKind.SYMBOL_VERSION, "GLIBC_2.38 of libc.so.6")


def _imported(context: ImportContext, level: Level = Level.CERTAIN) -> ServiceImports:
    module = ImportedModule(
        ModuleName("cv2"), context, (LINE,), level, DistributionName("opencv-python"), ProviderKind.FAMILY
    )
    return ServiceImports(service="Face", imports=(module,))


def _missing(context: ImportContext, level: Level = Level.CERTAIN) -> ServiceImports:
    module = MissingModule(ModuleName("yaml.loader"), context, (LINE,), level, (DistributionName("pyyaml"),))
    return ServiceImports(service="Face", missing=(module,))


def test_a_distribution_is_as_needed_as_its_import_is_certain() -> None:
    certain = distribution_asks([_imported(ImportContext.MODULE)], _judge())
    lazy = distribution_asks([_imported(ImportContext.LAZY, Level.LAZY)], _judge())
    guarded = distribution_asks([_imported(ImportContext.GUARDED)], _judge())

    assert [a.asks[0].tier for a in (certain, lazy, guarded)] == [Tier.REQUIRED, Tier.LAZY, Tier.OPTIONAL]


def test_what_is_imported_for_type_checkers_is_not_needed() -> None:
    assert (
        distribution_asks([_imported(ImportContext.TYPING), _missing(ImportContext.TYPING)], _judge()).asks
        == ()
    )


def test_a_module_that_nobody_provides_is_named_by_its_top_and_never_guessed() -> None:
    asked = distribution_asks([_missing(ImportContext.MODULE)], _judge())

    assert (asked.asks[0].name, asked.asks[0].alternatives) == ("yaml", ("pyyaml",))
    assert asked.edges[0].location == LINE

"""Builds reports that hold a little of everything."""

import msgspec

from fleet_audit.audit.model.apt import AptPlan, Placement, PlannedPackage, Surplus, Unsatisfied
from fleet_audit.audit.model.archives import ArchiveAnswer, ArchiveSuite, IndexReport, KeptArchive
from fleet_audit.audit.model.builds import Build, BuildOrigin
from fleet_audit.audit.model.claims import DockerfileAccount, StageName
from fleet_audit.audit.model.copying import CopiedSource, CopyProblem
from fleet_audit.audit.model.dockerfiles import Rejection
from fleet_audit.audit.model.elf import (
    Attempt,
    Closure,
    EntryKind,
    EntryPoint,
    Fatal,
    HostDriver,
    Missing,
    Request,
    Resolved,
    Step,
    Trace,
)
from fleet_audit.audit.model.evidence import Chain, Edge, Node, NodeKind
from fleet_audit.audit.model.finding import (
    Confidence,
    Finding,
    Gap,
    GapKind,
    Mode,
    PolicySummary,
    RuleSummary,
    Severity,
)
from fleet_audit.audit.model.identity import (
    Digest,
    DistributionName,
    Distro,
    ImagePath,
    ImageRef,
    ModuleName,
    PackageName,
    Soname,
)
from fleet_audit.audit.model.image import ImageIdentity
from fleet_audit.audit.model.imports import (
    DynamicImport,
    ExtensionModule,
    ImportContext,
    ImportedModule,
    Level,
    LoadMethod,
    MissingModule,
    NativeLoad,
    PathEdit,
    ProgramCall,
    ProviderKind,
    RequiredDistribution,
    ServiceImports,
    Shadowing,
    UnparsedFile,
)
from fleet_audit.audit.model.inspection import (
    MASK,
    AskedHealth,
    DetectedService,
    InspectReport,
    LayerSize,
    ResolvedUser,
    Sign,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.need import Need, NeedKind, ReachedFrom, Tier, Via
from fleet_audit.audit.model.one_file import (
    Depth,
    DepthNote,
    DepthReport,
    DepthSegment,
    DepthSymbol,
    DepthVersions,
    Hardened,
    Hardening,
    HardeningReport,
    TreeReport,
)
from fleet_audit.audit.model.references import Deviation, Reference, ReferenceAccount, ReferenceKind
from fleet_audit.audit.model.report import (
    Answer,
    DepsReport,
    DockerfilesReport,
    EntryReport,
    ExplainReport,
    ImportsReport,
    LddReport,
    Problem,
)
from fleet_audit.audit.model.running import (
    CommandLine,
    HealthSetting,
    RunConfiguration,
    Setting,
    Variable,
)
from fleet_audit.reports.options import RenderOptions
from tests.support.advisories import vulns_report
from tests.support.audits import full_image
from tests.support.differences import diff_report
from tests.support.gated import gate_report
from tests.support.inventories import sbom_report
from tests.support.lifecycle_reports import history_report, trend_report
from tests.support.proposals import audio_plan, audio_surplus
from tests.support.waivers import vex_report, waivers_report

OPTIONS = RenderOptions(created="2026-11-20T00:00:00Z", version="0.1.0", manifest="fleet.yaml")

APP = SourceLocation("services/face_recognition/app.py", 12)
REQUIREMENTS = SourceLocation("services/face_recognition/requirements.txt", 3)
DOCKERFILE = SourceLocation("docker/family-vision-cu121/Dockerfile", 18)
CV2 = ImagePath("/usr/local/lib/python3.11/site-packages/cv2/cv2.abi3.so")

IMAGE = ImageIdentity(
    ref=ImageRef("oci", "build/images:family-vision-cu121", Digest("sha256:" + "9b1e" * 16)),
    distro=Distro("debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"),
)

RULE = RuleSummary(
    "FA-NEED-001", "A required library is missing", "The loader ends.", Severity.ERROR, Mode.ENFORCE, "need"
)
MODULE_RULE = RuleSummary(
    "FA-IMP-001",
    "A module is provided by nobody",
    "The import fails.",
    Severity.ERROR,
    Mode.ENFORCE,
    "module",
)
POLICY = PolicySummary("default", "125df0e0" * 8, (RULE,))


def chain_to(name: str) -> tuple[str, ...]:
    """Return the steps from a service's import of cv2 to a soname."""
    return (
        "service:FaceRecognitionAgent",
        f"imports module:cv2 ({APP})",
        f"loads file:{CV2}",
        f"needs so:{name}",
    )


def need(name: str, resolution: object = None, tier: Tier = Tier.REQUIRED, *services: str) -> Need:
    """Return a soname that cv2 needs."""
    return Need(
        kind=NeedKind.SONAME,
        name=name,
        tier=tier,
        via=Via.NEEDED,
        resolution=Missing(("/usr/lib",)) if resolution is None else resolution,  # type: ignore[arg-type]  # any resolution
        wanted_by=(CV2,),
        reached_from=tuple(
            ReachedFrom(service, APP, Level.CERTAIN, chain_to(name))
            for service in services or ("FaceRecognitionAgent",)
        ),
    )


def finding(
    severity: Severity = Severity.ERROR,
    *,
    rule: str = "FA-NEED-001",
    subject: str = "so:libGL.so.1",
    message: str = "libGL.so.1 is missing",
    mode: Mode = Mode.ENFORCE,
    waiver: str | None = None,
    waived_by: str = "",
    is_downgraded: bool = False,
) -> Finding:
    """Return a finding at the services' own line."""
    return Finding(
        rule=rule,
        severity=severity,
        confidence=Confidence.CERTAIN,
        mode=mode,
        subject=subject,
        message=message,
        remedy="install libgl1=1.6.0-1 in the family's Dockerfile",
        location=APP,
        related=(DOCKERFILE,),
        waiver=waiver,
        waived_by=waived_by,
        is_downgraded=is_downgraded,
    )


def plan() -> AptPlan:
    """Return a plan of one root with one dependency, and one need without an answer."""
    return AptPlan(
        snapshot="bookworm 2026-11-15",
        roots=("libgl1=1.6.0-1",),
        packages=(
            PlannedPackage(PackageName("libgl1"), "1.6.0-1", 98304, 88400, ("so:libGL.so.1", "libgl1"), True),
            PlannedPackage(
                PackageName("libglx0"), "1.6.0-1", 198304, 34400, ("so:libGL.so.1", "libgl1", "libglx0")
            ),
        ),
        installed_bytes=296608,
        download_bytes=122800,
        unsatisfied=(Unsatisfied("so:libacme.so.1", "no package has it"),),
        placement=Placement("family-vision-cu121", DOCKERFILE, "the last apt-get install of the final stage"),
    )


def deps_report() -> DepsReport:
    """Return a report on a family that fails, with a need of every sort."""
    return DepsReport(
        subject="family-vision-cu121",
        family="family-vision-cu121",
        image=IMAGE,
        services=("DreamWorldAgent", "FaceRecognitionAgent", "VisionProcessingAgent"),
        needs=(
            need("libGL.so.1", None, Tier.REQUIRED, "FaceRecognitionAgent", "VisionProcessingAgent"),
            need("libacme.so.1"),
            need("libbad.so.1", Fatal(ImagePath("/usr/lib/libbad.so.1"), "file too short")),
            need("libcuda.so.1", HostDriver("nvidia-driver")),
            need("libjack.so.0", None, Tier.OPTIONAL),
            need("libz.so.1", Resolved(ImagePath("/usr/lib/x86_64-linux-gnu/libz.so.1"))),
        ),
        proposal=plan(),
        surplus=(
            Surplus(
                PackageName("libsm6"), 102400, "family", "nothing needs it, no program runs it", "likely"
            ),
        ),
        unparsed=(UnparsedFile("services/dream/old.py", 7, "expected ':'", 2, ("DreamWorldAgent",)),),
        findings=(
            finding(),
            finding(
                rule="FA-SRC-001",
                subject="file:services/dream/old.py",
                message="services/dream/old.py does not parse: expected ':'",
            ),
            finding(
                Severity.WARN,
                rule="FA-NEED-006",
                subject="so:libtorch.so",
                message="found by luck",
                mode=Mode.WARN,
            ),
            finding(
                Severity.INFO,
                rule="FA-NEED-005",
                subject="so:libjack.so.0",
                message="not there",
                mode=Mode.WARN,
            ),
            finding(
                rule="FA-X-001", subject="so:libw.so", message="waived thing", waiver="Face: brings its own"
            ),
            finding(rule="FA-X-002", subject="so:libd.so", message="a new rule", mode=Mode.DRY_RUN),
        ),
        gaps=(
            Gap("images", GapKind.UNREADABLE_ELF, "/opt/x.so", "is cut off after 812 bytes"),
            Gap("imports", GapKind.PATH_EDIT, "sys.path", "the folder is computed", APP),
        ),
        notes=("no archive signature was checked",),
        policy=POLICY,
    )


def planned_report() -> DepsReport:
    """Return a report with a proved plan, ways that are better than it, and packages that nothing needs."""
    return DepsReport(
        subject="family-audio",
        family="family-audio",
        image=IMAGE,
        services=("SpeechAgent",),
        needs=(
            need("libportaudio.so.2", None, Tier.REQUIRED, "SpeechAgent"),
            need("libssl.so.1.1", None, Tier.REQUIRED, "SpeechAgent"),
        ),
        proposal=audio_plan(),
        surplus=audio_surplus(),
        is_surplus_known=True,
        findings=(finding(subject="so:libportaudio.so.2", message="libportaudio.so.2 is missing"),),
        policy=POLICY,
    )


def clean_report() -> DepsReport:
    """Return a report on a family in which nothing is missing."""
    return DepsReport(
        subject="family-web",
        family="family-web",
        image=IMAGE,
        services=("ServiceRegistry",),
        needs=(need("libz.so.1", Resolved(ImagePath("/usr/lib/libz.so.1"))),),
        policy=POLICY,
    )


def imports_report() -> ImportsReport:
    """Return what one service imports, with something of every sort."""
    numpy = DistributionName("numpy")
    service = ServiceImports(
        service="FaceRecognitionAgent",
        entry="services/face_recognition/app.py",
        files=("services/face_recognition/app.py", "common/log.py"),
        imports=(
            ImportedModule(
                ModuleName("numpy"), ImportContext.MODULE, (APP,), Level.CERTAIN, numpy, ProviderKind.FAMILY
            ),
            ImportedModule(ModuleName("os"), ImportContext.MODULE, (APP,), provided_by=ProviderKind.STDLIB),
            ImportedModule(
                ModuleName("common.log"), ImportContext.MODULE, (APP,), provided_by=ProviderKind.FIRST_PARTY
            ),
            ImportedModule(ModuleName("ujson"), ImportContext.GUARDED, (APP,)),
        ),
        missing=(
            MissingModule(
                ModuleName("yaml"),
                ImportContext.MODULE,
                (APP, DOCKERFILE),
                suggestions=(DistributionName("pyyaml"),),
            ),
            MissingModule(ModuleName("ujson"), ImportContext.GUARDED, (APP,)),
            MissingModule(
                ModuleName("common.gone"), ImportContext.LAZY, (APP,), Level.LAZY, is_first_party=True
            ),
        ),
        requirements=(
            RequiredDistribution(numpy, REQUIREMENTS, "==1.26.4", "2.1.0", is_satisfied=False),
            RequiredDistribution(DistributionName("requests"), REQUIREMENTS),
        ),
        shadowings=(
            Shadowing(
                ModuleName("queue"),
                SourceLocation("services/face_recognition/queue.py"),
                ImagePath("/usr/local/lib/python3.11/queue.py"),
                locations=(APP,),
            ),
        ),
        unused_distributions=(DistributionName("requests"),),
        native_loads=(
            NativeLoad(("libpulse.so.0",), LoadMethod.DLOPEN, Level.CERTAIN, APP, ModuleName("pulsectl")),
        ),
        programs=(
            ProgramCall("ffmpeg", Level.LAZY, APP, ModuleName("app"), is_own_code=True, is_handled=True),
        ),
        path_edits=(PathEdit(APP, "sys.path.insert(0, x)"), PathEdit(APP, "sys.path.append('lib')", "lib")),
        dynamic_imports=(DynamicImport(APP, "import_module(name)"),),
        extension_modules=(
            ExtensionModule(CV2, ModuleName("cv2.cv2"), Level.CERTAIN, DistributionName("opencv-python")),
        ),
        unparsed=(UnparsedFile("services/dream/old.py", 7, "expected ':'", 1),),
    )
    return ImportsReport(
        subject="family-vision-cu121",
        image=IMAGE,
        services=(service,),
        providers={"numpy": "base-cpu-pydeps"},
        findings=(
            finding(rule="FA-IMP-001", subject="module:yaml", message="nobody provides the module yaml"),
            finding(
                rule="FA-IMP-001",
                subject="module:ujson",
                message="nobody provides ujson",
                waiver="app.py:3: late",
            ),
        ),
        gaps=(Gap("imports", GapKind.DYNAMIC_IMPORT, "import_module(name)", "the name is computed", APP),),
        policy=PolicySummary("default", "125df0e0" * 8, (MODULE_RULE,)),
    )


def ldd_report() -> LddReport:
    """Return the entry points of an image: one broken, one that waits for the host, one that loads."""
    other = ImagePath("/usr/local/lib/libother.so")
    return LddReport(
        subject=str(IMAGE.ref),
        image=IMAGE,
        elf_files=1214,
        extension_modules=233,
        entries=(
            EntryReport(
                EntryPoint(
                    CV2, EntryKind.EXTENSION_MODULE, ModuleName("cv2"), DistributionName("opencv-python")
                ),
                (
                    Problem("missing", "libGL.so.1", CV2, ("/lib", "/usr/lib")),
                    Problem("version", "libstdc++.so.6", other, detail="GLIBCXX_3.4.32 is not defined"),
                ),
            ),
            EntryReport(
                EntryPoint(ImagePath("/opt/torch.so"), EntryKind.PLUGIN),
                (Problem("host-driver", "libcuda.so.1", other),),
            ),
            EntryReport(EntryPoint(ImagePath("/usr/bin/python3"), EntryKind.EXECUTABLE)),
        ),
        gaps=(Gap("ldd", GapKind.UNREADABLE_ELF, "/opt/x.so", "is cut off"),),
        policy=POLICY,
    )


def inspect_report() -> InspectReport:
    """Return what an image would run, with a secret, and values of every kind."""
    line = SourceLocation("docker/web/Dockerfile", 7)
    run = RunConfiguration(
        user=Setting("10001:10001", line),
        entrypoint=CommandLine(("/usr/bin/tini", "--"), SourceLocation("docker/base/Dockerfile", 3)),
        cmd=CommandLine(("/bin/sh", "-c", "exec uvicorn app:app"), line),
        working_dir=Setting("/app/$WHERE", line, is_known=False),
        health=HealthSetting(("CMD-SHELL", "curl -f http://localhost:7200/health"), line, "30s", "3s", "3"),
        env=(Variable("DB_PASSWORD", MASK, line), Variable("PORT", "7200", line)),
        labels=(Variable("org.opencontainers.image.revision", "3f9c2ab", line),),
        ports=(Setting("7200/tcp", line),),
        volumes=(Setting("/data", line),),
        triggers=(Setting("COPY . /app", line),),
        unknown_base="registry.example/acme/base:1",
    )
    return InspectReport(
        subject="docker/web/Dockerfile",
        image=IMAGE,
        dockerfile="docker/web/Dockerfile",
        target="runtime",
        bases=("registry.example/acme/base:1",),
        run=run,
        user=ResolvedUser("10001:10001", 10001, 10001, "app", "/home/app", line),
        health=AskedHealth(("curl",), "7200", "/health"),
        masked=("DB_PASSWORD",),
        layers=(LayerSize(1_500_000, "RUN big", "sha256:" + "ab" * 32, 4_000_000, 12), LayerSize(20)),
        services=(
            DetectedService(
                "uvicorn",
                "web-server",
                "Uvicorn",
                Confidence.CERTAIN,
                (Sign("program", "uvicorn", str(line)),),
            ),
            DetectedService(
                "redis", "cache", "Redis", Confidence.POSSIBLE, (Sign("package", "redis-server"),)
            ),
        ),
        gaps=(
            Gap("dockerfiles", GapKind.NOT_EXAMINED, "registry.example/acme/base:1", "is not known", line),
        ),
    )


def explain_report() -> ExplainReport:
    """Return why libGL.so.1 is needed."""
    service = Node(NodeKind.SERVICE, "FaceRecognitionAgent")
    module = Node(NodeKind.MODULE, "cv2")
    soname = Node(NodeKind.SONAME, Soname("libGL.so.1"))
    edges = (Edge(service, module, "imports", location=APP), Edge(module, soname, "needs", Level.LAZY))
    return ExplainReport(
        subject="so:libGL.so.1",
        image=IMAGE,
        node=soname,
        facts=(("status", "missing"), ("supplied by", "libgl1=1.6.0-1")),
        answers=(Answer(service, Chain(edges, Level.LAZY)),),
        arriving=(edges[1],),
    )


def tree_report() -> TreeReport:
    """Return how cv2 loads: a library beside it, one of the process, and one that is missing."""
    beside = ImagePath("/usr/local/lib/python3.11/site-packages/opencv_python.libs/libavif.so.16")
    libc = ImagePath("/usr/lib/x86_64-linux-gnu/libc.so.6")
    loader = ImagePath("/lib64/ld-linux-x86-64.so.2")
    entry = EntryPoint(CV2, EntryKind.EXTENSION_MODULE, ModuleName("cv2"), DistributionName("opencv-python"))
    found = Attempt(str(beside).rpartition("/")[0], f"taken: {beside}", "rpath", CV2)
    vain = (
        Attempt("/usr/local/nvidia/lib", "not there", "ld-library-path"),
        Attempt("/etc/ld.so.cache", "no entry that can be opened", "cache"),
        Attempt("/lib", "not there", "default"),
        Attempt("/usr/lib", "not there", "default"),
    )
    steps = (
        Step(Request(Soname("libavif.so.16"), CV2, Resolved(beside)), (found,)),
        Step(Request(Soname("libc.so.6"), CV2, Resolved(libc)), note="already loaded, with this DT_SONAME"),
        Step(Request(Soname("libGL.so.1"), beside, Missing(("/lib", "/usr/lib"))), vain),
    )
    closure = Closure(entry, (CV2, beside), tuple(step.request for step in steps))
    return TreeReport(
        subject=str(IMAGE.ref),
        image=IMAGE,
        elf_files=1214,
        extension_modules=1,
        entries=(EntryReport(entry, (Problem("missing", "libGL.so.1", beside, ("/lib", "/usr/lib")),)),),
        tree=Trace(closure, loader, "2.36", ImagePath("/usr/bin/python3.11"), (loader, libc), steps),
    )


def depth_report() -> DepthReport:
    """Return one library in depth."""
    return DepthReport(
        subject=str(IMAGE.ref),
        image=IMAGE,
        elf_files=1214,
        path=CV2,
        size=69_900_000,
        depth=Depth(
            machine="X86_64",
            elf_class="ELF64",
            elf_type="DYN",
            hardening=SOUND,
            soname="cv2.so",
            needed=("libGL.so.1", "libc.so.6"),
            runpath="",
            build_id="48d4ab33",
            imported=(DepthSymbol("printf", "GLIBC_2.2.5", "FUNC"), DepthSymbol("hook", is_weak=True)),
            imported_total=1087,
            exported=(DepthSymbol("PyInit_cv2", "", "FUNC"),),
            exported_total=1,
            relocations={"X86_64_GLOB_DAT": 95, "X86_64_RELATIVE": 76480},
            segments=(DepthSegment("LOAD", "r-x", 0x1000, 4096, 8192),),
            sections=(".text",),
            notes=(DepthNote("GNU", "GNU_BUILD_ID", "48d4ab33"),),
            versions_needed=(DepthVersions("libc.so.6", ("GLIBC_2.2.5", "GLIBC_2.34")),),
            versions_defined=("CV_2",),
        ),
    )


SOUND = Hardening(
    is_pie=None, has_executable_stack=False, relro="full", has_canary=True, fortified=3, fortifiable=2
)


def hardening_report() -> HardeningReport:
    """Return what protects a program and a library, and one file that could not be read."""
    old = Hardening(
        is_pie=False,
        has_executable_stack=True,
        relro="none",
        has_canary=False,
        fortified=0,
        fortifiable=7,
        has_writable_code=True,
        has_text_relocations=True,
        is_stripped=False,
    )
    return HardeningReport(
        subject=str(IMAGE.ref),
        image=IMAGE,
        elf_files=1214,
        extension_modules=1,
        hardened=(
            Hardened(EntryPoint(ImagePath("/opt/old"), EntryKind.EXECUTABLE), old),
            Hardened(EntryPoint(CV2, EntryKind.EXTENSION_MODULE, ModuleName("cv2")), SOUND),
        ),
        gaps=(Gap("ldd", GapKind.UNREADABLE_ELF, "/opt/x.so", "lief finds no segments in it"),),
    )


def dockerfiles_report() -> DockerfilesReport:
    """Return a repository with a Dockerfile that builds, one that does not, and one that cannot be read."""
    build = Build(
        origin=BuildOrigin.COMPOSE,
        location=SourceLocation("compose.yaml", 4),
        dockerfile="web/Dockerfile",
        context="web",
        name="web",
        args=(("MACHINE", "mainpc"), ("TOKEN", None)),
        platforms=("linux/amd64",),
        tags=("registry.example/acme/web:1",),
        services=("Web",),
    )
    rejection = Rejection(4, "unknown-instruction", "there is no instruction 'b\x1b'", 3, "no backslash")
    named = Reference(
        location=SourceLocation("compose.yaml", 9, 12),
        kind=ReferenceKind.COMPOSE,
        written="old.example/acme/web:$TAG",
        registry="old.example",
        repository="acme/web",
        image="web",
        unknown=("tag", "digest"),
        name="web",
    )
    return DockerfilesReport(
        subject="shop",
        files=(
            DockerfileAccount("web/Dockerfile", (StageName("run", "debian:12", 1),), (), (build,)),
            DockerfileAccount("old/Dockerfile", (StageName("", "$BASE", 2),), (rejection,)),
        ),
        references=(ReferenceAccount(named, Deviation.REGISTRY, "registry.example/acme/web"),),
        copies=(
            CopiedSource(
                location=SourceLocation("web/Dockerfile", 5), source="app.py", context="web", exists=True
            ),
            CopiedSource(
                location=SourceLocation("web/Dockerfile", 6),
                source="da\x1bta",
                path="data",
                context="web",
                exists=False,
                problem=CopyProblem.IGNORED,
                reason="line 2 of web/.dockerignore leaves it out",
                pattern=SourceLocation("web/.dockerignore", 2),
                built_at=SourceLocation("compose.yaml", 4),
            ),
        ),
        findings=(
            finding(rule="FA-DF-001", subject="file:old/Dockerfile", message="it cannot be built"),
            finding(Severity.WARN, rule="FA-DF-002", subject="file:old/Dockerfile", waiver="known"),
        ),
        gaps=(Gap("dockerfiles", GapKind.UNREADABLE_FILE, "x/Dockerfile", "holds a NUL byte"),),
        policy=POLICY,
    )


def index_report() -> IndexReport:
    """Return two states of archives: one that Debian signed, and one of which nothing is proved."""
    signed = ArchiveSuite(
        suite="bookworm",
        archive="http://archive.example/debian",
        components=("main", "contrib"),
        date="2026-07-11T10:16:37Z",
        valid_until="2026-11-25T00:00:00Z",
        digest="c8" * 32,
        signed_by=("Archive Key (12/bookworm) <ftp@archive.example> 6ED0E7B82643E131", "Stable Key F8D2585B"),
    )
    doubtful = ArchiveSuite("noble", "http://archive.example/ubuntu", doubt="Release bears no signature")
    asked = "2026-11-20T00:00:00Z"
    first = KeptArchive(
        *("ab" * 32, "debian", "bookworm", "amd64", "bookworm 2026-07-11T10:16:37Z", (signed,), asked),
        sonames=24523,
        programs=46384,
        packages=63666,
        bytes=6711499,
    )
    second = KeptArchive(
        *("cd" * 32, "ubuntu", "noble", "arm64", "noble undated", (doubtful,), asked),
        lacking=("noble-updates at http://archive.example/ubuntu",),
    )
    shipped = KeptArchive(
        *("debian-trixie", "debian", "trixie", "arm64", "Debian 13 as of 2026-11-20"),
        suites=(msgspec.structs.replace(signed, suite="trixie", archive=""),),
        asked="2026-11-20",
        sonames=25022,
        programs=46705,
        bytes=429801,
    )
    return IndexReport(
        subject="package archives",
        cache="/cache/archives",
        answers=(ArchiveAnswer(first, ("family-vision-cu121",), is_new=True), ArchiveAnswer(second)),
        shipped=(shipped,),
        gaps=(
            Gap(
                *("apt", GapKind.NO_ARCHIVE_INDEX, "family-ubuntu", "nothing names an archive for it"),
                command="fleet-audit index update family-ubuntu -f deploy/fleet.yaml --archive ADDRESS",
            ),
            Gap("apt", GapKind.UNVERIFIED_ARCHIVE, "noble", "Release bears no signature"),
        ),
    )


ALL = (
    deps_report(),
    planned_report(),
    dockerfiles_report(),
    clean_report(),
    imports_report(),
    ldd_report(),
    tree_report(),
    depth_report(),
    hardening_report(),
    explain_report(),
    inspect_report(),
    index_report(),
    history_report(),
    trend_report(),
    sbom_report(),
    vulns_report(),
    diff_report(),
    waivers_report(),
    vex_report(),
    gate_report(),
    full_image(),
)


def decoded(text: str) -> dict[str, object]:
    """Return a JSON document."""
    value = msgspec.json.decode(text)
    assert isinstance(value, dict)
    return value

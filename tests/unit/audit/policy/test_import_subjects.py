"""From what services import to what rules may speak of."""

import msgspec

from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import (
    DynamicImport,
    FamilyFit,
    ImportContext,
    ImportedModule,
    Level,
    MissingModule,
    ProviderKind,
    RequiredDistribution,
    ServiceImports,
    Shadowing,
    SharedFiles,
    UnshippedModule,
)
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.policy.facts import Subject
from fleet_audit.audit.policy.import_subjects import (
    distribution_subjects,
    dynamic_subjects,
    fit_subjects,
    overlap_subjects,
    own_module_subjects,
    requirement_subjects,
    shadow_subjects,
)

APP, OTHER = SourceLocation("face/app.py", 4), SourceLocation("web/app.py", 9)
DOCKERFILE = SourceLocation("face/Dockerfile", 7)
REQUIREMENTS = SourceLocation("requirements.txt", 2)
NUMPY, SCIPY = DistributionName("numpy"), DistributionName("scipy")


def facts(subject: Subject) -> dict[str, object]:
    """Return the facts of a subject that say anything."""
    return {key: value for key, value in msgspec.structs.asdict(subject.facts).items() if value}


def absent(name: str, place: SourceLocation, **fields: object) -> MissingModule:
    whole = {"module": name, "context": "module", "locations": [place], "is_first_party": True}
    return msgspec.convert({**whole, **fields}, MissingModule, strict=False)


def test_an_own_module_that_is_nowhere_has_one_subject_with_the_gravest_import_first() -> None:
    lazy = absent("common.bus", APP, level=2, context="lazy")
    services = [
        ServiceImports("face", missing=(lazy,)),
        ServiceImports("web", missing=(absent("common.bus", OTHER),)),
    ]

    (subject,) = own_module_subjects(services, {}, family="vision")

    assert facts(subject) == {
        "name": "common.bus",
        "context": "module",
        "level": "certain",
        "services": ("face", "web"),
        "family": "vision",
    }
    assert (subject.location, subject.related) == (OTHER, (APP,))


def test_a_module_that_is_named_as_generators_name_theirs_may_come_with_the_build() -> None:
    names = ("common.bus_pb2", "common.bus_pb2_grpc", "common._version", "common.pb2")
    service = ServiceImports("face", missing=tuple(absent(name, APP) for name in names))

    found = {
        subject.name: facts(subject).get("is_generated") for subject in own_module_subjects([service], {})
    }

    assert found == {
        "module:common.bus_pb2": True,
        "module:common.bus_pb2_grpc": True,
        "module:common._version": True,
        "module:common.pb2": None,
    }


def test_a_module_that_a_distribution_could_bring_is_no_own_one() -> None:
    services = [ServiceImports("face", missing=(absent("cv2", APP, is_first_party=False),))]

    assert own_module_subjects(services, {}) == ()


def test_what_a_dockerfile_leaves_out_names_the_file_and_is_related_to_the_dockerfile() -> None:
    left = UnshippedModule(ModuleName("common.bus"), "common/bus.py", APP, DOCKERFILE, is_guarded=True)

    (subject,) = own_module_subjects([ServiceImports("face")], {"face": (left,)})

    assert facts(subject)["path"] == "common/bus.py"
    assert facts(subject)["dockerfile"] == "face/Dockerfile"
    assert facts(subject)["context"] == "guarded"
    assert (subject.location, subject.related) == (APP, (DOCKERFILE,))


def required(
    specifier: str = "", *, is_satisfied: bool | None = None, **fields: bool
) -> RequiredDistribution:
    installed = "2.1.0" if specifier else ""
    return RequiredDistribution(
        NUMPY, REQUIREMENTS, specifier, installed, is_satisfied=is_satisfied, **fields
    )


def test_a_requirement_that_one_of_its_services_uses_is_used() -> None:
    user = ServiceImports("face", requirements=(required(),))
    other = ServiceImports("web", requirements=(required(),), unused_distributions=(NUMPY,))

    (subject,) = requirement_subjects([user, other])
    (unused,) = requirement_subjects([other])

    assert facts(subject) == {
        "name": "numpy",
        "path": "requirements.txt",
        "is_used": True,
        "services": ("face", "web"),
    }
    assert "is_used" not in facts(unused)
    assert unused.location == REQUIREMENTS


def test_a_version_contradicts_only_where_that_is_known() -> None:
    for is_satisfied, expected in ((False, True), (True, False), (None, False)):
        service = ServiceImports("face", requirements=(required("==1.26.4", is_satisfied=is_satisfied),))
        (subject,) = requirement_subjects([service])
        assert facts(subject).get("is_contradicted", False) is expected


def test_a_constraint_is_never_unused() -> None:
    constraint = required(is_constraint=True)
    service = ServiceImports("face", requirements=(constraint,), unused_distributions=(NUMPY,))

    (subject,) = requirement_subjects([service])

    assert facts(subject)["is_used"] is True


def importing(*requirements: RequiredDistribution, **fields: object) -> ServiceImports:
    whole = {"module": "scipy.ndimage", "context": "module", "locations": [APP], "distribution": "scipy"}
    imported = msgspec.convert({**whole, "provided_by": "family", **fields}, ImportedModule, strict=False)
    return ServiceImports("face", imports=(imported,), requirements=requirements)


def test_what_is_imported_and_named_nowhere_says_who_brings_it() -> None:
    (subject,) = distribution_subjects(
        [importing(required())], declared=frozenset(), providers={"scipy": "vision"}
    )

    assert facts(subject) == {
        "name": "scipy",
        "modules": ("scipy.ndimage",),
        "provided_by": "vision",
        "services": ("face",),
    }
    assert subject.location == APP


def test_who_names_a_distribution_is_told_apart() -> None:
    scipy = RequiredDistribution(SCIPY, REQUIREMENTS)

    (named,) = distribution_subjects([importing(scipy)], declared=frozenset(), providers={})
    (declared,) = distribution_subjects([importing(required())], declared=frozenset({SCIPY}), providers={})

    assert (facts(named).get("is_required"), facts(named).get("is_declared")) == (True, None)
    assert (facts(declared).get("is_required"), facts(declared).get("is_declared")) == (None, True)


def test_imports_that_need_not_be_there_and_services_without_requirements_are_left_alone() -> None:
    services = [
        importing(),
        importing(required(), context=ImportContext.GUARDED),
        importing(required(), context=ImportContext.TYPING),
        importing(required(), provided_by=ProviderKind.SERVICE),
    ]

    assert distribution_subjects(services, declared=frozenset(), providers={}) == ()


def test_a_shadow_is_told_once_with_everyone_who_gets_the_own_file() -> None:
    own = SourceLocation("face/yaml.py")
    shadowing = Shadowing(
        ModuleName("yaml"),
        own,
        ImagePath("/site/yaml/__init__.py"),
        distribution=DistributionName("pyyaml"),
        locations=(APP,),
        wanted_by=(ModuleName("uvicorn.config"),),
    )
    services = [
        ServiceImports("face", shadowings=(shadowing,)),
        ServiceImports("web", shadowings=(shadowing,)),
    ]

    (subject,) = shadow_subjects(services)

    assert facts(subject) == {
        "module": "yaml",
        "path": "face/yaml.py",
        "shadowed": "/site/yaml/__init__.py",
        "distribution": "pyyaml",
        "level": "certain",
        "wanted_by": ("uvicorn.config",),
        "services": ("face", "web"),
    }
    assert (subject.location, subject.related) == (APP, (own,))


def test_shared_files_count_only_where_a_service_reaches_one_of_their_owners() -> None:
    cv2 = SharedFiles((NUMPY, SCIPY), files=3, differing=1, example=ImagePath("/site/cv2/__init__.py"))

    (subject,) = overlap_subjects(
        [cv2], {"face": frozenset({SCIPY}), "web": frozenset()}, location=SourceLocation("fleet.yaml", 3)
    )

    assert facts(subject)["services"] == ("face",)
    assert subject.name == "dist:numpy+scipy"
    assert overlap_subjects([cv2], {"web": frozenset()}) == ()


def test_a_computed_import_is_as_sure_as_the_surest_service_that_makes_it() -> None:
    def service(name: str, level: Level) -> ServiceImports:
        return ServiceImports(name, dynamic_imports=(DynamicImport(APP, "import_module(x)", level),))

    (subject,) = dynamic_subjects([service("face", Level.LAZY), service("web", Level.CERTAIN)])

    assert facts(subject) == {
        "expression": "import_module(x)",
        "level": "certain",
        "services": ("face", "web"),
    }
    assert (subject.name, subject.confidence) == ("import:import_module(x)", Confidence.CERTAIN)


def test_a_fit_stands_in_the_manifest_and_is_related_to_the_lines_that_reach_a_gpu() -> None:
    manifest = SourceLocation("fleet.yaml", 30)
    fit = FamilyFit("face", payload=(SCIPY,), gpu_distributions=((NUMPY, APP),), location=manifest)

    (subject,) = fit_subjects([fit], family="vision")

    assert facts(subject) == {
        "name": "face",
        "payload": ("scipy",),
        "gpu_distributions": ("numpy",),
        "services": ("face",),
        "family": "vision",
    }
    assert (subject.location, subject.related) == (manifest, (APP,))

"""What code asks for by name: libraries and programs, any of several names, as badly as it says."""

from collections.abc import Sequence

from fleet_audit.audit.knowledge.base import Knowledge
from fleet_audit.audit.knowledge.rows import HiddenNeed, KnowledgeFile
from fleet_audit.audit.model.elf import Missing, Resolution, Resolved
from fleet_audit.audit.model.evidence import NodeKind
from fleet_audit.audit.model.identity import DistributionName, ImagePath, ModuleName
from fleet_audit.audit.model.imports import Level, LoadMethod, NativeLoad, ProgramCall, ServiceImports
from fleet_audit.audit.model.location import ImageLocation, SourceLocation
from fleet_audit.audit.model.need import NeedKind, Tier, Via
from fleet_audit.audit.pipeline.needs.wishes import (
    Wish,
    declared_wishes,
    grant,
    hidden_wishes,
    load_wishes,
    program_wishes,
)
from fleet_audit.audit.pipeline.run.subject import Declared

OWN_LINE = SourceLocation("services/stt/app.py", 31)
INSTALLED_LINE = ImageLocation(ImagePath("/site/pydub/utils.py"), line=9)


def _no_sonames(_stem: str) -> Sequence[str]:
    return ()


def _load(
    *names: str, method: LoadMethod = LoadMethod.DLOPEN, level: Level = Level.CERTAIN
) -> ServiceImports:
    load = NativeLoad(names, method, level, INSTALLED_LINE, ModuleName("pulsectl"))
    return ServiceImports(service="Audio", native_loads=(load,))


def _call(program: str, *, is_own: bool, is_handled: bool = False) -> ServiceImports:
    call = ProgramCall(
        program=program,
        level=Level.LAZY,
        location=OWN_LINE if is_own else INSTALLED_LINE,
        module=ModuleName("services.stt.app"),
        is_own_code=is_own,
        is_handled=is_handled,
    )
    return ServiceImports(service="Speech", programs=(call,))


def _absent(_kind: NeedKind, _name: str) -> Resolution:
    return Missing()


def test_a_library_is_asked_for_by_the_name_that_code_opens() -> None:
    (wish,) = load_wishes([_load("libpulse.so.0")], _no_sonames)

    assert (wish.names, wish.via, str(wish.source)) == (("libpulse.so.0",), Via.DLOPEN, "module:pulsectl")


def test_a_stem_becomes_the_sonames_that_it_can_mean_and_needs_what_finds_them() -> None:
    library, program = load_wishes(
        [_load("portaudio", method=LoadMethod.FIND_LIBRARY)], lambda stem: [f"lib{stem}.so.2"]
    )

    assert library.names == ("libportaudio.so.2",)
    assert (program.kind, program.names[0]) == (NeedKind.PROGRAM, "ldconfig")


def test_a_bare_stem_is_looked_for_even_where_it_is_opened() -> None:
    (wish,) = load_wishes([_load("pulse")], lambda stem: [f"lib{stem}.so.0"])

    assert wish.names == ("libpulse.so.0",)


def test_loads_of_one_line_are_alternatives_only_where_the_code_makes_them_so() -> None:
    def line(*choices: int) -> ServiceImports:
        loads = [
            NativeLoad(
                (f"lib{n}.so.1",),
                LoadMethod.DLOPEN,
                Level.CERTAIN,
                OWN_LINE,
                ModuleName("app"),
                choice=choice,
            )
            for n, choice in enumerate(choices)
        ]
        return ServiceImports(service="Audio", native_loads=tuple(loads))

    def names(*choices: int) -> list[tuple[str, ...]]:
        return [wish.names for wish in load_wishes([line(*choices)], _no_sonames)]

    assert names(0, 0) == [("lib0.so.1", "lib1.so.1")]
    assert names(0, 1) == [("lib0.so.1",), ("lib1.so.1",)]


def test_names_of_other_systems_ask_for_nothing() -> None:
    assert list(load_wishes([_load("portaudio.dll", "libportaudio.dylib")], _no_sonames)) == []


def test_a_program_in_a_services_own_code_is_required_even_inside_a_function() -> None:
    (wish,) = program_wishes([_call("ffmpeg", is_own=True)])

    assert wish.tier is Tier.REQUIRED


def test_a_program_whose_absence_is_handled_is_optional() -> None:
    (wish,) = program_wishes([_call("ffmpeg", is_own=True, is_handled=True)])

    assert wish.tier is Tier.OPTIONAL


def test_a_program_in_installed_code_is_as_needed_as_its_chain_is_certain() -> None:
    (wish,) = program_wishes([_call("ffmpeg", is_own=False)])

    assert (wish.tier, wish.level) == (None, Level.LAZY)


def test_a_relative_program_is_nothing_that_an_image_can_be_asked_for() -> None:
    assert list(program_wishes([_call("./tool", is_own=True)])) == []


def test_what_the_knowledge_base_calls_lazy_is_lazy() -> None:
    row = HiddenNeed(
        "pydub-ffmpeg", "pydub", ("bin:ffmpeg",), Tier.LAZY, "at use", ("pydub",), "", ("bin:avconv",)
    )
    knowledge = Knowledge([KnowledgeFile(dlopen=(row,))])

    (wish,) = hidden_wishes([DistributionName("pydub")], knowledge)

    assert (wish.names, wish.level, wish.via) == (("ffmpeg", "avconv"), Level.LAZY, Via.RULE)
    assert wish.source.kind is NodeKind.DISTRIBUTION


def test_the_manifest_requires_what_it_names() -> None:
    line = SourceLocation("fleet.yaml", 90)

    (wish,) = declared_wishes([Declared("so:libGL.so.1", "Face", line)])

    assert (wish.kind, wish.names, wish.tier, wish.location) == (
        NeedKind.SONAME,
        ("libGL.so.1",),
        Tier.REQUIRED,
        line,
    )


def _wish(*names: str) -> Wish:
    (wish,) = load_wishes([_load(*names)], _no_sonames)
    return wish


def test_of_several_names_the_one_that_is_there_answers() -> None:
    def resolve(_kind: NeedKind, name: str) -> Resolution:
        return Resolved(ImagePath(f"/lib/{name}")) if name == "libb.so.1" else Missing()

    (ask,) = grant([_wish("liba.so.1", "libb.so.1")], resolve).asks

    assert (ask.name, ask.alternatives) == ("libb.so.1", ("liba.so.1",))


def test_where_none_is_there_the_first_is_named_and_the_others_would_do() -> None:
    granted = grant([_wish("liba.so.1", "libb.so.1")], _absent)

    (ask,) = granted.asks
    assert (ask.name, ask.alternatives, ask.resolution) == ("liba.so.1", ("libb.so.1",), Missing())
    assert [str(edge.target) for edge in granted.edges] == ["so:liba.so.1"]

"""What serves nobody, and how sure that is."""

from collections.abc import Iterable, Mapping

import msgspec

from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.apt.surplus.doubt import Doubt
from fleet_audit.audit.apt.surplus.surplus import Brought, Circumstances, candidates, surplus_of
from fleet_audit.audit.model.apt import Surplus
from fleet_audit.audit.model.finding import Confidence
from fleet_audit.audit.model.identity import ImagePath, PackageName
from tests.support.installed import KIB, brought, installed

TRIPLET = "/usr/lib/x86_64-linux-gnu"


def found(
    records: Iterable[InstalledRecord],
    how: Mapping[PackageName, Brought],
    *,
    needed: str = "",
    files: Mapping[str, str] | None = None,
    doubts: Mapping[str, Doubt] | None = None,
    general: tuple[Doubt, ...] = (),
    built_with: Mapping[str, str] | None = None,
) -> dict[str, Surplus]:
    known = Circumstances(
        needed={PackageName(name): "a service" for name in needed.split()},
        brought=how,
        files={
            PackageName(name): tuple(map(ImagePath, paths.split())) for name, paths in (files or {}).items()
        },
        doubts={PackageName(name): (doubt,) for name, doubt in (doubts or {}).items()},
        general=general,
        built_with={PackageName(name): where for name, where in (built_with or {}).items()},
    )
    return {each.package: each for each in surplus_of(records, known)}


def test_a_library_that_nobody_needs_is_surplus_and_certainly_so() -> None:
    told = found(
        [installed("libsm6", "libice6", size=3 * KIB), installed("libice6"), installed("libgl1")],
        brought({"libsm6": "family", "libgl1": "family"}, along="libice6"),
        needed="libgl1",
        files={"libsm6": f"{TRIPLET}/libSM.so.6", "libice6": f"{TRIPLET}/libICE.so.6"},
    )

    assert list(told) == ["libsm6", "libice6"]
    assert told["libsm6"].confidence == "certain"
    assert told["libsm6"].reason == "no service loads, runs or imports what it brings"
    assert (told["libsm6"].installed_bytes, told["libsm6"].origin) == (3 * KIB, "family")
    assert told["libice6"].goes_with == "libsm6"


def test_what_is_needed_is_never_surplus() -> None:
    assert found([installed("libsm6")], brought({"libsm6": "family"}), needed="libsm6") == {}


def test_the_base_image_essential_required_and_protected_packages_and_managers_stay() -> None:
    world = [
        installed("base-tool", "base-lib"),
        installed("base-lib"),
        installed("bash", is_essential=True),
        installed("mount", priority="required"),
        msgspec.structs.replace(installed("init"), is_protected=True),
        installed("apt"),
        installed("dpkg"),
    ]
    how = brought(
        {"bash": "f", "mount": "f", "init": "f", "apt": "f", "dpkg": "f"}, base="base-tool", along="base-lib"
    )

    assert found(world, how) == {}


def test_a_package_of_which_nobody_knows_how_it_came_stays() -> None:
    assert found([installed("mystery")], {}) == {}


def test_what_is_only_for_building_is_called_so() -> None:
    world = [
        installed("cmake", section="devel"),
        installed("libgtk-3-dev", section="universe/libdevel"),
        installed("gtk-doc", section="doc"),
        installed("jq", section="utils"),
    ]

    told = found(world, brought(dict.fromkeys(["cmake", "libgtk-3-dev", "gtk-doc", "jq"], "family")))

    assert {name: each.kind for name, each in told.items()} == {
        "cmake": "build-tool",
        "gtk-doc": "documentation",
        "jq": "unneeded",
        "libgtk-3-dev": "development",
    }


def test_a_tool_for_building_is_certain_though_it_brings_programs() -> None:
    told = found(
        [installed("cmake", section="devel")], brought({"cmake": "f"}), files={"cmake": "/usr/bin/cmake"}
    )

    assert told["cmake"].confidence == "certain"


def test_a_program_that_a_person_may_run_is_not_certainly_surplus() -> None:
    told = found([installed("jq")], brought({"jq": "family"}), files={"jq": "/usr/bin/jq"})

    assert told["jq"].confidence == "likely"
    assert "may run jq" in told["jq"].doubt


def test_daemons_and_data_are_only_possibly_surplus() -> None:
    told = found(
        [installed("redis"), installed("words")],
        brought({"redis": "family", "words": "family"}),
        files={"redis": "/usr/lib/systemd/system/redis.service", "words": "/usr/share/dict/words"},
    )

    assert {each.confidence for each in told.values()} == {"possible"}


def test_a_plugin_whose_host_stays_is_only_possibly_surplus_and_one_without_host_is_not_doubted() -> None:
    plugin = f"{TRIPLET}/gstreamer-1.0/libgstflac.so"
    world = [installed("gst-good", "libgst"), installed("libgst")]
    how = brought({"gst-good": "family", "libgst": "family"})

    with_host = found(world, how, needed="libgst", files={"gst-good": plugin})
    without = found(world, how, files={"gst-good": plugin})

    assert with_host["gst-good"].confidence == "possible"
    assert without["gst-good"].confidence == "certain"


def test_a_library_in_a_folder_that_loaders_search_is_no_plugin() -> None:
    world = [installed("libcurl4", "libssl3"), installed("libssl3")]

    told = found(
        world,
        brought({"libcurl4": "family", "libssl3": "family"}),
        needed="libssl3",
        files={
            "libcurl4": f"{TRIPLET}/libcurl.so.4 /lib/x86_64-linux-gnu/libcurl.so.4.8.0 /usr/lib/libcurl.so.4"
        },
    )

    assert told["libcurl4"].confidence == "certain"


def test_what_the_c_library_loads_by_its_configuration_is_only_possibly_surplus() -> None:
    told = found(
        [installed("libnss-ldap")],
        brought({"libnss-ldap": "family"}),
        files={"libnss-ldap": f"{TRIPLET}/libnss_ldap.so.2"},
    )

    assert told["libnss-ldap"].confidence == "possible"


def test_what_something_that_stays_recommends_is_not_certainly_surplus() -> None:
    told = found(
        [installed("curl", recommends="certs"), installed("certs")],
        brought({"curl": "family", "certs": "family"}),
        needed="curl",
        files={"certs": f"{TRIPLET}/libcerts.so.1"},
    )

    assert (told["certs"].confidence, told["certs"].doubt) == ("likely", "curl, which stays, recommends it")


def test_what_came_by_recommendation_alone_is_told_with_the_way_to_leave_it_out() -> None:
    told = found(
        [installed("curl", recommends="publicsuffix"), installed("publicsuffix")],
        brought({"curl": "family"}, along="publicsuffix"),
        needed="curl",
    )

    assert told["publicsuffix"].reason == (
        "came because curl recommends it: --no-install-recommends leaves it out"
    )


def test_a_doubt_on_what_came_along_is_one_on_what_brought_it() -> None:
    doubt = Doubt(Confidence.POSSIBLE, "/opt/tool links to it")

    told = found(
        [installed("dev", "lib", section="libdevel"), installed("lib")],
        brought({"dev": "family"}, along="lib"),
        doubts={"lib": doubt},
    )

    assert told["dev"].confidence == "possible"
    assert told["dev"].doubt == "lib came with it: /opt/tool links to it"


def test_a_doubt_on_what_nobody_asked_for_may_be_its_own_alone() -> None:
    told = found(
        [installed("dev", "keys", section="libdevel"), installed("keys")],
        brought({"dev": "family"}, along="keys"),
        doubts={"keys": Doubt(Confidence.POSSIBLE, "a library may read it", is_own=True)},
    )

    assert (told["dev"].confidence, told["keys"].confidence) == ("certain", "possible")


def test_a_doubt_on_the_image_is_one_on_every_package() -> None:
    told = found(
        [installed("lib")],
        brought({"lib": "family"}),
        general=(Doubt(Confidence.LIKELY, "a file is broken"),),
    )

    assert (told["lib"].confidence, told["lib"].doubt) == ("likely", "a file is broken")


def test_a_library_is_no_surer_than_what_depends_on_it() -> None:
    world = [installed("typelib", "libgtk"), installed("libgtk", "libgl"), installed("libgl")]
    how = brought(dict.fromkeys(["typelib", "libgtk", "libgl"], "family"))
    files = {
        "typelib": "/usr/lib/x86_64-linux-gnu/girepository-1.0/Gtk-3.0.typelib",
        "libgtk": f"{TRIPLET}/libgtk.so",
    }

    told = found(world, how, files=files)

    assert {each.confidence for each in told.values()} == {"possible"}
    assert told["libgtk"].doubt == "typelib, which depends on it, may be needed"


def test_what_is_held_in_its_version_stays() -> None:
    held = msgspec.structs.replace(installed("driver"), is_held=True)

    assert found([held], brought({"driver": "family"})) == {}


def test_the_usual_name_of_what_is_needed_stays() -> None:
    world = [
        installed("python3", "python3-minimal", source="python3-defaults"),
        installed("python3-minimal", source="python3-defaults"),
    ]

    assert found(world, brought({"python3": "f"}, along="python3-minimal"), needed="python3-minimal") == {}


def test_a_package_without_files_stands_for_what_it_depends_on() -> None:
    world = [installed("default-jre", "jre-17"), installed("jre-17", source="openjdk")]
    how = brought({"default-jre": "family"}, along="jre-17")
    manuals = {
        "default-jre": "/usr/share/doc /usr/share/doc/default-jre /usr/share/doc/default-jre/copyright"
    }

    assert found(world, how, needed="jre-17", files=manuals) == {}
    with_program = {"default-jre": "/usr/bin/jconsole"}
    assert list(found(world, how, needed="jre-17", files=with_program)) == ["default-jre"]


def test_headers_stand_for_nothing_and_the_library_is_to_be_named_instead() -> None:
    world = [
        installed("libgtk-dev", "libgtk", source="gtk", section="libdevel"),
        installed("libgtk", "libgl", source="gtk", version="3.1"),
        installed("libgl", version="1.6"),
    ]

    told = found(world, brought({"libgtk-dev": "f"}, along="libgtk libgl"), needed="libgl")

    assert told["libgtk-dev"].instead == ("libgl=1.6",)
    assert told["libgtk"].goes_with == "libgtk-dev"


def test_an_old_name_stands_for_nothing() -> None:
    world = [installed("libgl1-mesa-glx", "libgl1", section="oldlibs"), installed("libgl1", version="1.6")]

    told = found(world, brought({"libgl1-mesa-glx": "f"}, along="libgl1"), needed="libgl1")

    assert told["libgl1-mesa-glx"].instead == ("libgl1=1.6",)


def test_where_the_build_uses_what_came_along_the_root_says_so() -> None:
    told = found(
        [installed("build-essential", "make", section="devel"), installed("make", section="devel")],
        brought({"build-essential": "family"}, along="make"),
        built_with={"make": "Dockerfile:7 runs make"},
    )

    assert told["build-essential"].built_with == "Dockerfile:7 runs make"


def test_candidates_are_what_dependencies_do_not_hold() -> None:
    world = [installed("a", "b"), installed("b"), installed("c")]
    known = Circumstances(
        needed={PackageName("a"): "a service"}, brought=brought({"a": "f", "c": "f"}, along="b")
    )

    assert candidates(world, known) == {"c"}


def test_names_that_stand_for_names_without_end_are_kept() -> None:
    world = [installed(f"p{n:03}", f"p{n + 1:03}", source="one") for n in range(200)]
    how = brought({f"p{n:03}": "family" for n in range(200)})

    assert found(world, how, needed="p199") == {}


def test_a_huge_system_of_circles_is_told_in_a_moment() -> None:
    world = [installed(f"a{n}", f"b{n}") for n in range(10_000)] + [
        installed(f"b{n}", f"a{n}") for n in range(10_000)
    ]
    along = " ".join(record.name for record in world)

    assert len(found(world, brought(along=along))) == 20_000

"""Libraries that another distribution brings: found by import order, or only in another variant."""

from tests.support.elf import Symbol, elf, wants
from tests.support.worlds import FAMILY, Document, Files, World, installed

SITE = "/usr/local/lib/python3.11/site-packages"
LIBRARY = elf(soname="libc10.so", symbols=[Symbol("c10")])
EXTENSION = f"{SITE}/audio/_ext.abi3.so"


def torch(first: str = "from ._C import tensor\n") -> Document:
    """Return a distribution that finds its own library by a path of its own."""
    core = elf(needed=["libc10.so"], runpath="$ORIGIN/lib", symbols=[Symbol("PyInit__C")])
    files: Files = {
        "torch/__init__.py": first,
        "torch/_C.abi3.so": core,
        "torch/lib/libc10.so": LIBRARY,
    }
    return installed("torch", files)


def audio(first: str, *needed: str) -> Document:
    """Return a distribution whose extension needs a library that no path of its own leads to."""
    files: Files = {
        "audio/__init__.py": first,
        "audio/_ext.abi3.so": elf(needed=list(needed), symbols=[Symbol("PyInit__ext")]),
    }
    return installed("audio", files)


def wanting(symbol: str) -> Document:
    """Return a distribution whose extension wants a symbol of a library that it is not linked with."""
    extension = elf(symbols=[Symbol("PyInit__ext"), wants(symbol)])
    return installed("audio", {"audio/__init__.py": "from . import _ext\n", "audio/_ext.abi3.so": extension})


def listed(world: World, *layers: Document) -> list[tuple[str, str]]:
    entries = world.run("ldd", world.image("x", *layers)).document["entries"]
    (found,) = (entry["problems"] for entry in entries if entry["path"] == EXTENSION)
    return [(problem["kind"], problem["detail"]) for problem in found]


def test_a_package_that_imports_the_provider_first_always_finds_its_library(world: World) -> None:
    first = "import torch\nfrom . import _ext\n"

    assert listed(world, torch(), audio(first, "libc10.so")) == []


def test_a_package_that_does_not_import_the_provider_depends_on_the_order(world: World) -> None:
    (problem,) = listed(world, torch(), audio("from . import _ext\n", "libc10.so"))

    assert problem == ("order-dependent", "found only when torch has been imported before")


def test_a_provider_that_does_not_load_its_library_does_not_help(world: World) -> None:
    bare = installed("torch", {"torch/__init__.py": "", "torch/lib/libc10.so": LIBRARY})

    assert [kind for kind, _ in listed(world, bare, audio("import torch\n", "libc10.so"))] == ["missing"]


def test_a_provider_that_cannot_be_imported_itself_does_not_help(world: World) -> None:
    broken = elf(needed=["libc10.so", "libgone.so"], runpath="$ORIGIN/lib", symbols=[Symbol("PyInit__C")])
    files: Files = {"torch/__init__.py": "", "torch/_C.abi3.so": broken, "torch/lib/libc10.so": LIBRARY}

    found = listed(world, installed("torch", files), audio("from . import _ext\n", "libc10.so"))

    assert [kind for kind, _ in found] == ["missing"]


def test_a_provider_that_waits_for_the_hosts_driver_alone_helps(world: World) -> None:
    waiting = elf(needed=["libc10.so", "libcuda.so.1"], runpath="$ORIGIN/lib", symbols=[Symbol("PyInit__C")])
    files: Files = {"torch/__init__.py": "", "torch/_C.abi3.so": waiting, "torch/lib/libc10.so": LIBRARY}

    found = listed(world, installed("torch", files), audio("from . import _ext\n", "libc10.so"))

    assert [kind for kind, _ in found] == ["order-dependent"]


def test_what_the_provider_does_not_bring_is_still_missing(world: World) -> None:
    first = "import torch\nfrom . import _ext\n"

    assert [kind for kind, _ in listed(world, torch(), audio(first, "libc10.so", "libx.so"))] == ["missing"]


def statuses(world: World, app: str, *layers: Document) -> set[str]:
    world.family(FAMILY, *layers).service("face", app)
    needs = world.run("deps", FAMILY, "--offline").document["needs"]
    return {need["status"] for need in needs if need["name"] == "libc10.so"}


def test_services_of_such_packages_miss_nothing(world: World) -> None:
    found = statuses(
        world, "import audio\n", torch(), audio("import torch\nfrom . import _ext\n", "libc10.so")
    )

    assert found == {"resolved"}


def test_services_are_told_of_the_provider(world: World) -> None:
    app = "import torch\nimport audio\n"
    found = statuses(world, app, torch(), audio("from . import _ext\n", "libc10.so"))

    assert found == {"resolved", "order-dependent"}


def test_another_cuda_version_is_a_conflict_and_never_a_package(world: World) -> None:
    other = installed("nvidia", {"nvidia/lib/libcudart.so.12": elf(soname="libcudart.so.12")})

    ((kind, detail),) = listed(world, other, audio("from . import _ext\n", "libcudart.so.11.0"))

    assert kind == "wrong-variant"
    assert "libcudart.so.12" in detail


def test_a_build_without_cuda_is_another_variant(world: World) -> None:
    found = listed(world, torch(), audio("import torch\nfrom . import _ext\n", "libc10_cuda.so"))

    assert found == [("wrong-variant", "the image has a build of torch without CUDA")]


def test_a_cuda_library_of_which_nothing_is_there_is_missing(world: World) -> None:
    found = listed(world, torch(), audio("from . import _ext\n", "libcudart.so.12"))

    assert [kind for kind, _ in found] == ["missing"]


def test_a_symbol_that_nothing_in_the_image_defines_keeps_a_module_from_loading(world: World) -> None:
    found = listed(world, torch(), wanting("gone"))

    assert found == [("symbol", "undefined symbol: gone")]


def test_a_symbol_that_another_distribution_defines_may_come_with_it(world: World) -> None:
    ((kind, detail),) = listed(world, torch(), wanting("c10"))

    assert kind == "order-dependent"
    assert f"{SITE}/torch/lib/libc10.so" in detail


def test_services_are_told_which_module_cannot_be_bound(world: World) -> None:
    world.family(FAMILY, torch(), wanting("gone")).service("face", "import audio\n")
    answer = world.run("deps", FAMILY, "--offline")

    assert answer.needs["_ext.abi3.so"]["status"] == "fatal"
    assert "undefined symbol: gone" in str(answer.document["findings"])
    assert answer.code == 1
    for question in ("symbol:gone", "so:_ext.abi3.so"):
        told = world.run("explain", question, "--offline", "-o", "text")
        assert "services/face/app.py:1" in told.out


def test_a_library_of_its_own_that_no_search_finds_is_opened_by_its_own_code(world: World) -> None:
    extension = elf(needed=["libaudio.so"], symbols=[Symbol("PyInit__ext")])
    files: Files = {
        "audio/__init__.py": "",
        "audio/_ext.abi3.so": extension,
        "audio/lib/libaudio.so": elf(soname="libaudio.so", symbols=[Symbol("play")]),
    }

    found = listed(world, installed("audio", files))

    place = f"{SITE}/audio/lib/libaudio.so"
    assert found == [("order-dependent", f"found only when {place} has been opened before")]


def test_a_library_that_another_distribution_hides_is_missing(world: World) -> None:
    other = installed("other", {"other/lib/libaudio.so": elf(symbols=[Symbol("play")])})

    assert [kind for kind, _ in listed(world, other, audio("", "libaudio.so"))] == ["missing"]


def test_a_provider_that_chooses_how_to_load_itself_is_loaded_all_the_same(world: World) -> None:
    # As torch/__init__.py does.
    chooses = (
        "import os\n"
        "GLOBAL = False\n"
        "if (GLOBAL or os.getenv('TORCH_USE_RTLD_GLOBAL')) and os.name != 'nt':\n"
        "    from torch._C import *\n"
        "else:\n"
        "    from torch._C import *\n"
    )

    assert listed(world, torch(chooses), audio("import torch\nfrom . import _ext\n", "libc10.so")) == []


def test_an_import_that_may_fail_does_not_make_sure_of_the_order(world: World) -> None:
    first = "try:\n    import torch\nexcept ImportError:\n    torch = None\n"

    (problem,) = listed(world, torch(), audio(f"{first}from . import _ext\n", "libc10.so"))

    assert problem[0] == "order-dependent"

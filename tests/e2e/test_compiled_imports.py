"""What a compiled module names is followed in images of layers and in folders, and explained."""

from pathlib import Path

from tests.support.compiled import c_strings, row, with_cython, with_own_coder
from tests.support.compiled import extension as named
from tests.support.images import Content
from tests.support.pythons import SITE, TAG
from tests.support.worlds import FAMILY, SERVICE, Answer, World, base_files, extension, installed

TABLE = row("a sentence that is a string", "pkg.fast", "pkg.slow", "value", "zeros") * 4


def package() -> dict[str, Content]:
    return installed(
        "pkg",
        {
            "pkg/__init__.py": "from . import fast\n",
            f"pkg/fast{TAG}": named(with_own_coder(TABLE) + c_strings("pkg.quick")),
            f"pkg/slow{TAG}": extension("slow", "libpulse.so.0"),
            f"pkg/quick{TAG}": extension("quick"),
            f"pkg/other{TAG}": extension("other"),
        },
    )


def reached(answer: Answer) -> dict[str, int]:
    modules = answer.document["services"][0]["extension_modules"]
    return {module["module"]: module["level"] for module in modules}


def test_names_in_a_layer_are_followed_and_kept(world: World) -> None:
    world.family(FAMILY, package()).service(SERVICE, "import pkg\n")

    first, second = world.run("imports", SERVICE), world.run("imports", SERVICE)

    assert reached(first) == {"pkg.fast": 0, "pkg.slow": 0, "pkg.quick": 0}
    assert first.document == second.document


def test_names_in_a_folder_are_followed(world: World, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for path, body in {**base_files(), **package()}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(body.encode() if isinstance(body, str) else bytes(body))  # type: ignore[arg-type]  # (all of these are text or bytes)
    for program in (root / "usr/local/bin").iterdir():
        program.chmod(0o755)
    world.family(FAMILY, image=f"dir:{root}").service(SERVICE, "import pkg\n")

    assert reached(world.run("imports", SERVICE)) == {"pkg.fast": 0, "pkg.slow": 0, "pkg.quick": 0}


def test_a_library_behind_a_name_is_shown_and_explained_and_not_demanded(world: World) -> None:
    # A name does not tell whether the code goes on where that module cannot be loaded.
    world.family(FAMILY, package()).service(SERVICE, "import pkg\n")

    assert world.run("deps", FAMILY).needs["libpulse.so.0"]["tier"] == "optional"
    _, out, _ = world.say("explain", "so:libpulse.so.0")
    chain = f"names module:pkg.slow {SITE}/pkg/fast{TAG} perhaps without need is file:{SITE}/pkg/slow{TAG}"
    assert chain in " ".join(out.split())


def test_a_module_whose_names_cannot_be_read_is_a_harmless_gap(world: World) -> None:
    damaged = named(with_cython(TABLE))[:-8]
    files: dict[str, Content] = {"pkg/__init__.py": "from . import fast\n", f"pkg/fast{TAG}": damaged}
    world.family(FAMILY, installed("pkg", files)).service(SERVICE, "import pkg\n")

    gap = world.run("imports", SERVICE).gaps["not-examined"]

    assert (gap["what"], gap["blocking"]) == (f"{SITE}/pkg/fast{TAG}", False)
    assert gap["why"] == "what it imports by name is not known: it ends before its segments do"

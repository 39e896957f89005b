"""Images of Ubuntu are planned for by the same code, with an archive of its shape over HTTP."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.model.identity import Distro
from tests.support import signatures, ubuntu
from tests.support.archive_servers import ArchiveServer, serving
from tests.support.images import Content
from tests.support.packaged import with_known_rules
from tests.support.worlds import FAMILY, World, extension, installed

pytestmark = pytest.mark.integration


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with serving() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(made.cache)))
    monkeypatch.delenv("FLEET_AUDIT_ARCHIVE", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795000000")
    return made


def with_key() -> dict[str, Content]:
    signatures.gpgv()
    return {ubuntu.KEY_FILE: ubuntu.KEY.keyring}


def needing(*sonames: str) -> dict[str, Content]:
    """Return a distribution whose extension module needs these libraries."""
    return installed(
        "sounds", {"sounds/__init__.py": "from . import _s\n", "sounds/_s.abi3.so": extension("_s", *sonames)}
    )


def family(world: World, release: Distro, sources: dict[str, str], *sonames: str) -> World:
    image = (with_key(), ubuntu.os_release(release), sources, needing(*sonames))
    return world.family(FAMILY, *image, gpu=True).service("voice", "import sounds\n")


def test_jammy_is_planned_with_the_images_own_sources_and_keys(world: World, server: ArchiveServer) -> None:
    server.hold(ubuntu.jammy(f"{server.address}/ubuntu"))
    sources = ubuntu.one_line_sources(f"{server.address}/ubuntu", ubuntu.JAMMY)
    family(world, ubuntu.JAMMY, sources, "libportaudio.so.2")

    answer = world.run("deps", FAMILY)

    assert answer.document["proposal"]["roots"] == ["libportaudio2=19.6.0-1.1"]
    names = [package["name"] for package in answer.document["proposal"]["packages"]]
    assert names == ["libasound2", "libportaudio2"]
    assert not {"unverified-archive", "no-archive-index"} & set(answer.gaps)


def test_noble_knows_libraries_by_their_files_whatever_packages_are_called(
    world: World, server: ArchiveServer
) -> None:
    server.hold(ubuntu.noble(f"{server.address}/ubuntu"))
    sources = ubuntu.deb822_sources(f"{server.address}/ubuntu", ubuntu.NOBLE)
    family(world, ubuntu.NOBLE, sources, "libportaudio.so.2", "libaio.so.1t64")

    proposal = world.run("deps", FAMILY).document["proposal"]

    assert proposal["roots"] == ["libaio1t64=0.3.113-6", "libportaudio2=19.6.0-1.2"]
    planned = {package["name"]: package["version"] for package in proposal["packages"]}
    # A new package is installed in the version that is being phased in, and never from backports.
    assert planned["libasound2t64"] == "1.2.11-1ubuntu0.1"
    assert "libasound2" not in planned


def test_a_library_whose_file_was_renamed_is_not_answered_by_its_successor(
    world: World, server: ArchiveServer
) -> None:
    server.hold(ubuntu.noble(f"{server.address}/ubuntu"))
    sources = ubuntu.deb822_sources(f"{server.address}/ubuntu", ubuntu.NOBLE)
    family(world, ubuntu.NOBLE, sources, "libaio.so.1")

    answer = world.run("deps", FAMILY)

    assert answer.roots == []
    assert answer.needs["libaio.so.1"]["status"] == "not-available"
    assert "install libaio1t64 and link" in answer.needs["libaio.so.1"]["resolution"]["why"]


def test_programs_of_every_component_are_known(world: World, server: ArchiveServer) -> None:
    server.hold(ubuntu.noble(f"{server.address}/ubuntu"))
    sources = ubuntu.deb822_sources(f"{server.address}/ubuntu", ubuntu.NOBLE)
    family(world, ubuntu.NOBLE, sources).service(
        "build", "import subprocess\n\nsubprocess.run(['nvcc'], check=True)\n"
    )

    assert world.run("deps", FAMILY).roots == ["nvidia-cuda"]


def test_index_files_are_asked_for_by_hash(world: World, server: ArchiveServer) -> None:
    server.hold(ubuntu.jammy(f"{server.address}/ubuntu"))
    sources = ubuntu.one_line_sources(f"{server.address}/ubuntu", ubuntu.JAMMY)
    family(world, ubuntu.JAMMY, sources, "libportaudio.so.2").run("index", "update")

    assert [path for path in server.asked if path.endswith((".gz", ".xz"))] == []


def command_of(why: str) -> list[str]:
    """Return the words of the command that a gap tells to run, without the program's name."""
    command = why.partition("; run: ")[2]
    assert command.startswith("fleet-audit index update ")
    return shlex.split(command)[1:]


def test_a_gpu_family_without_an_index_is_incomplete_until_the_command_that_it_names_was_run(
    world: World, server: ArchiveServer
) -> None:
    server.hold(ubuntu.jammy(f"{server.address}/ubuntu"))
    sources = ubuntu.one_line_sources(f"{server.address}/ubuntu", ubuntu.JAMMY)
    lazy = "def play():\n    import sounds\n"
    image = (with_key(), ubuntu.os_release(ubuntu.JAMMY), sources, needing("libportaudio.so.2"))
    world.family(FAMILY, *image, gpu=True).service("voice", lazy)
    asked = ("deps", "--gpu", "--tier", "lazy", "--offline")

    before = world.run(*asked)
    updated = world.run(*command_of(before.gaps["no-archive-index"]["why"]))
    after = world.run(*asked)

    assert (before.code, before.gaps["no-archive-index"]["blocking"]) == (3, True)
    assert updated.code == 0
    assert (after.code, after.roots) == (0, ["libportaudio2"])


def test_an_image_that_names_no_archive_is_told_where_its_address_belongs(
    world: World, server: ArchiveServer
) -> None:
    server.hold(ubuntu.jammy(f"{server.address}/ubuntu"))
    family(world, ubuntu.JAMMY, {}, "libportaudio.so.2")

    before = world.run("deps", FAMILY)
    words = command_of(before.gaps["no-archive-index"]["why"])
    address = [f"{server.address}/ubuntu" if word == "ADDRESS" else word for word in words]
    after = world.run("deps", FAMILY, *address[-2:])

    # What is required and missing fails whether it can be planned for or not.
    assert before.code == 1
    assert words[-2:] == ["--archive", "ADDRESS"]
    assert world.run(*address).code == 0
    assert after.roots == ["libportaudio2"]


def test_debians_packages_are_never_proposed_for_ubuntu(world: World) -> None:
    family(world, ubuntu.JAMMY, {}, "libGL.so.1")

    answer = world.run("deps", FAMILY)

    assert answer.roots == []
    assert answer.document["proposal"]["hints"] == []


def test_a_release_that_is_not_known_here_is_planned_with_its_own_sources(
    world: World, server: ArchiveServer
) -> None:
    unknown = Distro(id="ubuntu", version="99.04", codename="jammy")
    server.hold(ubuntu.jammy(f"{server.address}/ubuntu"))
    sources = ubuntu.one_line_sources(f"{server.address}/ubuntu", unknown)
    family(world, unknown, sources, "libportaudio.so.2")

    assert world.run("deps", FAMILY).roots == ["libportaudio2"]

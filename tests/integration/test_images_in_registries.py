"""Whole commands on images that lie in a real registry on this machine."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.example_images import example_layout
from tests.support.images import OS_RELEASE, compressed, image, sha256, write_images
from tests.support.packaged import with_known_rules
from tests.support.registries import (
    DOCKER_LIST,
    OCI_INDEX,
    Pushed,
    RealRegistry,
    layout_image,
    real_registry,
    stored_as_docker,
    stored_as_oci,
    stored_for_platforms,
    write_login,
)
from tests.support.scanners import real_syft
from tests.support.told_registries import Told, told_registry
from tests.support.worlds import FAMILY, World, opencv, small_image

pytestmark = pytest.mark.integration

AUDIO, UTILS = "family-torch-cu121", "base-utils"
BUILT = small_image(opencv("libGL.so.1"), config={"Cmd": ["python3", "app.py"], "User": "10001"})
AS_OCI, AS_DOCKER = stored_as_oci(BUILT), stored_as_docker(BUILT)
ARM = stored_as_oci(image({"etc/os-release": OS_RELEASE}, architecture="arm64"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    with real_registry(tmp_path_factory.mktemp("closed"), is_closed=True) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(made.cache)))
    monkeypatch.setenv("FLEET_AUDIT_ARCHIVE", made.archive)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795000000")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "nobody"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return made


@pytest.fixture
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give what makes the next commands know nothing of what was read before."""
    return lambda: monkeypatch.setenv("FLEET_AUDIT_CACHE_DIR", str(with_known_rules(tmp_path / "other")))


def said_of(world: World, command: str, reference: str, *words: str) -> tuple[int, str]:
    """Return the exit code and document of a command, with the reference taken out of it."""
    answer = world.run(command, reference, *words)
    name = reference.partition(":")[2]
    return answer.code, json.dumps(answer.document).replace(reference, "REF").replace(name, "NAME")


@pytest.mark.parametrize("command", ["deps", "ldd", "inspect"])
@pytest.mark.parametrize(
    ("repository", "pushed", "manifest"),
    [
        ("acme/docker", AS_DOCKER, AS_DOCKER),
        ("acme/list", stored_for_platforms(DOCKER_LIST, ("arm64", ARM), ("amd64", AS_DOCKER)), AS_DOCKER),
        ("acme/index", stored_for_platforms(OCI_INDEX, ("arm64", ARM), ("amd64", AS_OCI)), AS_OCI),
        ("acme/oci", AS_OCI, AS_OCI),
    ],
    ids=["docker", "list", "index", "oci"],
)
def test_an_image_of_a_registry_is_what_it_is_in_a_layout(  # noqa: PLR0917  (fixtures and rows)
    registry: RealRegistry,
    world: World,
    forget: Callable[[], None],
    command: str,
    repository: str,
    pushed: Pushed,
    manifest: Pushed,
) -> None:
    layout = write_images([BUILT], world.folder / "layout")

    pulled = said_of(world, command, registry.push(pushed, repository, "1.0"))
    forget()

    code, expected = said_of(world, command, layout)
    assert pulled == (code, expected.replace(AS_OCI.digest, manifest.digest))


@pytest.mark.parametrize("command", ["ldd", "inspect"])
def test_a_real_image_is_the_same_in_a_registry(
    registry: RealRegistry, world: World, forget: Callable[[], None], command: str
) -> None:
    layout = example_layout(AUDIO)

    pulled = said_of(world, command, registry.push(layout_image(layout, AUDIO), "acme/audio"), "--jobs", "2")
    forget()

    assert pulled == said_of(world, command, f"oci:{layout}:{AUDIO}", "--jobs", "1")


def test_families_may_lie_in_a_registry(registry: RealRegistry, world: World) -> None:
    world.family(image=registry.push(AS_OCI, "acme/vision")).service(app="import cv2\n")

    answer = world.run("deps", FAMILY)

    assert answer.roots == ["libgl1"]
    assert answer.document["image"]["digest"] == AS_OCI.digest


def test_a_second_run_asks_for_the_manifest_alone(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/twice", "1")
    first = world.run("ldd", pulled)
    before = len(registry.asked())

    second = world.run("ldd", pulled)

    assert registry.asked()[before:] == ["GET /v2/acme/twice/manifests/1"]
    assert second.document == first.document


def test_without_a_network_what_was_pulled_is_enough(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/offline", "1")
    first = world.run("ldd", pulled)
    before = len(registry.asked())

    assert world.run("ldd", pulled, "--offline").document == first.document
    assert len(registry.asked()) == before


def test_without_a_network_what_was_never_pulled_is_an_error(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/never", "1")

    code, out, err = world.say("ldd", pulled, "--offline")

    assert (code, out) == (2, "")
    assert "--offline forbids the network" in err
    assert err.count("\n") == 1


def test_without_a_network_layers_that_were_never_read_are_gaps(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/part", "1")
    world.run("ldd", pulled)
    shutil.rmtree(world.cache / "layers")

    answer = world.run("ldd", pulled, "--offline")

    assert answer.code == 3
    assert "--offline forbids the network" in answer.gaps["unreadable-layer"]["why"]


def test_a_closed_registry_wants_credentials_and_says_how_to_give_them(
    closed: RealRegistry, world: World
) -> None:
    pulled = closed.push(AS_OCI, "acme/a")

    code, out, err = world.say("ldd", pulled)

    assert (code, out) == (2, "")
    assert f"wants credentials, and none were found; log in with: docker login {closed.host}" in err
    assert err.count("\n") == 1


def test_a_closed_registry_is_read_with_what_logging_in_left(
    closed: RealRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(write_login(world.folder / "login", closed.host)))

    answer = world.run("ldd", closed.push(AS_OCI, "acme/a"))

    assert answer.document["gaps"] == []
    assert answer.document["image"]["digest"] == AS_OCI.digest


def test_wrong_credentials_are_one_sentence(
    closed: RealRegistry, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = closed.push(AS_OCI, "acme/a")
    login = write_login(world.folder / "login", closed.host, auth="cmVhZGVyOndyb25n")
    monkeypatch.setenv("DOCKER_CONFIG", str(login))

    code, _, err = world.say("ldd", pulled)

    assert code == 2
    assert f"refused the credentials of {login / 'config.json'}" in err


def test_a_tag_or_digest_that_is_not_there_is_an_error(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/tags", "1")
    nothing = f"{pulled.removesuffix(':1')}@sha256:{'0' * 64}"

    for reference in (f"{pulled}0", nothing):
        code, _, err = world.say("ldd", reference)
        assert code == 2
        assert "the registry does not have it (MANIFEST_UNKNOWN" in err


def test_an_image_is_read_by_its_digest(registry: RealRegistry, world: World) -> None:
    pulled = registry.push(AS_OCI, "acme/digests", "1")
    by_digest = f"{pulled.removesuffix(':1')}@{AS_OCI.digest}"

    assert said_of(world, "ldd", by_digest) == said_of(world, "ldd", pulled)


def test_a_platform_that_is_not_there_is_an_error_that_lists_those_that_are(
    registry: RealRegistry, world: World
) -> None:
    index = stored_for_platforms(OCI_INDEX, ("amd64", AS_OCI), ("arm64", ARM))
    pulled = registry.push(index, "acme/platforms")

    code, _, err = world.say("ldd", pulled, "--platform", "linux/s390x")

    assert code == 2
    assert "has no image for linux/s390x; there is linux/amd64, linux/arm64" in err


def test_a_layer_that_is_another_one_is_a_gap_and_no_clean_answer(world: World) -> None:
    pushed = AS_OCI
    lowest = sha256(compressed(BUILT.layers[0], "gzip"))
    other = Told(200, {}, b"\0" * len(pushed.blobs[lowest]))
    with told_registry(pushed) as told:
        told.tell(lowest, other, forever=True)

        answer = world.run("ldd", f"registry:{told.host}/acme/a")

    assert answer.code == 3
    assert "manifest says" in answer.gaps["unreadable-layer"]["why"]
    assert answer.gaps["unreadable-layer"]["blocking"] is True


def test_a_layer_that_stops_in_the_middle_is_a_gap_and_no_clean_answer(world: World) -> None:
    highest = sha256(compressed(BUILT.layers[-1], "gzip"))
    with told_registry(AS_OCI) as told:
        told.tell(highest, Told(200, {}, AS_OCI.blobs[highest][:100]), Told(416, {}, b""), forever=True)

        answer = world.run("ldd", f"registry:{told.host}/acme/a")

    assert answer.code == 3
    assert "is shorter than its manifest says" in answer.gaps["unreadable-layer"]["why"]
    assert list((world.cache / "layers").glob("*.facts")) != []
    with told_registry(AS_OCI) as told:
        assert world.run("ldd", f"registry:{told.host}/acme/a").document["gaps"] == []


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["skinny", "full"])
def test_the_inventory_of_an_image_is_the_same_in_a_registry(
    registry: RealRegistry,
    world: World,
    forget: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("FLEET_AUDIT_SYFT", str(real_syft().path))
    layout = example_layout(UTILS)
    pulled = registry.push(layout_image(layout, UTILS), f"acme/{UTILS}", "1.4")

    code, said, _ = world.say("sbom", "--image", pulled, *words)
    forget()

    assert code == 0
    assert (code, said) == world.say("sbom", "--image", f"oci:{layout}:{UTILS}", *words)[:2]

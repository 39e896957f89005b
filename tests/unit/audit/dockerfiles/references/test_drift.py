"""In which parts references differ from what the fleet has agreed."""

import pytest

from fleet_audit.audit.dockerfiles.references.agreed import Agreed
from fleet_audit.audit.dockerfiles.references.drift import drifts
from fleet_audit.audit.model.fleet import Fleet, Service
from fleet_audit.audit.model.references import Drift, Reference, ReferenceKind
from tests.support.references import PREFIX, TAG, house, reference

HEALTH = "images.example/acme/healthcheck:0.4.0"
DIGESTS = ["sha256:" + digit * 64 for digit in "abc"]


def found(fleet: Fleet | None, *references: Reference) -> list[Drift]:
    return list(drifts(references, Agreed(fleet, references)))


def what(fleet: Fleet | None, *references: Reference) -> list[tuple[str, str | None, str]]:
    return [(each.standard, each.deviation, each.expected) for each in found(fleet, *references)]


@pytest.mark.parametrize(
    ("text", "deviation"),
    [
        ("images.example/acme/healthcheck:0.3.9", "tag"),
        ("images.example/acme/healthcheck", "no-tag"),
        ("?/healthcheck:0.4.0", None),
        ("images.example/acme/healthcheck:?", None),
        (HEALTH, None),
        (f"{HEALTH}@{DIGESTS[0]}", None),
        ("other.example/acme/healthcheck:0.4.0", "registry"),
        ("acme/healthcheck:0.4.0", "registry"),
        ("healthcheck:0.4.0", "registry"),
        ("images.example/acme-old/healthcheck:0.4.0", "repository"),
        ("images.example/acme/tools/healthcheck:0.4.0", "repository"),
        ("images.example/linuxserver/healthcheck:0.4.0", None),
        ("other.example/other/healthcheck:0.4.0", None),
        ("images.example/acme/healthcheck-web:0.1", None),
    ],
)
def test_a_canonical_reference_stays_as_it_is_wherever_it_occurs(text: str, deviation: str | None) -> None:
    expected = [] if deviation is None else [("canonical", deviation, HEALTH)]

    assert what(house(HEALTH), reference(text)) == expected


def test_several_canonical_references_of_one_image_are_all_right() -> None:
    fleet = house(HEALTH, "images.example/acme/healthcheck:0.4.0-gpu")

    assert what(fleet, reference(HEALTH), reference(f"{HEALTH}-gpu")) == []
    assert what(fleet, reference(f"{HEALTH}-tpu")) == [("canonical", "tag", HEALTH)]


def test_a_canonical_digest_holds_and_may_be_left_unknown() -> None:
    canonical = f"images.example/acme/healthcheck:0.4.0@{DIGESTS[0]}"
    fleet = house(canonical)

    assert what(fleet, reference(f"{HEALTH}@{DIGESTS[1]}")) == [("canonical", "digest", canonical)]
    assert what(fleet, reference(HEALTH)) == [("canonical", "digest", canonical)]
    assert what(fleet, reference(f"{HEALTH}@?"), reference(canonical)) == []


@pytest.mark.parametrize(
    ("text", "deviation"),
    [
        (f"images.example/acme/family-web:{TAG}", "registry"),
        (f"family-web:{TAG}", "registry"),
        (f"registry.example/acmee/family-web:{TAG}", "repository"),
        (f"images.example/somebody/family-web:{TAG}", "prefix"),
        (f"images.example/acme/family-http:{TAG}", "registry"),
    ],
)
def test_an_image_of_the_fleet_comes_from_the_agreed_place(text: str, deviation: str) -> None:
    image = text.rpartition("/")[2]

    assert what(house(), reference(text)) == [("prefix", deviation, f"{PREFIX}/{image}")]


def test_what_is_published_under_the_prefix_is_an_image_of_the_fleet() -> None:
    published = reference(f"{PREFIX}/voice:?", kind=ReferenceKind.TAG, publishes=True, line=9)

    drift = what(house(), published, reference(f"images.example/acme/voice:{TAG}"))

    assert drift == [("prefix", "registry", f"{PREFIX}/voice:{TAG}")]


@pytest.mark.parametrize(
    ("text", "deviation"),
    [
        (f"old.example/acme/stt-service:{TAG}", "registry"),
        (f"registry.example/acmee/stt_service:{TAG}", "repository"),
        (f"old.example/other/stt-service:{TAG}", None),
        (f"stt-service:{TAG}", None),
    ],
)
def test_the_image_of_a_service_is_known_by_its_name_and_its_place(text: str, deviation: str | None) -> None:
    fleet = house(services=(Service("STTService", "family-web"),))

    assert [each.deviation for each in found(fleet, reference(text))] == [deviation] * (deviation is not None)


@pytest.mark.parametrize(
    "text", ["debian:bookworm-slim", "nvidia/cuda:12.1.1-runtime", "voice:1", "other.example/x/voice:1"]
)
def test_images_of_others_are_not_asked_for_the_agreed_place(text: str) -> None:
    published = reference(f"{PREFIX}/voice:?", kind=ReferenceKind.TAG, publishes=True)

    assert what(house(), published, reference(text)) == []


def test_a_copy_that_is_pushed_elsewhere_as_well_is_no_drift() -> None:
    names = (f"{PREFIX}/family-web:{TAG}", f"mirror.example/family-web:{TAG}")
    both = [reference(name, kind=ReferenceKind.TAG, publishes=True) for name in names]

    assert what(house(), *both) == []
    assert what(house(), both[1]) == [("prefix", "prefix", f"{PREFIX}/family-web:{TAG}")]


def test_a_name_that_is_given_on_the_same_machine_needs_no_registry() -> None:
    given = reference("family-web", publishes=True)
    used = reference("family-web", line=2)

    assert what(house(), given, used) == []
    assert [each.standard for each in found(house(), used)] == ["prefix"]


def test_a_registry_of_this_machine_is_for_this_machine() -> None:
    name = "localhost:5000/acme/family-web:1"
    given = reference(name, kind=ReferenceKind.TAG, publishes=True)
    run = reference(name, kind=ReferenceKind.COMMAND, line=2)

    assert what(house(), given, run) == []
    assert [each.standard for each in found(house(), reference(name, kind=ReferenceKind.FROM))] == ["prefix"]


@pytest.mark.parametrize(
    ("tag", "deviation"),
    [
        (f":{TAG}", None),
        (f":{TAG}-prev", None),
        (":latest", "tag"),
        (":v1", "tag"),
        ("", "no-tag"),
        (":?", None),
        (f"@{DIGESTS[0]}", None),
    ],
)
def test_a_tag_of_the_fleet_has_the_agreed_form(tag: str, deviation: str | None) -> None:
    fitting = reference(f"{PREFIX}/family-web:{TAG}", line=8)
    expected = [] if deviation is None else [("tag-scheme", deviation, f"{PREFIX}/family-web:{TAG}")]

    assert what(house(), fitting, reference(f"{PREFIX}/family-web{tag}")) == expected


def test_the_tag_to_write_is_one_in_use_and_neither_an_older_one_nor_for_what_is_published() -> None:
    name = f"{PREFIX}/family-web"
    older = reference(f"{name}:{TAG}-prev", line=8)
    pushed = reference(f"{name}:edge", line=9, kind=ReferenceKind.TAG, publishes=True)

    assert what(house(), older, reference(f"{name}:v1")) == [("tag-scheme", "tag", "")]
    in_use = reference(f"{name}:{TAG}", line=7)
    assert what(house(), in_use, pushed) == [("tag-scheme", "tag", "")]


@pytest.mark.parametrize(
    ("text", "deviation"),
    [
        ("redis", "no-tag"),
        ("redis:latest", "tag"),
        ("redis:7", None),
        (f"redis:latest@{DIGESTS[0]}", None),
        ("redis:?", None),
    ],
)
def test_an_image_of_others_names_a_version(text: str, deviation: str | None) -> None:
    for fleet in (None, house()):
        assert [each.deviation for each in found(fleet, reference(text))] == [deviation] * bool(deviation)


def test_a_name_without_tag_that_the_repository_builds_is_no_moving_one() -> None:
    for name in ("web", "acme/web"):
        assert what(None, reference(name, publishes=True), reference(name, line=2)) == []


def test_an_image_below_the_prefix_that_nothing_builds_is_named_with_the_nearest_that_is() -> None:
    services = (Service("STTService", "family-web"),)
    taken = [reference(f"{PREFIX}/{name}:{TAG}") for name in ("famly-web", "stt-service", "cache-of-x")]

    assert what(house(services=services), *taken) == [
        ("published", "repository", ""),
        ("published", "repository", f"{PREFIX}/family-web:{TAG}"),
    ]


def test_whether_nothing_builds_it_is_not_sure_beside_names_that_are_not_known() -> None:
    unknown = reference("?", kind=ReferenceKind.TAG, publishes=True)

    (drift,) = found(house(), unknown, reference(f"{PREFIX}/voice:{TAG}"))

    assert (drift.standard, drift.is_sure) == ("published", False)


def test_the_cache_is_no_image_to_run() -> None:
    assert what(house(), reference(f"{PREFIX}/cache:x")) == [("cache", "repository", "")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{PREFIX}/cache:main", None),
        (f"{PREFIX}/cache/web:main", None),
        (f"{PREFIX}/?:main", None),
        (f"{PREFIX}/caches:main", f"{PREFIX}/cache:main"),
        ("images.example/acme/web", f"{PREFIX}/cache"),
    ],
)
def test_builds_keep_their_cache_where_it_was_agreed(name: str, expected: str | None) -> None:
    drift = [] if expected is None else [("cache", "repository", expected)]

    assert what(house(), reference(name, kind=ReferenceKind.CACHE)) == drift
    assert what(None, reference(name, kind=ReferenceKind.CACHE)) == []


def test_one_tag_has_one_digest() -> None:
    first, second, third = (
        reference(f"redis:7@{digest}", line=line) for line, digest in enumerate([*DIGESTS[:2], DIGESTS[1]], 1)
    )

    (drift,) = found(None, first, second, third)

    assert (drift.reference, drift.deviation, drift.detail) == (first, "digest", "compose.yaml:2")
    assert drift.expected == f"redis:7@{DIGESTS[1]}"
    assert found(None, second, third, reference(f"redis:8@{DIGESTS[0]}", line=4)) == []


def test_of_two_digests_the_later_one_is_held_against_the_first() -> None:
    first, second = (reference(f"redis:7@{digest}", line=line) for line, digest in enumerate(DIGESTS[:2], 1))

    assert [each.reference for each in found(None, second, first)] == [second]


def test_a_text_that_is_no_reference_is_told_where_nothing_else_tells_it() -> None:
    upper = reference("acme/Web:1", kind=ReferenceKind.KUBERNETES)

    assert what(None, upper) == [("form", None, "acme/web:1")]
    assert what(None, reference("acme/Web:1", kind=ReferenceKind.FROM)) == []


@pytest.mark.parametrize("text", ["IMAGE", "acme/WEB_IMAGE:1", "<image>", "{{ image", "acme/web:%TAG%"])
def test_a_text_that_is_to_be_replaced_is_not_held_to_any_form(text: str) -> None:
    assert what(None, reference(text)) == []

"""A registry on this machine that does what registries should not."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.tools.fetch import FetchError, FetchRefused, NotFound
from fleet_audit.audit.tools.registry import MAX_MANIFEST, RegistryImage
from fleet_audit.audit.tools.registry_client import Patience
from fleet_audit.audit.tools.registry_reference import parse_reference
from tests.support.images import OS_RELEASE, compressed, image, sha256
from tests.support.registries import PASSWORD, USER, basic, stored_as_oci, write_login
from tests.support.told_registries import Told, ToldRegistry, told_registry

pytestmark = pytest.mark.integration

BUILT = image({"etc/os-release": OS_RELEASE, "opt/data.bin": bytes(range(256)) * 4000})
PUSHED = stored_as_oci(BUILT, "none")
LAYER = sha256(compressed(BUILT.layers[0], "none"))
BODY = PUSHED.blobs[LAYER]
CONFIG = next(digest for digest in PUSHED.blobs if digest != LAYER)
HASTY = Patience(attempts=3, pause=0.01, longest_pause=0.05, idle=2.0, window=0.2, slowest=1000)
TOKEN = "a-token"  # noqa: S105  (of this test)


@pytest.fixture
def registry() -> Iterator[ToldRegistry]:
    with told_registry(PUSHED) as running:
        yield running


@pytest.fixture
def asking(registry: ToldRegistry, tmp_path: Path) -> Callable[..., RegistryImage]:
    def ask(wanted: str = ":1", *, is_offline: bool = False, **environment: str) -> RegistryImage:
        reference = parse_reference(f"{registry.host}/acme/a{wanted}")
        return RegistryImage(
            reference, tmp_path / "cache", environment, is_offline=is_offline, patience=HASTY
        )

    return ask


Asking = Callable[..., RegistryImage]


def blob(found: RegistryImage) -> bytes:
    return b"".join(found.blob(LAYER, len(BODY)))


def test_what_was_pushed_is_pulled(asking: Asking) -> None:
    found = asking()

    assert found.named() == PUSHED.manifests[PUSHED.digest][1]
    assert found.document(CONFIG, limit=1 << 20) == PUSHED.blobs[CONFIG]
    assert blob(found) == BODY


def test_documents_are_asked_for_once_and_tags_each_time(registry: ToldRegistry, asking: Asking) -> None:
    for _ in range(2):
        found = asking()
        found.named()
        found.manifest(PUSHED.digest)
        found.document(CONFIG, limit=1 << 20)

    assert registry.paths() == [
        "/v2/acme/a/manifests/1",
        f"/v2/acme/a/blobs/{CONFIG}",
        "/v2/acme/a/manifests/1",
    ]


def test_a_copy_of_a_blob_is_fetched_once_and_serves_the_stream_as_well(
    registry: ToldRegistry, asking: Asking
) -> None:
    assert asking().blob_file(LAYER, len(BODY)).read_bytes() == BODY
    assert asking(is_offline=True).blob_file(LAYER, len(BODY)).read_bytes() == BODY
    assert blob(asking()) == BODY
    assert len(registry.asked) == 1


def test_a_damaged_copy_is_fetched_again(registry: ToldRegistry, asking: Asking) -> None:
    copy = asking().blob_file(LAYER, len(BODY))
    copy.write_bytes(BODY[:-1] + b"x")

    assert asking().blob_file(LAYER, len(BODY)).read_bytes() == BODY
    assert len(registry.asked) == 2


def test_a_damaged_document_of_the_cache_is_fetched_again(asking: Asking, tmp_path: Path) -> None:
    asking().named()
    for kept in (tmp_path / "cache" / "manifests").glob("??/*"):
        kept.write_bytes(b"{}")

    assert asking(f"@{PUSHED.digest}").named() == PUSHED.manifests[PUSHED.digest][1]


def test_without_a_network_a_tag_stands_for_what_it_stood_for_last(
    registry: ToldRegistry, asking: Asking
) -> None:
    asking().named()
    count = len(registry.asked)

    assert asking(is_offline=True).named() == PUSHED.manifests[PUSHED.digest][1]
    with pytest.raises(FetchRefused, match="--offline forbids the network"):
        asking(":2", is_offline=True).named()
    with pytest.raises(FetchRefused, match="--offline forbids the network"):
        blob(asking(is_offline=True))
    assert len(registry.asked) == count


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_registry_that_is_busy_is_asked_again(registry: ToldRegistry, asking: Asking, status: int) -> None:
    registry.tell("/manifests/1", Told(status, {"Retry-After": "0"}, b""), Told(status, {}, b""))

    asking().named()

    assert len(registry.asked) == 3


def test_a_registry_that_stays_busy_is_given_up_on_however_long_it_wants_to_be_left(
    registry: ToldRegistry, asking: Asking
) -> None:
    answer = Told(429, {"Retry-After": "86400"}, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"a\\nb"}]}')
    registry.tell("/manifests/1", answer, forever=True)
    begin = time.monotonic()

    with pytest.raises(FetchError, match=r"busy or failing \(HTTP 429\) \(TOOMANYREQUESTS a b\)$"):
        asking().named()

    assert len(registry.asked) == HASTY.attempts
    assert time.monotonic() - begin < 5


def test_a_blob_that_breaks_off_goes_on_from_there(registry: ToldRegistry, asking: Asking) -> None:
    registry.tell(LAYER, Told(cut_after=300_000), Told(cut_after=300_000))

    assert blob(asking()) == BODY
    assert [asked.byte_range for asked in registry.asked] == ["", "bytes=300000-", "bytes=600000-"]


def test_a_registry_without_ranges_sends_the_blob_again_and_what_is_known_is_passed_over(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.tell(LAYER, Told(cut_after=300_000), Told(ignores_range=True))

    assert blob(asking()) == BODY


def test_a_blob_that_always_breaks_off_at_the_same_place_is_given_up_on(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.tell(LAYER, Told(cut_after=300_000), Told(cut_after=0), forever=True)

    with pytest.raises(FetchError, match="the connection failed"):
        blob(asking())

    assert len(registry.asked) == HASTY.attempts


def test_another_part_than_the_one_asked_for_is_refused(registry: ToldRegistry, asking: Asking) -> None:
    wrong = Told(headers={"Content-Range": "bytes 0-9/10"})
    registry.tell(LAYER, Told(cut_after=300_000), wrong)

    with pytest.raises(FetchError, match="sent another part than the one from byte 300000 on"):
        blob(asking())


@pytest.mark.parametrize(("body", "why"), [(BODY + b"x", "longer than the"), (BODY[:-1], "ended after")])
def test_a_blob_of_another_size_is_refused(
    registry: ToldRegistry, asking: Asking, body: bytes, why: str
) -> None:
    registry.tell(LAYER, Told(200, {}, body), forever=True)

    with pytest.raises(FetchError, match=why):
        blob(asking())


def test_a_copy_of_a_blob_with_another_digest_is_refused_and_not_kept(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.tell(LAYER, Told(200, {}, BODY[:-1] + b"x"))

    with pytest.raises(FetchError, match="has the digest"):
        asking().blob_file(LAYER, len(BODY))
    assert asking().blob_file(LAYER, len(BODY)).read_bytes() == BODY


def test_a_manifest_with_another_digest_than_its_name_is_refused(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.tell(PUSHED.digest, Told(200, {}, b"{}"))

    with pytest.raises(FetchError, match="sent something else: its digest is sha256:44136fa3"):
        asking(f":1@{PUSHED.digest}").named()


def test_a_tag_whose_header_names_another_digest_is_refused(registry: ToldRegistry, asking: Asking) -> None:
    registry.tell("/manifests/1", Told(headers={"Docker-Content-Digest": "sha256:" + "0" * 64}))

    with pytest.raises(FetchError, match="but the registry says sha256:0000"):
        asking().named()


def test_a_manifest_that_is_too_large_is_left_before_it_has_arrived(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.tell("/manifests/1", Told(200, {}, b" " * (MAX_MANIFEST + 1)))

    with pytest.raises(FetchError, match=f"longer than the {MAX_MANIFEST} bytes"):
        asking().named()


@pytest.mark.parametrize(
    "answer",
    [
        Told(200, {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, b"{}"),
        Told(200, {}, json.dumps({"schemaVersion": 1, "fsLayers": []}).encode()),
    ],
)
def test_the_first_schema_is_refused_with_what_to_do(
    registry: ToldRegistry, asking: Asking, answer: Told
) -> None:
    registry.tell("/manifests/1", answer)

    with pytest.raises(FetchError, match=r"docker's first schema, .*; push it again"):
        asking().named()


def test_an_image_that_is_not_there_is_said_so(registry: ToldRegistry, asking: Asking) -> None:
    registry.tell("/manifests/1", Told(404, {}, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'))

    with pytest.raises(NotFound, match=r"does not have it \(MANIFEST_UNKNOWN\)"):
        asking().named()


def test_a_registry_that_drips_is_given_up_on(registry: ToldRegistry, asking: Asking) -> None:
    registry.tell(LAYER, Told(is_dripping=True))

    with pytest.raises(FetchError, match=r"sent only [0-9]+ bytes in"):
        blob(asking())


def test_what_is_said_to_be_encoded_is_taken_as_it_is(registry: ToldRegistry, asking: Asking) -> None:
    registry.tell(LAYER, Told(headers={"Content-Encoding": "gzip"}))

    assert blob(asking()) == BODY


def test_a_registry_where_nobody_listens_is_an_error(tmp_path: Path) -> None:
    reference = parse_reference("127.0.0.1:9/acme/a")

    with pytest.raises(FetchError, match="the connection failed"):
        RegistryImage(reference, tmp_path, {}, patience=HASTY).named()


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "no usable http"),
        ("ftp://registry.example/x", "no usable http"),
        ("http://[broken", "no usable http"),
        ("http://registry.example:99999999/", "no usable http"),
        ("", "no usable http"),
        ("/v2/acme/a/manifests/1", "redirected more than 5 times"),
    ],
)
def test_redirects_to_nowhere_are_errors(
    registry: ToldRegistry, asking: Asking, location: str, why: str
) -> None:
    registry.tell("/manifests/1", Told(307, {"Location": location}, b""), forever=True)

    with pytest.raises(FetchError, match=why):
        asking().named()


def test_a_blob_may_lie_elsewhere_and_that_place_is_told_no_secret(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.ask_for_token(TOKEN)
    with told_registry(PUSHED) as storage:
        place = f"http://{storage.host}/bucket/{LAYER}?signature=abc"
        registry.tell(LAYER, Told(307, {"Location": place}, b""), forever=True)

        assert blob(asking()) == BODY

        assert [asked.authorization for asked in storage.asked] == [""]
    assert registry.asked[-1].authorization == f"Bearer {TOKEN}"


def test_anybody_gets_a_token_where_none_is_asked_for_a_password(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.ask_for_token(TOKEN)
    found = asking()

    found.named()
    found.document(CONFIG, limit=1 << 20)

    assert registry.paths().count("/token") == 1
    (token,) = [asked for asked in registry.asked if asked.path == "/token"]
    assert token.authorization == ""
    # What is asked for is reading, whatever the registry offered.
    assert token.form["scope"] == ["repository:acme/a:pull"]
    assert token.form["service"] == ["tests"]


def test_the_password_goes_to_the_token_service_and_the_token_to_the_registry(
    registry: ToldRegistry, asking: Asking, tmp_path: Path
) -> None:
    registry.ask_for_token(TOKEN)
    registry.password = basic(USER, PASSWORD)
    login = write_login(tmp_path / "docker", registry.host)

    asking(DOCKER_CONFIG=str(login)).named()

    assert [asked.authorization for asked in registry.asked] == [
        "",
        basic(USER, PASSWORD),
        f"Bearer {TOKEN}",
    ]


def test_an_identity_token_is_exchanged(registry: ToldRegistry, asking: Asking, tmp_path: Path) -> None:
    registry.ask_for_token(TOKEN)
    registry.identity = "identity"
    login = write_login(tmp_path / "docker", registry.host, identitytoken="identity")

    asking(DOCKER_CONFIG=str(login)).named()

    assert registry.asked[1].form["grant_type"] == ["refresh_token"]
    assert registry.asked[1].method == "POST"


def test_a_token_that_ran_out_is_renewed(registry: ToldRegistry, asking: Asking) -> None:
    registry.ask_for_token("first")
    found = asking()
    found.named()
    registry.token = "second"  # noqa: S105  (of this test)

    assert found.document(CONFIG, limit=1 << 20) == PUSHED.blobs[CONFIG]


def test_a_registry_that_is_never_content_is_asked_twice_and_no_more(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.ask_for_token(TOKEN)
    registry.tell("/token", Told(200, {}, b'{"access_token": "wrong"}'), forever=True)

    with pytest.raises(FetchError, match="wants credentials, and none were found; log in with: docker login"):
        asking().named()

    assert registry.paths() == ["/v2/acme/a/manifests/1", "/token", "/v2/acme/a/manifests/1"]


def test_wrong_credentials_are_said_by_the_file_they_are_from_and_nothing_else(
    registry: ToldRegistry, asking: Asking, tmp_path: Path
) -> None:
    registry.ask_for_token(TOKEN)
    registry.password = basic(USER, "another")
    login = write_login(tmp_path / "docker", registry.host)

    with pytest.raises(FetchError) as raised:
        asking(DOCKER_CONFIG=str(login)).named()

    said = str(raised.value)
    assert f"refused the credentials of {login / 'config.json'}" in said
    assert PASSWORD not in said
    assert basic(USER, PASSWORD).split()[1] not in said


def test_no_secret_is_kept(registry: ToldRegistry, asking: Asking, tmp_path: Path) -> None:
    registry.ask_for_token(TOKEN)
    registry.password = basic(USER, PASSWORD)
    found = asking(DOCKER_CONFIG=str(write_login(tmp_path / "docker", registry.host)))
    found.named()
    found.blob_file(LAYER, len(BODY))

    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())

    assert TOKEN.encode() not in kept
    assert PASSWORD.encode() not in kept


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b'{"token": "a\\r\\nX: y"}',
        b'{"token": 3}',
        b'{"token": "a b"}',
        b'{"token": "\xc3\xa4"}',
    ],
)
def test_a_token_that_is_none_is_an_error(registry: ToldRegistry, asking: Asking, answer: bytes) -> None:
    registry.ask_for_token(TOKEN)
    registry.tell("/token", Told(200, {}, answer))

    with pytest.raises(FetchError, match="answered with no token"):
        asking().named()


@pytest.mark.parametrize("realm", ["file:///etc/passwd", "nowhere", "http://[x", " "])
def test_tokens_are_asked_for_over_http_alone(registry: ToldRegistry, asking: Asking, realm: str) -> None:
    registry.ask_for_token(TOKEN, realm=realm)

    with pytest.raises(FetchError, match="names no usable address for tokens"):
        asking().named()


def test_a_registry_that_asks_in_a_way_that_is_not_known_is_an_error(
    registry: ToldRegistry, asking: Asking
) -> None:
    registry.challenge = "Negotiate"

    with pytest.raises(FetchError, match="in no way that is known here"):
        asking().named()

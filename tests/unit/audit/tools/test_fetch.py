import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_audit.audit.tools import fetch
from fleet_audit.audit.tools.connections import without_credentials
from fleet_audit.audit.tools.fetch import (
    Fetcher,
    FetchError,
    FetchMismatch,
    FetchRefused,
    Interrupted,
    NotFound,
)

URL = "https://archive.example/pool/a.deb"
BODY = b"the body of a package"
DIGEST = hashlib.sha256(BODY).hexdigest()


class Answers:
    """A transport that gives prepared answers, one for each request: chunks, or an error to raise."""

    def __init__(self, *answers: bytes | FetchError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def stream(self, url: str, *, deadline: float) -> Iterator[bytes]:
        del deadline
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, FetchError):
            yield BODY[:5]
            raise answer
        yield answer[:5]
        yield answer[5:]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet_audit.audit.tools.fetch.time.sleep", lambda _seconds: None)


def fetcher(cache: Path, *answers: bytes | FetchError, is_offline: bool = False) -> tuple[Fetcher, Answers]:
    transport = Answers(*answers)
    return Fetcher(cache, transport=transport, is_offline=is_offline), transport


def test_a_body_without_a_known_digest_is_fetched_each_time(tmp_path: Path) -> None:
    downloads, transport = fetcher(tmp_path, BODY, b"changed")

    assert downloads.get(URL, size_limit=100, deadline=5) == BODY
    assert downloads.get(URL, size_limit=100, deadline=5) == b"changed"
    assert transport.asked == [URL, URL]


def test_a_body_of_known_digest_is_fetched_once(tmp_path: Path) -> None:
    downloads, transport = fetcher(tmp_path, BODY)

    for _ in range(2):
        assert downloads.get(URL, size_limit=100, deadline=5, sha256=DIGEST) == BODY

    assert transport.asked == [URL]


def test_a_damaged_entry_of_the_cache_is_fetched_anew(tmp_path: Path) -> None:
    downloads, _ = fetcher(tmp_path, BODY, BODY)
    kept = downloads.get_file(URL, size_limit=100, deadline=5, sha256=DIGEST)
    kept.write_bytes(b"damaged")

    assert downloads.get_file(URL, size_limit=100, deadline=5, sha256=DIGEST).read_bytes() == BODY


def test_a_body_with_another_digest_is_refused_and_not_kept(tmp_path: Path) -> None:
    downloads, _ = fetcher(tmp_path, b"something else entirely")

    with pytest.raises(FetchMismatch, match=f"has the digest sha256:[0-9a-f]+, expected sha256:{DIGEST}"):
        downloads.get_file(URL, size_limit=100, deadline=5, sha256=DIGEST)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_body_over_its_limit_is_refused_and_one_at_it_is_not(tmp_path: Path) -> None:
    downloads, _ = fetcher(tmp_path, BODY, BODY)

    assert downloads.get(URL, size_limit=len(BODY), deadline=5) == BODY
    with pytest.raises(FetchMismatch, match="longer than the 20 bytes expected"):
        downloads.get(URL, size_limit=len(BODY) - 1, deadline=5)


def test_an_interrupted_download_starts_again_from_nothing(tmp_path: Path) -> None:
    downloads, transport = fetcher(tmp_path, Interrupted(URL, "reset"), Interrupted(URL, "reset"), BODY)

    assert downloads.get(URL, size_limit=100, deadline=60, sha256=DIGEST) == BODY
    assert len(transport.asked) == 3


def test_three_interruptions_are_enough(tmp_path: Path) -> None:
    downloads, transport = fetcher(tmp_path, *[Interrupted(URL, "connection reset")] * 3)

    with pytest.raises(Interrupted, match=f"^{URL}: connection reset$"):
        downloads.get(URL, size_limit=100, deadline=60)
    assert len(transport.asked) == fetch.ATTEMPTS


def test_what_is_not_there_is_not_asked_for_again(tmp_path: Path) -> None:
    downloads, transport = fetcher(tmp_path, NotFound(URL, "the server does not have it"))

    with pytest.raises(NotFound):
        downloads.get(URL, size_limit=100, deadline=60)
    assert transport.asked == [URL]


def test_offline_serves_the_cache_and_refuses_the_network(tmp_path: Path) -> None:
    online, _ = fetcher(tmp_path, BODY)
    online.get_file(URL, size_limit=100, deadline=5, sha256=DIGEST)
    offline, transport = fetcher(tmp_path, is_offline=True)

    assert offline.get(URL, size_limit=100, deadline=5, sha256=DIGEST) == BODY
    with pytest.raises(FetchRefused, match="--offline forbids the network"):
        offline.get(URL, size_limit=100, deadline=5)
    assert transport.asked == []


def test_file_addresses_are_read_even_offline(tmp_path: Path) -> None:
    folder = tmp_path / "an archive"
    folder.mkdir()
    (folder / "a.deb").write_bytes(BODY)
    downloads, _ = fetcher(tmp_path / "cache", is_offline=True)

    assert downloads.get(f"{folder.as_uri()}/a.deb", size_limit=100, deadline=5) == BODY
    with pytest.raises(NotFound, match=r"b\.deb: no such file"):
        downloads.get(f"{folder.as_uri()}/b.deb", size_limit=100, deadline=5)


@pytest.mark.parametrize("url", ["ftp://archive.example/a", "/etc/passwd", "gopher:x"])
def test_other_schemes_are_refused(tmp_path: Path, url: str) -> None:
    downloads, _ = fetcher(tmp_path)

    with pytest.raises(FetchError, match="neither an http:, https: nor file: address"):
        downloads.get(url, size_limit=100, deadline=5)


def test_no_message_shows_a_password(tmp_path: Path) -> None:
    url = "https://user:hunter2@archive.example/a"
    downloads, _ = fetcher(tmp_path, NotFound(url, "the server does not have it"))

    with pytest.raises(NotFound, match=r"^https://archive\.example/a: ") as caught:
        downloads.get(url, size_limit=100, deadline=5)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[bad", "http://user:hunter2@[bad/x"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    downloads, _ = fetcher(tmp_path)

    with pytest.raises(FetchError, match=r"^http://\[bad.*: is not a usable address"):
        downloads.get(url, size_limit=100, deadline=5)


def test_an_address_without_credentials_stays_as_it_is() -> None:
    assert (
        without_credentials("https://archive.example:8080/a?b=c@d") == "https://archive.example:8080/a?b=c@d"
    )


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    downloads, _ = fetcher(tmp_path / "cache", BODY)

    with pytest.raises(FetchError, match=r"the download cache .* cannot be written"):
        downloads.get_file(URL, size_limit=100, deadline=5, sha256=DIGEST)


def test_a_folder_where_an_entry_should_be_is_replaced(tmp_path: Path) -> None:
    downloads, _ = fetcher(tmp_path / "cache", BODY)
    (tmp_path / "cache" / DIGEST[:2] / DIGEST / "inner").mkdir(parents=True)

    assert downloads.get(URL, size_limit=100, deadline=5, sha256=DIGEST) == BODY

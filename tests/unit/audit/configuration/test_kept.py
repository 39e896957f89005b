"""What was read from configuration once, and when it is read again."""

import pytest

from fleet_audit.audit.configuration import kept
from fleet_audit.audit.configuration.kept import kept_or_read
from fleet_audit.audit.configuration.located import File
from fleet_audit.audit.configuration.problems import ConfigurationError, Problem
from fleet_audit.audit.static_imports.source.store import MemoryStore as _MemoryStore

FILES = (File("a.yaml", b"1"), File("b.yaml", b"2"))


class Reader:
    """Counts how often files are read."""

    def __init__(self, value: list[int]) -> None:
        self.value = value
        self.times = 0

    def __call__(self) -> list[int]:
        self.times += 1
        return self.value


class MemoryStore(_MemoryStore):
    """A store whose keys can be asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: set[str] = set()

    def put(self, key: str, value: bytes) -> None:
        self._keys.add(key)
        super().put(key, value)

    def keys(self) -> set[str]:
        return set(self._keys)


class Spoiling(MemoryStore):
    """A store whose disk changes a byte of all that it keeps."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def put(self, key: str, value: bytes) -> None:
        changed = bytearray(value)
        changed[self._at % len(changed)] ^= 1
        super().put(key, bytes(changed))


def test_what_is_kept_is_not_read_again() -> None:
    store, read = MemoryStore(), Reader([1, 2])

    answers = [kept_or_read(store, "test/1", FILES, list[int], read) for _ in range(3)]

    assert answers == [[1, 2]] * 3
    assert read.times == 1


@pytest.mark.parametrize(
    ("reading", "files"),
    [
        ("test/2", FILES),
        ("test/1", (File("a.yaml", b"1"), File("b.yaml", b"3"))),
        ("test/1", (File("a.yaml", b"1"), File("c.yaml", b"2"))),
        ("test/1", FILES[:1]),
        ("test/1", FILES[::-1]),
        ("test/1", (File("a.yaml", b"12"), File("b.yaml", b""))),
    ],
)
def test_whatever_else_is_asked_is_read(reading: str, files: tuple[File, ...]) -> None:
    store, read = MemoryStore(), Reader([1])
    kept_or_read(store, "test/1", FILES, list[int], read)

    kept_or_read(store, reading, files, list[int], read)

    assert read.times == 2


@pytest.mark.parametrize("at", [0, 15, 16, -1])
def test_what_is_damaged_is_read_again(at: int) -> None:
    store, read = Spoiling(at), Reader([1, 2])

    answers = [kept_or_read(store, "test/1", FILES, list[int], read) for _ in range(2)]

    assert answers == [[1, 2]] * 2
    assert read.times == 2


def test_what_was_kept_for_something_else_is_read_again() -> None:
    store, read = MemoryStore(), Reader([1])
    kept_or_read(store, "test/1", FILES, list[int], lambda: [2])
    other = store.keys()
    kept_or_read(store, "test/2", FILES, list[int], lambda: [3])
    (mine,) = store.keys() - other
    store.put(mine, store.get(*other) or b"")

    assert kept_or_read(store, "test/2", FILES, list[int], read) == [1]


def test_what_is_kept_but_of_another_shape_is_read_again() -> None:
    store, read = MemoryStore(), Reader([1])
    kept_or_read(store, "test/1", FILES, list[str], lambda: ["text"])

    assert kept_or_read(store, "test/1", FILES, list[int], read) == [1]


def test_of_what_is_wrong_nothing_is_kept() -> None:
    store = MemoryStore()

    def refuse() -> list[int]:
        raise ConfigurationError([Problem("a.yaml", 1, "", "is wrong")])

    for _ in range(2):
        with pytest.raises(ConfigurationError):
            kept_or_read(store, "test/1", FILES, list[int], refuse)


def test_without_a_store_all_is_read() -> None:
    read = Reader([1])

    for _ in range(2):
        kept_or_read(None, "test/1", FILES, list[int], read)

    assert read.times == 2


def test_what_is_larger_than_reasonable_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    store, read = MemoryStore(), Reader([1, 2, 3])
    monkeypatch.setattr(kept, "MAX_KEPT_BYTES", 3)

    for _ in range(2):
        kept_or_read(store, "test/1", FILES, list[int], read)

    assert (read.times, store.keys()) == (2, set())


def test_text_that_is_no_unicode_is_not_kept() -> None:
    store = MemoryStore()

    for _ in range(2):
        assert kept_or_read(store, "test/1", FILES, str, lambda: "\ud800") == "\ud800"

    assert store.keys() == set()

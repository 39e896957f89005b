"""What is told while layers are read."""

from pathlib import Path

import pytest

from fleet_audit.audit.images.open import open_image
from fleet_audit.audit.images.store import LayerStore
from tests.support.images import docker_files, image, layer_tar


class Heard:
    """Remembers every call, amounts summed by label."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self.finished: list[str] = []

    def start(self, label: str, total: int) -> None:
        self.totals[label] = total
        self.done[label] = 0

    def advance(self, label: str, amount: int) -> None:
        self.done[label] += amount

    def finish(self, label: str) -> None:
        self.finished.append(label)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_byte_of_every_layer_is_told_once(tmp_path: Path, jobs: int) -> None:
    noise = bytes(range(256)) * 70_000
    ref = image({"a": noise}, {"b": noise}).write(tmp_path / "image", compression="none")
    heard = Heard()

    open_image(ref, progress=heard, jobs=jobs).close()

    assert len(heard.totals) == 2
    assert heard.done == heard.totals
    assert sorted(heard.finished) == sorted(heard.totals)


def test_nothing_is_told_of_layers_that_are_known(tmp_path: Path) -> None:
    ref = image({"a": "1"}).write(tmp_path / "image")
    store = LayerStore(tmp_path / "cache")
    open_image(ref, store=store).close()
    heard = Heard()

    open_image(ref, store=store, progress=heard).close()

    assert heard.totals == {}


def test_a_stream_has_one_label_whose_total_is_not_known(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.write_bytes(layer_tar(docker_files([image({"a": "1"})])))
    heard = Heard()

    open_image("docker:a", engines={"docker": lambda _name: saved.open("rb")}, progress=heard).close()

    assert heard.totals == {"docker:a": 0}
    assert heard.finished == ["docker:a"]
    assert heard.done["docker:a"] > 10_000

"""Laws of what is kept between runs: an answer with it, without it, and with damage to it is one answer."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleet_audit.audit.static_imports.examination import Examination
from fleet_audit.audit.static_imports.kept_examination import Keeping
from fleet_audit.audit.static_imports.service_code import ServiceCode
from fleet_audit.audit.static_imports.source.store import MemoryStore
from tests.support.laws import examples
from tests.support.pythons import TAG, examination

NAMES = ("alpha", "beta", "gamma")

BODIES = st.lists(
    st.sampled_from(
        [
            *(f"import {name}" for name in NAMES),
            *(f"from . import {name}" for name in NAMES),
            *(f"try:\n    import {name}\nexcept ImportError:\n    import beta" for name in NAMES),
            "def f():\n    import gamma",
            "import sys\nsys.path.insert(0, 'lib')",
            "import os\nif os.environ.get('X'):\n    import alpha",
            "raise ImportError",
            "def __getattr__(name):\n    import alpha\n    return alpha",
            "import ctypes\nctypes.CDLL('libx.so.1')",
            "broken(",
        ]
    ),
    max_size=3,
).map("\n".join)

OWN_PLACES = [f"{folder}{name}.py" for folder in ("", "lib/", "a/", "b/") for name in NAMES]
IMAGE_PLACES = [f"{name}{end}" for name in NAMES for end in (".py", "/__init__.py", "/alpha.py", TAG)]
SOURCES = st.dictionaries(st.sampled_from(OWN_PLACES), BODIES, max_size=4)
IMAGES = st.dictionaries(st.sampled_from(IMAGE_PLACES), BODIES, max_size=5)

SERVICES = (
    ServiceCode("one", "app.py", ("app.py",)),
    ServiceCode("two", "a/app.py", ("a",)),
    ServiceCode("three", "app.py", ("app.py",), pythonpath=("b", ".")),
    ServiceCode("four", "", ("b",), pythonpath=("lib",)),
)
CHOICES = st.lists(st.sampled_from(SERVICES), min_size=1, unique=True)


class Damaging(MemoryStore):
    """A store that damages every other thing that it gives."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self._at = at
        self._given = 0

    def get(self, key: str) -> bytes | None:
        """See `RecordStore.get`."""
        value = super().get(key)
        self._given += value is not None
        if value is None or self._given % 2:
            return value
        at = int(self._at * (len(value) - 1))
        return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


def said(found: Examination) -> Examination:
    """Return an answer without what it cost."""
    return msgspec.structs.replace(found, parsed=0, cached=0)


@given(
    worlds=st.lists(st.tuples(SOURCES, IMAGES, CHOICES), min_size=1, max_size=4),
    app=BODIES,
    order=st.lists(st.integers(0, 3), min_size=2, max_size=8),
    at=st.floats(0, 1),
)
@examples(60)
def test_runs_over_changing_code_give_what_runs_without_a_cache_give(
    worlds: list[tuple[dict[str, str], dict[str, str], list[ServiceCode]]],
    app: str,
    order: list[int],
    at: float,
) -> None:
    stores = (MemoryStore(), Damaging(at))
    for number in order:
        sources, image, services = worlds[number % len(worlds)]
        own = {"app.py": app, "a/app.py": app, **sources}
        plain = said(examination(own, image, services=services))
        for store in stores:
            kept = examination(own, image, services=services, records=store, keeping=Keeping(store))
            assert said(kept) == plain

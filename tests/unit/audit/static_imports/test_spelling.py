"""Which module a name was meant for."""

import pytest

from fleet_audit.audit.model.identity import DistributionName, ModuleName
from fleet_audit.audit.static_imports.distributions.spelling import meant
from tests.support.pythons import examination

KNOWN = ("numpy", "pandas", "requests", "PIL", "google.auth", "sounddevice", "transformers", "yaml", "models")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("nunpy", ["numpy"]),
        ("Numpy", ["numpy"]),
        ("request.adapters", ["requests"]),
        ("sound_device", ["sounddevice"]),
        ("panda", ["pandas"]),
    ],
)
def test_a_slip_of_the_hand_finds_what_was_meant(written: str, expected: list[str]) -> None:
    assert list(meant(ModuleName(written), KNOWN)) == expected


@pytest.mark.parametrize(
    "written", ["transport", "PLI", "numpy", "bumpy", "numpydoc", "yam", "n" * 100_000, ""]
)
def test_other_names_find_nothing(written: str) -> None:
    assert meant(ModuleName(written), KNOWN) == ()


def test_a_missing_module_says_what_may_have_been_meant_and_is_not_resolved_by_it() -> None:
    suggestions = {"numpy": (DistributionName("numpy"),), "yaml": (DistributionName("pyyaml"),)}
    sources = {"app.py": "import nunpy\nimport yaml.nodes\n"}
    (answer,) = examination(sources, {}, suggestions=suggestions).services
    assert [(m.module, m.suggestions, m.meant) for m in answer.missing] == [
        ("nunpy", (), ("numpy",)),
        ("yaml.nodes", ("pyyaml",), ()),
    ]
    assert [i.provided_by for i in answer.imports] == [None, None]

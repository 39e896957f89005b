"""Versions go up and down in the order of the ecosystem that numbers them."""

import pytest

from fleet_audit.audit.model.difference import Change
from fleet_audit.audit.pipeline.comparing.version_order import moved


@pytest.mark.parametrize(
    ("ecosystem", "before", "after", "change"),
    [
        ("deb", "1.9", "1.10", Change.UP),
        ("deb", "1:1.0", "2.0", Change.DOWN),
        ("deb", "1.0~rc1", "1.0", Change.UP),
        ("deb", "1.0", "0:1.0-0", Change.CHANGED),
        ("pypi", "1.9", "1.10", Change.UP),
        ("pypi", "1.0", "1.0rc1", Change.DOWN),
        ("pypi", "1.0", "1!0.1", Change.UP),
        ("pypi", "1.0", "1.0.0", Change.CHANGED),
        ("pypi", "2004d", "1.0", Change.CHANGED),
        ("npm", "1.9.0", "1.10.0", Change.CHANGED),
        ("deb", "", "1.0", Change.CHANGED),
        ("pypi", "1." + "9" * 5000, "2", Change.CHANGED),
    ],
)
def test_each_ecosystem_has_its_own_order(ecosystem: str, before: str, after: str, change: Change) -> None:
    assert moved(ecosystem, [before], [after]) is change


def test_several_versions_went_up_where_every_one_is_newer() -> None:
    assert moved("deb", ["1", "2"], ["3", "4"]) is Change.UP
    assert moved("deb", ["1", "3"], ["2", "4"]) is Change.CHANGED

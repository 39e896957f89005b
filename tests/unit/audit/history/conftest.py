"""Histories of these tests outlive no power cut: nobody waits until they are on the disk."""

import pytest

from fleet_audit.audit.history import opening


@pytest.fixture(autouse=True)
def _nobody_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "DURABILITY", "OFF")

"""When an image was made, as its SBOM says it."""

import pytest

from fleet_audit.audit.pipeline.inventories.inventory import written_time


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("2026-11-14T00:00:00Z", "2026-11-14T00:00:00Z"),
        ("2024-01-02T03:04:05.123456789+02:00", "2024-01-02T01:04:05Z"),
        ("2024-01-02T03:04:05", ""),
        ("0001-01-01T00:00:00Z", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_the_time_of_an_image_is_written_as_both_specifications_want_it(said: str, written: str) -> None:
    assert written_time(said) == written

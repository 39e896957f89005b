"""The sets of needs that plans are tested with name what each release really ships."""

from collections.abc import Iterable

import pytest

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from tests.support.debian import RELEASES, index
from tests.support.needs import needs_of

pytestmark = pytest.mark.integration


def unknown(needs: Iterable[str], found: ArchiveIndex) -> list[str]:
    shipped = {"so": found.sonames, "bin": found.programs}
    return [need for need in needs if need.partition(":")[2] not in shipped[need.partition(":")[0]]]


@pytest.mark.parametrize("codename", RELEASES)
def test_every_need_of_a_set_is_shipped(codename: str) -> None:
    release = RELEASES[codename]

    assert {
        name: u for name, needs in needs_of(release).items() if (u := unknown(needs, index(release)))
    } == {}


def test_a_need_of_another_release_would_be_noticed() -> None:
    assert unknown(needs_of(RELEASES["trixie"])["gdal"], index(RELEASES["bookworm"])) == ["so:libgdal.so.36"]

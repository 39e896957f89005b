"""Documents that are not valid are caught, and those beside them are not."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from fleet_audit.audit.sbom.cyclonedx import cyclonedx
from fleet_audit.audit.sbom.spdx import spdx
from fleet_audit.audit.sbom.validation import InvalidDocument, check_cyclonedx, check_spdx
from tests.support.inventories import inventory

Damage = Callable[[dict[str, Any]], None]


def written(damage: Damage, form: str) -> bytes:
    write = cyclonedx if form == "cyclonedx" else spdx
    document = msgspec.json.decode(write(inventory(), created="2026-11-14T00:00:00Z", version="1.0"))
    damage(document)
    return msgspec.json.encode(document)


def _licence(document: dict[str, Any]) -> None:
    document["components"][0]["licenses"] = [{"license": {"id": "mit"}}]


def _unknown_key(document: dict[str, Any]) -> None:
    document["components"][0]["invented"] = "x"


def _astray(document: dict[str, Any]) -> None:
    document["dependencies"][0]["dependsOn"].append("nowhere")


def _twice(document: dict[str, Any]) -> None:
    document["components"].append(
        {"type": "library", "name": "x", "bom-ref": document["components"][0]["bom-ref"]}
    )


def _time(document: dict[str, Any]) -> None:
    document["metadata"]["timestamp"] = "yesterday"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_licence, "components/0/licenses"),
        (_unknown_key, "components/0"),
        (_astray, "dependencies name nowhere"),
        (_twice, "occurs 2 times"),
        (_time, "metadata/timestamp"),
    ],
)
def test_a_damaged_cyclonedx_document_is_caught_with_the_place(damage: Damage, told: str) -> None:
    with pytest.raises(InvalidDocument, match=told):
        check_cyclonedx(written(damage, "cyclonedx"))


def _no_name(document: dict[str, Any]) -> None:
    del document["packages"][0]["name"]


def _relation(document: dict[str, Any]) -> None:
    document["relationships"][0]["relationshipType"] = "LIKES"


def _element(document: dict[str, Any]) -> None:
    document["relationships"][0]["relatedSpdxElement"] = "SPDXRef-nowhere"


@pytest.mark.parametrize(
    ("damage", "told"),
    [(_no_name, "packages/0"), (_relation, "relationshipType"), (_element, "SPDXRef-nowhere")],
)
def test_a_damaged_spdx_document_is_caught_with_the_place(damage: Damage, told: str) -> None:
    with pytest.raises(InvalidDocument, match=told):
        check_spdx(written(damage, "spdx"))


def test_what_is_whole_passes() -> None:
    check_cyclonedx(written(lambda _document: None, "cyclonedx"))
    check_spdx(written(lambda _document: None, "spdx"))


def test_of_many_problems_the_first_are_told_and_the_rest_counted() -> None:
    error = InvalidDocument("CycloneDX 1.6", tuple(f"problem {number}" for number in range(8)))

    assert "problem 4; and 3 more" in str(error)
    assert "problem 5" not in str(error)

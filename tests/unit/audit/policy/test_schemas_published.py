"""The schemas for editors are those that the loaders check with."""

from pathlib import Path

import msgspec
import pytest

from fleet_audit.audit.configuration.schema import published_schema
from fleet_audit.audit.knowledge.rows import KnowledgeFile
from fleet_audit.audit.policy.envelope import PolicyFile, RuleFile
from fleet_audit.audit.policy.waiver_files import waivers_schema

SCHEMAS = Path(__file__).parents[4] / "rules" / "schema"


@pytest.mark.parametrize(
    ("name", "root"), [("rule", RuleFile), ("policy", PolicyFile), ("knowledge", KnowledgeFile)]
)
def test_a_published_schema_is_fresh(name: str, root: type) -> None:
    published = (SCHEMAS / f"{name}.schema.json").read_bytes()

    assert published == published_schema(root)
    assert msgspec.json.decode(published)["$schema"].startswith("https://json-schema.org/")


def test_the_published_schema_of_waivers_is_fresh() -> None:
    assert (SCHEMAS / "waivers.schema.json").read_bytes() == waivers_schema()

"""The rows of the knowledge base against what Debian 12 really ships."""

from collections.abc import Iterator

import pytest

from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.base import Knowledge, load_knowledge, packaged_knowledge
from fleet_audit.audit.knowledge.rows import KnowledgeFile
from tests.support.debian import BOOKWORM, index

pytestmark = pytest.mark.integration


def files() -> Iterator[KnowledgeFile]:
    for file in packaged_knowledge().iterdir():
        if file.name.endswith(".yaml"):
            yield convert(load_file(file, name=file.name), KnowledgeFile)


def is_shipped(need: str) -> bool:
    kind, _, name = need.partition(":")
    return name in (index().sonames if kind == "so" else index().programs)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge([packaged_knowledge()])


def test_every_hidden_need_can_be_met_by_the_archive_or_the_host(knowledge: Knowledge) -> None:
    rows = [row for file in files() for row in file.dlopen]

    unmet = [
        (row.id, need)
        for row in rows
        for need in row.needs
        if not is_shipped(need) and knowledge.host_driver(need.partition(":")[2]) is None
    ]
    assert unmet == []


def test_every_package_that_is_preferred_or_avoided_exists() -> None:
    names = {package.name for package in index().packages}

    rows = [row for file in files() for row in file.provider_override]
    assert [(row.id, name) for row in rows for name in (row.prefer, *row.avoid) if name not in names] == []


def test_what_is_said_to_be_gone_is_gone() -> None:
    rows = [row for file in files() for row in file.soname_break if BOOKWORM.codename in row.suites]

    assert rows
    assert [(row.id, s) for row in rows for s in row.sonames if s in index().sonames] == []


def test_what_the_host_supplies_is_in_no_free_package(knowledge: Knowledge) -> None:
    names = (*index().sonames, *index().programs)

    assert [name for name in names if knowledge.host_driver(name)] == []


def test_what_belongs_to_another_system_is_on_no_path_of_this_one(knowledge: Knowledge) -> None:
    names = (*index().sonames, *index().programs)

    assert [name for name in names if knowledge.other_system(name)] == []

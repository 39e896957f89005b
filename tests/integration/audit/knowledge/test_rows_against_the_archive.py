"""The rows of the knowledge base against what Debian 11, 12 and 13 really ship.

What rows say of Ubuntu's suites is not checked: its archive is not asked.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import msgspec
import pytest

from fleet_audit.audit.apt.archive.compressed import unpacked
from fleet_audit.audit.apt.archive.suites import open_suite
from fleet_audit.audit.apt.debian.packages import parse_packages
from fleet_audit.audit.apt.debian.relations import parse_relations
from fleet_audit.audit.configuration.located import load_file
from fleet_audit.audit.configuration.schema import convert
from fleet_audit.audit.knowledge.base import Knowledge, load_knowledge, packaged_knowledge
from fleet_audit.audit.knowledge.rows import (
    Alias,
    DependencyChoice,
    KnowledgeFile,
    ProviderOverride,
    SonameBreak,
)
from fleet_audit.audit.tools.fetch import FetchError
from tests.support.debian import RELEASES, fetcher, index, sources

pytestmark = pytest.mark.integration

SUITES = tuple(RELEASES)


def files() -> Iterator[KnowledgeFile]:
    for file in packaged_knowledge().iterdir():
        if file.name.endswith(".yaml"):
            yield convert(load_file(file, name=file.name), KnowledgeFile)


ROWS = tuple(files())
OVERRIDES = [row for file in ROWS for row in file.provider_override]
CHOICES = [row for file in ROWS for row in file.dependency_choice]
BREAKS = [row for file in ROWS for row in file.soname_break]
ALIASES = [row for file in ROWS for row in file.aliases]
OF_PYPI = [row for file in ROWS for row in file.provided_by_pypi]


class Shipped:
    """What one suite has: packages, virtual names with their providers, sonames and programs."""

    def __init__(self, suite: str) -> None:
        """Ask the archive; skips where it cannot be reached."""
        found = index(RELEASES[suite])
        self.suite = suite
        self.packages = {package.name for package in found.packages}
        self.sonames = found.sonames
        self.programs = found.programs
        self.provided: dict[str, set[str]] = {}
        for package in found.packages:
            for clause in parse_relations(package.provides) if package.provides else ():
                self.provided.setdefault(clause[0].name, set()).add(package.name)


@pytest.fixture(scope="module", params=SUITES)
def shipped(request: pytest.FixtureRequest) -> Shipped:
    return Shipped(request.param)


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge([packaged_knowledge()])


def override_faults(row: ProviderOverride, shipped: Shipped) -> list[str]:
    """Return what of a row is not so in a suite that it speaks of."""
    if shipped.suite not in row.suites:
        return []
    faults = [name for name in (row.prefer, *row.avoid) if name not in shipped.packages]
    kind, _, name = row.need.partition(":")
    known = (shipped.sonames if kind == "so" else shipped.programs).get(name, ())
    others = [package for package in known if package not in row.avoid]
    if len(known) == 1 and not row.avoid:
        faults.append(f"{name} leaves no choice: only {known[0]} has it")
    # What update-alternatives links is in no list of contents, so that nobody may seem to have it.
    if others and row.prefer not in others:
        faults.append(f"{name} is in {', '.join(others)}")
    return faults


def break_faults(row: SonameBreak, shipped: Shipped) -> list[str]:
    """Return the sonames of a row that a suite has although the row says that they are gone."""
    return [name for name in row.sonames if shipped.suite in row.suites and name in shipped.sonames]


def alias_faults(row: Alias, shipped: Shipped) -> list[str]:
    """Return what of a row on a package's old name is not so in a suite."""
    faults = []
    if shipped.suite in row.exists and row.name not in shipped.packages:
        faults.append("there is no such package")
    if shipped.suite in row.absent:
        faults += ["the old package is there"] if row.name in shipped.packages else []
        faults += ["the new package is not there"] if row.use not in shipped.packages else []
        is_virtual = shipped.provided.get(row.name) == {row.use}
        if is_virtual is not (shipped.suite in row.virtual):
            faults.append(f"the name is provided by {sorted(shipped.provided.get(row.name, ()))}")
    return faults


def test_every_hidden_need_can_be_met_by_the_archive_or_the_host(knowledge: Knowledge) -> None:
    shipped = Shipped("bookworm")
    rows = [row for file in ROWS for row in file.dlopen]
    names = shipped.sonames.keys() | shipped.programs.keys()

    unmet = [
        (row.id, need)
        for row in rows
        for need in row.needs
        if (name := need.partition(":")[2]) not in names and knowledge.host_driver(name) is None
    ]
    assert unmet == []


def test_every_choice_is_one_in_the_suites_of_its_row(shipped: Shipped) -> None:
    assert [(row.id, fault) for row in OVERRIDES for fault in override_faults(row, shipped)] == []


def test_what_is_said_to_be_gone_is_gone(shipped: Shipped) -> None:
    assert [(row.id, name) for row in BREAKS for name in break_faults(row, shipped)] == []


def test_old_names_are_there_and_gone_as_their_rows_say(shipped: Shipped) -> None:
    assert [(row.id, fault) for row in ALIASES for fault in alias_faults(row, shipped)] == []


def test_wrong_rows_are_found_out() -> None:
    shipped = Shipped("bookworm")
    choice = next(row for row in OVERRIDES if row.id == "java")
    gone = next(row for row in BREAKS if row.id == "libffi-7")
    alias = next(row for row in ALIASES if row.name == "libaio1")

    replace = msgspec.structs.replace
    assert override_faults(replace(choice, prefer="default-jre-headles"), shipped)
    assert override_faults(replace(choice, need="so:libffi.so.8", prefer="libffi8"), shipped)
    assert break_faults(replace(gone, sonames=("libffi.so.8",)), shipped)
    assert alias_faults(replace(alias, exists=("bullseye",), absent=("bookworm",)), shipped)
    assert alias_faults(replace(alias, name="libaio1t64", use="libaio1"), shipped)


def test_suites_that_rows_speak_of_are_known() -> None:
    named = {s for row in OVERRIDES for s in row.suites} | {s for row in BREAKS for s in row.suites}
    named |= {s for row in ALIASES for s in (*row.exists, *row.absent, *row.virtual)}

    assert named - {"focal", "jammy", "noble"} <= set(SUITES)


def test_an_alias_is_not_there_and_gone_at_once() -> None:
    assert [row.id for row in ALIASES if set(row.exists) & set(row.absent)] == []
    assert [row.id for row in ALIASES if not set(row.virtual) <= set(row.absent)] == []


def test_what_the_host_supplies_is_in_no_free_package(shipped: Shipped, knowledge: Knowledge) -> None:
    names = (*shipped.sonames, *shipped.programs)

    assert [name for name in names if knowledge.host_driver(name)] == []


def test_what_belongs_to_another_system_is_on_no_path_of_this_one(
    shipped: Shipped, knowledge: Knowledge
) -> None:
    names = (*shipped.sonames, *shipped.programs)

    assert [name for name in names if knowledge.other_system(name)] == []


def test_what_wheels_bring_is_in_no_free_package(shipped: Shipped) -> None:
    names = [name for name in shipped.sonames for row in OF_PYPI for p in row.sonames if fnmatchcase(name, p)]

    assert names == []


def test_no_free_package_is_forbidden(shipped: Shipped, knowledge: Knowledge) -> None:
    assert [name for name in sorted(shipped.packages) if knowledge.is_forbidden(name)] == []


_OF_UBUNTU_AND_NVIDIA = {
    "libnvidia-compute-*",
    "libnvidia-decode-*",
    "libnvidia-gl-*",
    "nvidia-utils-*",
    "cuda-drivers*",
}
"""Packages of Ubuntu's restricted component and of NVIDIA's own repository, neither of which is asked."""


def test_every_forbidden_package_is_in_a_component_that_is_not_free() -> None:
    offered = {name for suite in SUITES for name in non_free(suite)}
    patterns = {p for file in ROWS for row in file.never_apt for p in row.forbidden_packages}

    unknown = {p for p in patterns if not any(fnmatchcase(name, p) for name in offered)}
    assert unknown == _OF_UBUNTU_AND_NVIDIA


def non_free(suite: str) -> set[str]:
    """Return the packages of a suite's component non-free; skips where it cannot be had."""
    source = next(s for s in sources(RELEASES[suite]) if s.suite == suite)
    try:
        opened = open_suite(source, fetcher())
        listed = opened.release.files["non-free/binary-amd64/Packages.xz"]
        path = fetcher().get_file(
            f"{opened.folder}/{listed.path}", size_limit=listed.size, deadline=300, sha256=listed.sha256
        )
    except FetchError as e:
        pytest.skip(f"the archive cannot be reached: {e}")
    return {package.name for package in parse_packages(unpacked(path, ".xz", limit=1 << 30))}


def second_choices(row: DependencyChoice, suite: str) -> set[str]:
    """Return the packages that a row avoids and that a dependency allows in place of the preferred one.

    A dependency may name them, or what they provide.
    """
    found = set()
    table = index(RELEASES[suite]).packages
    for package in table:
        if row.prefer in package.depends or row.prefer in package.pre_depends:
            for clause in parse_relations(package.depends) + parse_relations(package.pre_depends):
                if row.prefer in {relation.name for relation in clause}:
                    found |= {each.name for relation in clause for each in table.satisfying(relation)}
    found -= {row.prefer}
    return {name for name in found if any(fnmatchcase(name, pattern) for pattern in row.avoid)}


def useless(row: DependencyChoice) -> list[str]:
    """Return the suites of a row in which no dependency leaves the choice that it speaks of."""
    return [suite for suite in row.suites if suite in RELEASES and not second_choices(row, suite)]


@pytest.mark.parametrize("row", CHOICES, ids=lambda row: row.id)
def test_a_dependency_leaves_the_choice_that_a_row_speaks_of(row: DependencyChoice) -> None:
    assert useless(row) == []


def test_a_row_on_a_choice_that_no_dependency_leaves_would_be_noticed() -> None:
    row = msgspec.structs.replace(CHOICES[0], avoid=("libgl1",))

    assert useless(row) == [suite for suite in row.suites if suite in RELEASES]

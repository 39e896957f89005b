"""What holds of every state that an image may be in afterwards: clauses, each with the words of its source.

Only what can matter for the wanted packages is written down: from their providers on, whatever a dependency,
an upgrade or a conflict leads to.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

import msgspec

from fleet_audit.audit.apt.debian.packages import ArchivePackage
from fleet_audit.audit.apt.debian.relations import Clause, Relation, clause_text, parse_relations
from fleet_audit.audit.apt.planning.universe import Universe, Version, is_refused, offers

_FIELDS = (("Pre-Depends", "pre_depends"), ("Depends", "depends"))
_REFUSALS = (("Conflicts", "conflicts"), ("Breaks", "breaks"))


class Statement(msgspec.Struct, frozen=True):
    """One clause, and where it is from.

    `source` is the field as a control file has it (``libgl1: Depends libglx0``), or a need; `complaint` says
    in one clause what is wrong where it cannot hold. `refused` is the package that a conflict is against.
    """

    literals: tuple[int, ...]
    source: str
    complaint: str = ""
    refused: str = ""


class Clauses:
    """Statements about a universe, grown from packages that are asked for."""

    def __init__(self, universe: Universe, *, upgrades_by_source: bool) -> None:
        """Know the installed packages; nothing is asked for yet."""
        self._statements: dict[Statement, None] = {}
        self._universe = universe
        self._reached: dict[str, Version] = {}
        self._pending: deque[Version] = deque()
        self._refusals = _by_refused_name(universe.installed)
        self._siblings = _outdated_by_source(universe) if upgrades_by_source else {}
        self._leaning = self._upgradable_dependencies()

    def reach(self, names: Iterable[str]) -> None:
        """Write down all that follows where packages of these `names` come."""
        for name in names:
            candidate = self._universe.candidate(name)
            if candidate is not None:
                self._ask(candidate)
        while self._pending:
            version = self._pending.popleft()
            self._write_dependencies(version)
            self._write_siblings(version)
            self._write_installed_conflicts(version)
            self._write_leaning(version)

    def statements(self) -> list[Statement]:
        """Return everything that was written down, and which packages that were reached exclude others."""
        return list(dict.fromkeys((*self._statements, *self._conflicts())))

    def _conflicts(self) -> Iterator[Statement]:
        by_name: defaultdict[str, list[tuple[Version, Relation]]] = defaultdict(list)
        for version in self._reached.values():
            for offer in offers(version):
                by_name[offer.name].append((version, offer))
        for version in self._reached.values():
            for field, relation in _refusals(version):
                for other, offer in by_name.get(relation.name, ()):
                    if other.name != version.name and is_refused(relation, offer, other):
                        yield self._exclusion(version, other, field, relation)

    def _write(self, statement: Statement) -> None:
        self._statements[statement] = None

    def _ask(self, version: Version) -> None:
        if version.literal > 0 and version.name not in self._reached:
            self._reached[version.name] = version
            self._pending.append(version)

    def _write_dependencies(self, version: Version) -> None:
        for field, attribute in _FIELDS:
            for clause in parse_relations(getattr(version.package, attribute)):
                self._write_dependency(version, field, clause)

    def _write_dependency(self, version: Version, field: str, clause: Clause) -> None:
        answers = [v for relation in clause for v in self._universe.answering(relation, version.architecture)]
        literals = dict.fromkeys(answer.literal for answer in answers)
        # Met by what stays in any case, by the package itself, or by either version of another.
        if 0 in literals or version.literal in literals or any(-literal in literals for literal in literals):
            return
        for answer in answers:
            self._ask(answer)
        name, text = self._universe.known_as(version), clause_text(clause)
        condition = (-version.literal,) if version.literal else ()
        why = "" if answers else f", {self._absence(clause)}"
        subject = f"the installed {name}" if version.is_installed else name
        self._write(
            Statement((*condition, *literals), f"{name}: {field} {text}", f"{subject} depends on {text}{why}")
        )

    def _absence(self, clause: Clause) -> str:
        for relation in clause:
            refusal = self._universe.refusal(relation.name)
            if refusal.startswith(("is held", "is pinned", "must not", "cannot stand")):
                return f"and {relation.name} {refusal}"
        return "which the archive does not offer"

    def _write_siblings(self, version: Version) -> None:
        package = version.package
        if not isinstance(package, ArchivePackage):
            return
        for sibling in self._siblings.get(package.built_from, ()):
            if sibling.name != version.name:
                self._ask(sibling)
                source, number = package.built_from
                words = f"{version.name}: built from {source} {number} like {sibling.name}"
                self._write(Statement((-version.literal, sibling.literal), words, words))

    def _write_installed_conflicts(self, version: Version) -> None:
        """Write down which installed packages `version` cannot stand beside, and would have to upgrade."""
        for field, relation in _refusals(version):
            for other in self._universe.installed_refused(relation):
                if other.name != version.name:
                    self._exclude_installed(version, other, self._exclusion(version, other, field, relation))
        for offer in offers(version):
            for other, field, relation in self._refusals.get(offer.name, ()):
                if other.name != version.name and is_refused(relation, offer, version):
                    self._exclude_installed(version, other, self._exclusion(other, version, field, relation))

    def _exclude_installed(self, version: Version, other: Version, statement: Statement) -> None:
        if other.literal:
            upgrade = self._universe.candidate(other.name)
            if upgrade is not None:
                self._ask(upgrade)
        literals = tuple(-literal for literal in (version.literal, other.literal) if literal)
        self._write(msgspec.structs.replace(statement, literals=literals))

    def _exclusion(self, owner: Version, other: Version, field: str, relation: Relation) -> Statement:
        name, refused = self._universe.known_as(owner), self._universe.known_as(other)
        return Statement(
            literals=(-owner.literal, -other.literal),
            source=f"{name}: {field} {relation}",
            complaint=f"{refused} is refused by {name} ({field}: {relation})",
            refused=other.name,
        )

    def _upgradable_dependencies(self) -> dict[str, list[tuple[Version, str, Clause]]]:
        """Return the installed packages' dependencies that only packages which may be upgraded answer."""
        found: defaultdict[str, list[tuple[Version, str, Clause]]] = defaultdict(list)
        if not any(version.literal for version in self._universe.installed):
            return found
        for version in self._universe.installed:
            for field, attribute in _FIELDS:
                for clause in parse_relations(getattr(version.package, attribute)):
                    answers = [
                        answer
                        for relation in clause
                        for answer in self._universe.answering(relation, version.architecture)
                        if answer.is_installed
                    ]
                    # What nothing answers is broken before anything is done, and stays as it is.
                    if all(answer.literal for answer in answers):
                        for name in {answer.name for answer in answers}:
                            found[name].append((version, field, clause))
        return found

    def _write_leaning(self, version: Version) -> None:
        """Write down what the upgrade of a package leaves to be answered for others that stay."""
        for other, field, clause in self._leaning.get(version.name, ()):
            if other.literal:
                upgrade = self._universe.candidate(other.name)
                if upgrade is not None:
                    self._ask(upgrade)
            self._write_dependency(other, field, clause)


def _by_refused_name(
    installed: Iterable[Version],
) -> dict[str, list[tuple[Version, str, Relation]]]:
    found: defaultdict[str, list[tuple[Version, str, Relation]]] = defaultdict(list)
    for version in installed:
        for field, relation in _refusals(version):
            found[relation.name].append((version, field, relation))
    return found


def _refusals(version: Version) -> Iterator[tuple[str, Relation]]:
    for field, attribute in _REFUSALS:
        text = getattr(version.package, attribute)
        if text:
            yield from ((field, clause[0]) for clause in parse_relations(text))


def _outdated_by_source(universe: Universe) -> dict[tuple[str, str], list[Version]]:
    found: defaultdict[tuple[str, str], list[Version]] = defaultdict(list)
    for version in universe.installed:
        candidate = universe.candidate(version.name) if version.literal else None
        if candidate is not None and isinstance(candidate.package, ArchivePackage):
            found[candidate.package.built_from].append(candidate)
    return found

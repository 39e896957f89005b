"""Which installed packages answer one another's dependencies."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property

from fleet_audit.audit.apt.debian.packages import is_answered_by, is_provided
from fleet_audit.audit.apt.debian.relations import Clause, Relation, parse_relations
from fleet_audit.audit.apt.installed.state import InstalledRecord
from fleet_audit.audit.model.identity import PackageName

Answers = tuple[PackageName, ...]
"""The installed packages any of which answers one dependency, in the order of the field."""


class Dependencies:
    """The packages of an image's own architecture, and what each depends on (Depends and Pre-Depends).

    A dependency that nothing installed answers is broken already, and left out. Packages of foreign
    architectures are only known as `wanted_by_foreign`: what they depend on.
    """

    def __init__(self, records: Iterable[InstalledRecord]) -> None:
        """Take what is installed."""
        every = tuple(records)
        own = _own_architecture(every)
        self.records: dict[PackageName, InstalledRecord] = {
            record.name: record for record in every if record.package.architecture in (own, "all", "")
        }
        self._foreign = [r for r in every if r.package.architecture not in (own, "all", "")]
        self._provisions: defaultdict[str, list[tuple[PackageName, Relation]]] = defaultdict(list)
        for name, record in sorted(self.records.items()):
            for clause in parse_relations(record.provides):
                self._provisions[clause[0].name].append((name, clause[0]))
        self._answers: dict[PackageName, tuple[Answers, ...]] = {}

    def __contains__(self, name: str) -> bool:
        """Say whether a package of this name is installed for the image's own architecture."""
        return name in self.records

    def of(self, name: PackageName) -> tuple[Answers, ...]:
        """Return what answers each dependency of a package; one that it answers itself is left out."""
        if name not in self._answers:
            record = self.records[name]
            found = (self.answering(clause) for clause in _clauses(record))
            self._answers[name] = tuple(answers for answers in found if answers and name not in answers)
        return self._answers[name]

    def answering(self, clause: Clause) -> Answers:
        """Return the installed packages that answer a clause."""
        return tuple(dict.fromkeys(name for relation in clause for name in self._answering(relation)))

    def recommended(self, name: PackageName) -> frozenset[PackageName]:
        """Return the installed packages that a package recommends."""
        clauses = parse_relations(self.records[name].recommends)
        return frozenset(each for clause in clauses for each in self.answering(clause))

    def reach(
        self,
        starts: Iterable[PackageName],
        within: Collection[PackageName],
        *,
        with_recommended: bool = False,
    ) -> dict[PackageName, PackageName]:
        """Return what comes when `starts` are installed and only `within` is there, each with its start.

        Of several answers the first that is there comes, as apt takes them in the order of the field; what is
        recommended comes only `with_recommended`. Starts lead to themselves; of several that lead to one
        package, the nearest counts, then the first by name.
        """
        found: dict[PackageName, PackageName] = {}
        level = [(start, start) for start in sorted(set(starts))]
        while level:
            following: list[tuple[PackageName, PackageName]] = []
            for name, start in level:
                if name in found or name not in within:
                    continue
                found[name] = start
                following += [(each, start) for each in self.chosen(name, within)]
                if with_recommended:
                    following += [(each, start) for each in sorted(self.recommended(name))]
            level = following
        return found

    @cached_property
    def wanted_by_foreign(self) -> frozenset[PackageName]:
        """Return the packages that those of foreign architectures depend on."""
        clauses = (clause for record in self._foreign for clause in _clauses(record))
        return frozenset(name for clause in clauses for name in self.answering(clause))

    def chosen(self, name: PackageName, within: Collection[PackageName]) -> Iterator[PackageName]:
        """Yield what a package's dependencies bring where only `within` is there: of several, the first."""
        for answers in self.of(name):
            first = next((answer for answer in answers if answer in within), None)
            if first is not None:
                yield first

    def _answering(self, relation: Relation) -> Iterator[PackageName]:
        own = self.records.get(PackageName(relation.name))
        if own is not None and is_answered_by(relation, own.version):
            yield own.name
        for name, provision in self._provisions.get(relation.name, ()):
            if is_provided(relation, provision):
                yield name


def _clauses(record: InstalledRecord) -> Iterator[Clause]:
    yield from parse_relations(record.pre_depends)
    yield from parse_relations(record.depends)


def _own_architecture(records: Iterable[InstalledRecord]) -> str:
    """Return dpkg's own architecture; that of most packages where dpkg is not among them."""
    architectures: Counter[str] = Counter()
    for record in records:
        if record.name == "dpkg":
            return record.package.architecture
        if record.package.architecture not in ("all", ""):
            architectures[record.package.architecture] += 1
    return min(architectures, key=lambda name: (-architectures[name], name), default="")

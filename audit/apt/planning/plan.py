"""Which packages supply what is missing: the smallest addition with its proof, and what apt alone would take.

The packages that ship the missing names are what to type; the rest follows from their dependencies. Where
dependencies leave a choice, the cheapest one is found exactly (`choice`), and as few further names as
possible are typed so that apt makes the same choice (`steering`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from fleet_audit.audit.apt.archive.index import ArchiveIndex
from fleet_audit.audit.apt.installed.preferences import Preferences
from fleet_audit.audit.apt.installed.state import InstalledState
from fleet_audit.audit.apt.planning.apt_model import Apt
from fleet_audit.audit.apt.planning.certificate import Certificate
from fleet_audit.audit.apt.planning.choice import Blemishes, Choice, Chooser, nothing_is_named
from fleet_audit.audit.apt.planning.clauses import Clauses
from fleet_audit.audit.apt.planning.drafting import Draft, suppliers
from fleet_audit.audit.apt.planning.greedy import Options, first_come
from fleet_audit.audit.apt.planning.steering import steering
from fleet_audit.audit.apt.planning.universe import Universe
from fleet_audit.audit.apt.planning.wants import Providers, Wanted
from fleet_audit.audit.apt.solving.problem import SolverGaveUp
from fleet_audit.audit.model.apt import AptPlan, OtherPlan, Unsatisfied

LEAST_SAVING = 1 << 20
"""Below one MiB a smaller addition is not worth a further name, which people have to read and keep."""

_VULNERABILITIES, _TO_AVOID, _INSTALLED, _DOWNLOAD, _PACKAGES = range(5)


class Terms(msgspec.Struct, frozen=True):
    """What a plan has to respect beside what is wanted.

    `prefer` (need to package) and `avoid` (need to packages) say who should supply a need. What
    `is_forbidden` holds for never comes, not even as a dependency. `blemishes` say what else speaks against
    a package, as a dependency too; `preferences` are the image's own pins. A smaller addition that apt has to
    be told by further names is proposed where it saves `least_saving` bytes. The search may take
    `search_seconds`; real ones take hundredths.
    """

    prefer: Mapping[str, str] = {}
    avoid: Mapping[str, Collection[str]] = {}
    is_forbidden: Callable[[str], bool] = nothing_is_named
    blemishes: Blemishes = Blemishes()
    preferences: Preferences = Preferences()
    least_saving: int = LEAST_SAVING
    search_seconds: float = 5.0

    def refusal(self, name: str, version: str) -> str:
        """Return why a version of a package must not come; empty where it may."""
        if self.is_forbidden(name):
            return "must not be installed into an image"
        pinned = self.preferences.refusal(name, version)
        return f"is pinned away by {pinned}" if pinned else ""


def propose(
    wanted: Iterable[Wanted],
    state: InstalledState,
    index: ArchiveIndex,
    terms: Terms = Terms(),  # noqa: B008  (a frozen value)
) -> AptPlan:
    """Return what to add to an image with this `state` so that everything `wanted` is supplied.

    Of all additions it is the one with the fewest vulnerabilities that are known, then the fewest packages
    to avoid, the least growth in bytes, the least download, the fewest packages. Each root that is not
    `steering` ships, or provides, at least one thing that is wanted. What nobody ships, and what cannot be
    installed beside the rest, is `unsatisfied` and no part of the plan.
    """
    return _Planner(state, index, terms).plan(sorted(set(wanted), key=lambda item: item.need))


class _Planner:
    def __init__(self, state: InstalledState, index: ArchiveIndex, terms: Terms) -> None:
        self._index = index
        self._terms = terms
        self._universe = Universe(index.packages, state.records, index.architecture, terms.refusal)
        self._apt = Apt(index.packages, self._universe, state)
        self._draft = Draft(index.packages, self._universe)

    def plan(self, wanted: Sequence[Wanted]) -> AptPlan:
        providers = Providers(self._index, self._terms.prefer, self._terms.avoid)
        offered = {item: providers.of(item) for item in wanted}
        options = {item: self._possible(names) for item, names in offered.items()}
        absent = [
            Unsatisfied(item.need, providers.absence(item, offered[item], self._universe))
            for item in wanted
            if not options[item]
        ]
        plan = self._supplying({item.need: names for item, names in options.items() if names})
        unsatisfied = sorted({*absent, *plan.unsatisfied}, key=lambda item: (item.need, item.verdict))
        return msgspec.structs.replace(plan, snapshot=self._index.snapshot, unsatisfied=tuple(unsatisfied))

    def _possible(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if self._universe.candidate(name) is not None)

    def _supplying(self, options: Options) -> AptPlan:
        clauses = Clauses(self._universe, upgrades_by_source=self._apt.upgrades_by_source)
        chooser = Chooser(self._universe, clauses, options, self._terms.blemishes)
        try:
            choice = chooser.cheapest(seconds=self._terms.search_seconds)
        except SolverGaveUp as e:
            return self._unproved(options, str(e))
        plan = self._weighed(choice, options)
        proposed = frozenset(package.name for package in plan.packages)
        others = tuple(self._others(chooser, choice, options, proposed)) if choice.searched else ()
        missed = tuple(Unsatisfied(need, why) for need, why in choice.missed)
        return msgspec.structs.replace(plan, others=(*plan.others, *others), unsatisfied=missed)

    def _weighed(self, choice: Choice, options: Options) -> AptPlan:
        """Return the smallest addition, or what apt would take by itself where that costs hardly more."""
        names = self._names(choice)
        typed = suppliers(options, names)
        roots = frozenset(typed.values())
        default = self._apt.follow(roots)
        proof = Certificate(choice, self._universe)
        extra = steering(roots, names, default, proof.rivals(), self._apt.brings)
        if extra == ():
            return self._proved(choice, proof, typed, ())
        if default is None:
            return self._proved(choice, proof, typed, sorted(names - roots) if extra is None else extra)
        saved = self._draft.bytes_of(default) - self._draft.bytes_of(names)
        if extra is None:
            why = "apt does not choose it, whatever is named"
            return self._by_default(roots, typed, self._draft.other(names, names, why))
        if saved < self._terms.least_saving and not self._is_sounder(names, default):
            why = (
                f"it is {_size(saved)} smaller, and {_count(len(extra), 'more name')} would have to be typed"
            )
            return self._by_default(roots, typed, self._draft.other(names, {*roots, *extra}, why))
        beside = self._draft.other(default, roots, f"it is {_size(saved)} larger")
        return msgspec.structs.replace(self._proved(choice, proof, typed, extra), apt_default=beside)

    def _is_sounder(self, names: Iterable[str], default: Iterable[str]) -> bool:
        return self._terms.blemishes.of(names) < self._terms.blemishes.of(default)

    def _proved(
        self, choice: Choice, proof: Certificate, typed: Mapping[str, str], extra: Sequence[str]
    ) -> AptPlan:
        plan = self._draft.plan(self._names(choice), typed, extra, proof.chains())
        if plan.is_empty:
            return plan
        return msgspec.structs.replace(
            plan, is_optimal=True, certificate=_certificate(choice, proof), steps=proof.steps()
        )

    def _by_default(self, roots: Iterable[str], typed: Mapping[str, str], smallest: OtherPlan) -> AptPlan:
        complete = self._apt.closure(roots)
        chains = {str(name): complete.chain_to(name) for name in complete.names}
        plan = self._draft.plan(map(str, complete.names), typed, (), chains)
        certificate = f"the smallest addition is not proposed: {smallest.why_not}"
        return msgspec.structs.replace(plan, certificate=certificate, others=(smallest,))

    def _unproved(self, options: Options, why: str) -> AptPlan:
        typed, left_out = first_come(options, self._apt)
        complete = self._apt.closure(typed.values())
        chains = {str(name): complete.chain_to(name) for name in complete.names}
        plan = self._draft.plan(map(str, complete.names), typed, (), chains)
        unsatisfied = tuple(Unsatisfied(need, reason) for need, reason in left_out)
        return msgspec.structs.replace(plan, certificate=why, unsatisfied=unsatisfied)

    def _others(
        self, chooser: Chooser, choice: Choice, options: Options, proposed: frozenset[str]
    ) -> Iterator[OtherPlan]:
        """Yield what would be the best plan if another measure came first, held against what is proposed."""
        seen = {self._names(choice), proposed}
        for measure in (_DOWNLOAD, _PACKAGES):
            rest = [level for level in (_INSTALLED, _DOWNLOAD, _PACKAGES) if level != measure]
            order = (_VULNERABILITIES, _TO_AVOID, measure, *rest)
            try:
                chosen = chooser.cheapest(order, seconds=self._terms.search_seconds)
            except SolverGaveUp:
                continue
            other = self._names(chosen)
            if other in seen or not self._is_worth_telling(proposed, other, measure):
                continue
            roots = frozenset(suppliers(options, other).values())
            rivals = Certificate(chosen, self._universe).rivals()
            extra = steering(roots, other, self._apt.follow(roots), rivals, self._apt.brings)
            if extra is not None:
                yield self._draft.other(other, {*roots, *extra}, self._comparison(proposed, other, measure))
            seen.add(other)

    def _is_worth_telling(self, names: frozenset[str], other: frozenset[str], measure: int) -> bool:
        if measure == _PACKAGES:
            return len(other) < len(names)
        less = self._draft.download_of(names) - self._draft.download_of(other)
        return less > 0 and less >= self._terms.least_saving

    def _comparison(self, names: frozenset[str], other: frozenset[str], measure: int) -> str:
        more = self._draft.bytes_of(other) - self._draft.bytes_of(names)
        size = f"{_size(more)} more" if more >= 0 else f"{_size(-more)} less"
        if measure == _PACKAGES:
            return f"it has {_count(len(names) - len(other), 'package')} less, and takes {size}"
        less = self._draft.download_of(names) - self._draft.download_of(other)
        return f"its download is {_size(less)} smaller, and it takes {size}"

    def _names(self, choice: Choice) -> frozenset[str]:
        return frozenset(map(self._universe.name, choice.chosen))


def _certificate(choice: Choice, proof: Certificate) -> str:
    count, chosen = len(choice.chosen), len(proof.choices())
    if not chosen:
        return f"{_count(count, 'package')}, for each of which there is no alternative"
    return (
        f"{count - chosen} of {_count(count, 'package')} follow without a choice; "
        f"the rest is the cheapest choice among {choice.searched}, by exact search"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if abs(number) >= 10**5 else f"{number / 1e3:.1f} kB"

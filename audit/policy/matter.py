"""What a finding is about, in the words by which exceptions name it."""

from collections.abc import Iterator, Mapping

from fleet_audit.audit.model.installs import Install
from fleet_audit.audit.policy.advisory_facts import AdvisoryFacts
from fleet_audit.audit.policy.facts import Facts, ModuleFacts, NeedFacts
from fleet_audit.audit.policy.service_facts import DistributionFacts, OwnModuleFacts, RequirementFacts
from fleet_audit.audit.policy.surplus_facts import SurplusFacts

Matter = tuple[tuple[str, str], ...]


_KEYS: Mapping[type[Facts], tuple[str, ...]] = {
    AdvisoryFacts: ("package", "purl", "vuln"),
    NeedFacts: ("need",),
    SurplusFacts: ("package",),
    DistributionFacts: ("package",),
    RequirementFacts: ("package",),
    Install: ("package",),
    ModuleFacts: ("module",),
    OwnModuleFacts: ("module",),
}
"""What `_names` may yield of facts of a type."""


def matter_of(facts: Facts) -> Matter:
    """Return what these facts are about as sorted pairs of a key and one value; a key may occur often.

    Keys are ``vuln`` (the id and each alias), ``purl`` (canonical, with its version), ``package``, ``need``
    (``so:libGL.so.1``), ``module``, ``service`` and ``path``.
    """
    pairs = {*_names(facts), *(("service", name) for name in facts.services)}
    path = getattr(facts, "path", "")
    if path and not isinstance(facts, NeedFacts):  # there it lies in the image
        pairs.add(("path", path))
    return tuple(sorted(pairs))


def keys_of(kind: type[Facts]) -> frozenset[str]:
    """Return the keys that facts of a type may be named by."""
    has_path = "path" in kind.__struct_fields__ and kind is not NeedFacts
    return frozenset({"service", *_KEYS.get(kind, ()), *(("path",) if has_path else ())})


def _names(facts: Facts) -> Iterator[tuple[str, str]]:
    match facts:
        case AdvisoryFacts():
            yield "package", facts.package
            yield from (("vuln", name) for name in (facts.id, *facts.aliases))
            yield from (("purl", purl) for purl in facts.affected)
        case NeedFacts():
            yield "need", facts.subject
        case SurplusFacts() | DistributionFacts() | RequirementFacts() | Install():
            yield "package", facts.name
        case ModuleFacts() | OwnModuleFacts():
            yield "module", facts.name
        case _:
            return

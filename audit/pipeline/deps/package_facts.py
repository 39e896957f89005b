"""What a report knows of one package: why it is planned, step by step, or that nothing needs it."""

from collections.abc import Iterable, Iterator

from fleet_audit.audit.apt.surplus.dependencies import Dependencies
from fleet_audit.audit.model.apt import AptPlan, PlannedPackage, Step, Surplus
from fleet_audit.audit.model.identity import PackageName
from fleet_audit.audit.model.report import DepsReport
from fleet_audit.audit.pipeline.surplus.in_use import PackageUse

Fact = tuple[str, str]

_MAX_NAMED = 8


def package_facts(name: str, report: DepsReport) -> Iterator[Fact]:
    """Yield pairs of a label and a text on a package that is planned, or installed and surplus.

    The steps that force a planned one can be checked by hand: each has the need or the clause of a control
    file that it rests on, and why nothing else would do.
    """
    for package in report.proposal.packages:
        if package.name == name:
            yield _planned(package)
            yield from _certificate(package.because[1:], report.proposal)
            yield from _for_apt(package, report.proposal)
    for surplus in report.surplus:
        if surplus.package == name:
            yield from _surplus(surplus, report.surplus)


def supply_facts(need: str, plan: AptPlan) -> Iterator[Fact]:
    """Yield what a plan says to one need: the packages that answer it, and other ways to meet it."""
    for package in plan.packages:
        if need in package.supplies:
            yield _planned(package)
            yield from _certificate((package.name,), plan)
    if (share := plan.inherited().get(need)) is not None:
        yield "comes with", f"the addition to {share.family}: {', '.join(share.needs[need])}"
    for remedy in plan.remedies:
        if need in remedy.needs:
            yield "another way", f"{remedy.action}: {remedy.change}" if remedy.change else remedy.action


def is_installed(name: str, use: PackageUse | None) -> bool:
    """Say whether an image whose packages were looked at has one of this name."""
    return use is not None and any(record.name == name for record in use.records)


def installed_facts(name: str, use: PackageUse | None) -> Iterator[Fact]:
    """Yield pairs of a label and a text on why an installed package stays, each label once."""
    record = next((each for each in use.records if each.name == name), None) if use is not None else None
    if use is None or record is None:
        return
    yield "installed", f"{name}={record.package.version}"
    came = use.known.brought.get(record.name)
    if came is not None and came.is_inherited:
        yield "inherited from", came.origin
    kept = []
    if came is not None and came.is_base:
        kept.append("it belongs to the image that the lowest Dockerfile starts from")
    if record.package.is_essential or record.is_protected or record.priority == "required":
        kept.append("a system without it is none (Essential, Protected or required)")
    if kept:
        yield "kept", "; ".join(kept)
    if record.name in use.known.needed:
        yield "needed", use.known.needed[record.name]
    else:
        yield from _dependants(record.name, use)


def _dependants(name: PackageName, use: PackageUse) -> Iterator[Fact]:
    """Yield the nearest package that is needed itself, and with which this one comes."""
    needed = use.known.needed
    dependencies = Dependencies(use.records)
    start = dependencies.reach((each for each in needed if each in dependencies), dependencies.records).get(
        name
    )
    if start is not None:
        yield "comes with", f"{start}, which is needed: {needed[start]}"


def _planned(package: PlannedPackage) -> Fact:
    return "proposed", f"{package.name}={package.version}, because {' → '.join(package.because)}"


def _certificate(packages: Iterable[str], plan: AptPlan) -> Iterator[Fact]:
    steps = {str(step.package): step for step in plan.steps}
    for name in packages:
        if name in steps:
            yield from _step(steps[name])


def _step(step: Step) -> Iterator[Fact]:
    yield "chosen" if step.is_choice else "forced", f"{step.package}, by {step.because}"
    if step.excluded:
        yield "not instead", "; ".join(step.excluded)


def _for_apt(package: PlannedPackage, plan: AptPlan) -> Iterator[Fact]:
    pin = f"{package.name}={package.version}"
    if pin in plan.steering:
        yield "is named", "so that apt chooses as planned; it answers no need itself"
    if plan.apt_default is not None and pin not in plan.apt_default.packages:
        yield "apt alone", "would not take it"


def _surplus(surplus: Surplus, every: Iterable[Surplus]) -> Iterator[Fact]:
    yield "surplus", f"{surplus.confidence}: {surplus.reason}"
    if surplus.doubt:
        yield "but", surplus.doubt
    yield "installed bytes", str(surplus.installed_bytes)
    place = surplus.dockerfile or surplus.created_by
    how = "inherited from" if surplus.is_inherited else "brought by"
    yield how, f"{surplus.origin}, {place}" if place else surplus.origin
    if surplus.goes_with:
        yield "goes with", surplus.goes_with
    if surplus.built_with:
        yield "used by the build", surplus.built_with
    if surplus.instead:
        yield "to name instead", ", ".join(surplus.instead)
    if followers := sorted(each.package for each in every if each.goes_with == surplus.package):
        more = len(followers) - _MAX_NAMED
        yield (
            "lets go",
            ", ".join(followers[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else ""),
        )

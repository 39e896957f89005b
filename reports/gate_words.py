"""What the answer of ``gate`` comes to, so that no format says otherwise than another."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from fleet_audit.audit.model.finding import Finding, Mode, Severity, Verdict
from fleet_audit.audit.model.gating import Age, GatedImage, GateReport
from fleet_audit.audit.model.location import SourceLocation
from fleet_audit.audit.model.waiver import WaiverAccount
from fleet_audit.reports.options import RenderOptions
from fleet_audit.reports.proposal_words import lines_to_add, places
from fleet_audit.reports.summary import blocking_gaps, place_of
from fleet_audit.reports.terminal import count

MAX_IMAGES = 4
_MAX_REASON = 90
ORDER = (Verdict.FAIL, Verdict.INCOMPLETE, Verdict.PASS)


class Task(msgspec.Struct, frozen=True):
    """One thing to do: what blocks, at a line that can be changed, and the images that it keeps back."""

    rule: str
    severity: Severity
    subject: str
    message: str
    remedy: str
    place: SourceLocation | None
    images: tuple[str, ...]
    related: tuple[SourceLocation, ...] = ()


class Addition(msgspec.Struct, frozen=True):
    """What to write into a Dockerfile so that an image lacks nothing; `also` are further Dockerfiles."""

    image: str
    place: str
    lines: tuple[str, ...]
    also: tuple[str, ...] = ()


class DryRun(msgspec.Struct, frozen=True):
    """How many images and services a rule in dry run would keep back."""

    rule: str
    images: int
    services: int


class WaiverWord(msgspec.Struct, frozen=True):
    """A waiver, what became of it, and the images that it concerns."""

    account: WaiverAccount
    images: tuple[str, ...]
    findings: int = 0


class WaiverWords(msgspec.Struct, frozen=True):
    """The waivers of all images of a gate, each tuple in order of their ids."""

    applied: tuple[WaiverWord, ...] = ()
    expiring: tuple[WaiverWord, ...] = ()
    expired: tuple[WaiverWord, ...] = ()
    unused: tuple[WaiverWord, ...] = ()
    pending: tuple[WaiverWord, ...] = ()


class Excuse(msgspec.Struct, frozen=True):
    """What the manifest or comments in source waive of one rule, for one reason: no day ends it."""

    rule: str
    reason: str
    in_source: bool
    images: tuple[str, ...]
    findings: int


def in_order(images: Iterable[GatedImage]) -> list[GatedImage]:
    """Return images with those first that may not be released."""
    return sorted(images, key=lambda image: ORDER.index(image.verdict))


def reason(image: GatedImage) -> str:
    """Say in one line why an image has its verdict."""
    if image.verdict is Verdict.FAIL:
        rules = Counter(finding.rule for finding in image.blocking)
        named = (f"{rule} ×{number}" if number > 1 else rule for rule, number in sorted(rules.items()))
        blocks = "finding blocks" if len(image.blocking) == 1 else "findings block"
        return f"{len(image.blocking)} {blocks}: {', '.join(named)}"
    if image.verdict is Verdict.INCOMPLETE:
        gaps = blocking_gaps(image.gaps)
        more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
        what = "" if gaps[0].what == image.subject else f"{gaps[0].what}: "
        return f"not examined: {what}{_beginning(gaps[0].why)}{more}"
    return "nothing blocks" if image.comparison is None else "nothing new blocks"


def _beginning(why: str) -> str:
    """Return the first part of a reason: the whole of it stands among the gaps."""
    first = why.partition(";")[0]
    return first if len(first) <= _MAX_REASON else f"{first[:_MAX_REASON]}…"


def summary(report: GateReport) -> str:
    """Say how many images got which verdict."""
    counts = Counter(image.verdict for image in report.images)
    parts = [f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict]]
    return f"{len(report.images)} judged: {', '.join(parts)}" if parts else "nothing was judged"


def coverage(report: GateReport) -> str:
    """Say how many of all images were judged; empty where none was left out."""
    if not report.absent:
        return ""
    judged = len(report.images)
    return f"{judged} of {judged + len(report.absent)} images are there and were judged"


def tasks(report: GateReport, options: RenderOptions) -> tuple[Task, ...]:
    """Return what blocks, the gravest first; what blocks several images alike once."""
    found: dict[tuple[object, ...], tuple[Finding, list[str]]] = {}
    for image in report.images:
        for finding in image.blocking:
            place = place_of(finding, options.manifest)
            key = (finding.rule, finding.subject, finding.message, finding.remedy, place)
            found.setdefault(key, (finding, []))[1].append(image.subject)
    made = (_task(finding, images, options) for finding, images in found.values())
    return tuple(
        sorted(made, key=lambda task: (-task.severity.rank, task.rule, str(task.place), task.subject))
    )


def _task(finding: Finding, images: Sequence[str], options: RenderOptions) -> Task:
    return Task(
        rule=finding.rule,
        severity=finding.severity,
        subject=finding.subject,
        message=finding.message,
        remedy=finding.remedy,
        place=place_of(finding, options.manifest),
        images=tuple(images),
        related=finding.related,
    )


def additions(report: GateReport) -> tuple[Addition, ...]:
    """Return the text that mends what images lack, for those that are kept back for want of something."""
    return tuple(filter(None, (_addition(image) for image in report.images)))


def _addition(image: GatedImage) -> Addition | None:
    plan = image.audit.proposal
    supplied = {supply for package in plan.packages for supply in package.supplies}
    lines = tuple(lines_to_add(plan))
    if not lines or supplied.isdisjoint(finding.subject for finding in image.blocking):
        return None
    files = [str(each.dockerfile) for each in places(plan.placement) if each.dockerfile is not None]
    return Addition(image.subject, files[0] if files else "", lines, tuple(files[1:]))


def of_age(report: GateReport, age: Age) -> tuple[tuple[GatedImage, Finding], ...]:
    """Return the findings that a baseline excuses for one reason, with their images."""
    return tuple((i, f) for i in report.images for f in i.excused if i.age(f) is age)


def waiver_words(report: GateReport) -> WaiverWords:
    """Return the waivers of all images, each once."""
    words = WaiverWords(
        **{name: tuple(_waivers(report, name)) for name in WaiverWords.__struct_fields__},
    )
    told = {word.account.waiver.id for word in words.unused}
    idle = (WaiverWord(each, ()) for each in report.idle if each.waiver.id not in told)
    return msgspec.structs.replace(words, unused=(*words.unused, *idle))


def excuses(report: GateReport) -> tuple[Excuse, ...]:
    """Return what is waived without a waiver, in order of rules."""
    images: defaultdict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for image in report.images:
        for finding in image.findings:
            if finding.waiver is not None and not finding.waived_by:
                images[finding.rule, finding.waiver, finding.is_waived_in_source].append(image.subject)
    return tuple(Excuse(*key, tuple(dict.fromkeys(images[key])), len(images[key])) for key in sorted(images))


def extent(word: WaiverWord | Excuse) -> str:
    """Say of how many findings and of which images a waiver is."""
    if not word.images:
        return "it names nothing of any image"
    return f"{count(word.findings, 'finding')} of {some(word.images)}"


def some(images: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(images) - MAX_IMAGES} more" if len(images) > MAX_IMAGES else ""
    return ", ".join(images[:MAX_IMAGES]) + more


def _waivers(report: GateReport, state: str) -> Iterator[WaiverWord]:
    found: dict[str, tuple[WaiverAccount, list[str], int]] = {}
    for image in report.images:
        for account in getattr(image.audit.waivers, state):
            first, images, findings = found.get(account.waiver.id, (account, [], 0))
            images.append(image.subject)
            found[account.waiver.id] = (first, images, findings + len(account.findings))
    for _, (account, images, findings) in sorted(found.items()):
        yield WaiverWord(account, tuple(images), findings)


def dry_run_rules(report: GateReport) -> tuple[DryRun, ...]:
    """Return the rules in dry run that would block otherwise, in order of ids."""
    images: defaultdict[str, set[str]] = defaultdict(set)
    services: defaultdict[str, set[str]] = defaultdict(set)
    for image in report.images:
        for finding in filter(_would_block, image.findings):
            named = {value for key, value in finding.matter if key == "service"}
            images[finding.rule].add(image.subject)
            services[finding.rule] |= named or set(image.audit.services)
    return tuple(DryRun(rule, len(images[rule]), len(services[rule])) for rule in sorted(images))


def dry_run_words(row: DryRun, report: GateReport) -> str:
    """Say what a rule in dry run would keep back."""
    services = {name for image in report.images for name in image.audit.services}
    of_services = f" and {row.services} of {count(len(services), 'service')}" if services else ""
    return f"would block {row.images} of {count(len(report.images), 'image')}{of_services}"


def _would_block(finding: Finding) -> bool:
    is_grave = finding.severity.rank >= Severity.ERROR.rank
    return is_grave and finding.mode is Mode.DRY_RUN and finding.waiver is None


def fields_of_counts(findings: Sequence[Finding]) -> dict[str, dict[str, int]]:
    """Return how many findings there are by mode and severity, waived ones apart; zeroes included."""
    by: dict[str, Counter[str]] = {str(mode): Counter() for mode in Mode if mode is not Mode.OFF}
    by["waived"] = Counter()
    for finding in findings:
        group = "waived" if finding.waiver is not None else str(finding.mode)
        by[group][str(finding.severity)] += 1
    return {group: {str(s): counts[str(s)] for s in reversed(Severity)} for group, counts in by.items()}

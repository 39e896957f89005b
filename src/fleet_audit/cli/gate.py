"""``fleet-audit gate``: which images may be released, and what keeps the others from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fleet_audit.audit.errors import FleetAuditError, UsageError
from fleet_audit.cli.advisory_options import Lists, lists_options, max_age_option
from fleet_audit.cli.ending import exit_code
from fleet_audit.cli.manifest import find_fleet, need_fleet
from fleet_audit.cli.options import Common, common
from fleet_audit.cli.output import check_writable, parse_outputs, write
from fleet_audit.cli.policies import policy_option, rules_option, waivers_option
from fleet_audit.cli.recording import audits_place, history_option, history_place, record_in
from fleet_audit.cli.scanners import program_option, timeout_option, trivy_caches_option
from fleet_audit.cli.subjects import all_meant

if TYPE_CHECKING:
    from fleet_audit.audit.model.audit import AuditReport
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.gating import GatedImage, GateReport
    from fleet_audit.audit.pipeline.audits.attesting import Attesting
    from fleet_audit.audit.pipeline.audits.auditing import Scanners
    from fleet_audit.audit.pipeline.audits.gating import Kept
    from fleet_audit.audit.pipeline.run.shared import Shared
    from fleet_audit.audit.pipeline.run.subject import Subject

FORMATS = ("text", "json", "markdown", "sarif", "junit")


class Asked(msgspec.Struct, frozen=True):
    """What a gate is to be about. `is_stored` where no image is to be read."""

    words: tuple[str, ...]
    image: str | None
    is_built: bool
    is_all: bool
    is_stored: bool


class Chosen(msgspec.Struct, frozen=True):
    """The subjects of a gate, and those left out as they are not there; `is_whole` where it is the fleet."""

    subjects: "tuple[Subject, ...]"
    absent: tuple[str, ...] = ()
    is_whole: bool = False


@click.command("gate")
@click.argument("words", nargs=-1, metavar="[FAMILY|SERVICE|IMAGE]...")
@click.option("--image", metavar="REF", help="Audit this image, in place of the manifest's.")
@click.option("--built", is_flag=True, help="Every family and service whose image is built.")
@click.option("--all", "every", is_flag=True, help="Every family and service with an image, and the fleet.")
@click.option(
    "--audits",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the full audits are stored (default: the manifest's `audits`).",
)
@click.option("--stored", is_flag=True, help="Judge the newest stored audits again; read no image.")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Stored audits to compare with: only what is new blocks.",
)
@click.option(
    "--attest",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="On pass, write a verification summary (in-toto, SLSA) of each image here.",
)
@click.option("--verifier", default="", metavar="URI", help="Who attests (default: fleet-audit itself).")
@click.option("--sign", is_flag=True, help="Have cosign sign each of them, keyless.")
@click.option("--sign-key", default="", metavar="KEY", help="Have cosign sign them with this key or KMS URI.")
@waivers_option
@history_option
@policy_option
@rules_option
@program_option("syft")
@program_option("trivy")
@trivy_caches_option
@max_age_option
@lists_options
@timeout_option
@common
def command(  # noqa: PLR0913  (each is an option of the command)
    *,
    words: tuple[str, ...],
    image: str | None,
    built: bool,
    every: bool,
    audits: Path | None,
    stored: bool,
    baseline: Path | None,
    attest: Path | None,
    verifier: str,
    sign: bool,
    sign_key: str,
    waivers: tuple[Path, ...],
    history: Path | None,
    policy: str,
    rules: tuple[Path, ...],
    syft: str,
    trivy: str,
    db: Path | None,
    max_db_age: int,
    lists: Lists,
    scanner_timeout: float,
    common: Common,
) -> int:
    """Say whether images may be released: by every check, one policy, and exceptions that end.

    Exit code 1 where a finding blocks, 3 where something could not be looked at, so where an image that was
    named is not built. With --baseline only what is new blocks. Statements are written on pass alone.

    Formats: text, json, markdown, sarif, junit.
    """
    outputs = parse_outputs(common.output, FORMATS)
    check_writable(outputs)
    asked = Asked(words, image, built, every, stored)
    _check_words(asked)
    if attest is not None and baseline is not None:
        raise UsageError("--attest is for releases, where everything counts; leave out --baseline")

    from fleet_audit.audit.model.finding import Verdict  # noqa: PLC0415  (not for --help)
    from fleet_audit.audit.model.gating import GateReport  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.audits.auditing import Scanners  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.audits.gating import (  # noqa: PLC0415  (the same)
        gate,
        idle_waivers,
        kept_audits,
        law_of,
        with_age,
    )
    from fleet_audit.audit.pipeline.run.shared import Shared  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.scanners.syft_answers import SyftOptions  # noqa: PLC0415  (the same)
    from fleet_audit.audit.pipeline.scanners.trivy_answers import TrivyOptions  # noqa: PLC0415  (the same)
    from fleet_audit.cli.rendering import renderer  # noqa: PLC0415  (the same)

    fleet = find_fleet(common)
    keeping = Keeping(audits, fleet, is_stored=stored)
    attesting = _attesting(attest, verifier, sign_key, is_signed=sign or bool(sign_key))
    if attesting is not None:
        keeping.need_folder("--attest")
    scanners = Scanners(
        SyftOptions(syft, seconds=scanner_timeout),
        TrivyOptions(program=trivy, caches=db, max_age_days=max_db_age, seconds=scanner_timeout),
        lists.known(),
    )
    base = None if baseline is None else kept_audits(baseline)
    with common.settings(policy=policy, rules=rules) as settings:
        shared = Shared(settings, fleet)
        law = law_of(shared, waivers)
        chosen = _chosen(asked, fleet, keeping.stored)
        if attesting is not None:
            attesting.withdraw(subject.name for subject in chosen.subjects)
        found = (
            (with_age(audit, law.today, max_db_age) for audit in keeping.audits(chosen, fleet))
            if stored
            else _audited(chosen, shared, scanners)
        )
        images = tuple(map(keeping.kept, gate(found, law, base)))
    gaps = (*keeping.stored.refused, *(() if base is None else base.refused))
    report = GateReport(
        subject=", ".join(image.subject for image in images),
        gaps=law.rules.settled(gaps),
        policy=law.rules.summary(),
        images=images,
        absent=chosen.absent,
        idle=idle_waivers(images, law) if chosen.is_whole else (),
    )
    write(outputs, renderer(GateReport, [report], common, fleet))
    failure = keeping.failure or _recorded(report, asked, history, fleet, settings.created)
    if failure is not None:
        raise failure
    if attesting is not None and report.verdict is Verdict.PASS:
        attesting.attest((image for image in images if image.audit.image is not None), settings.created)
    return exit_code([report])


def _recorded(
    report: "GateReport", asked: Asked, history: Path | None, fleet: "Fleet | None", now: str
) -> FleetAuditError | None:
    """Record the audits in the history; return why that could not be done.

    One that was judged again saw nothing new, and the manifest's history is of the manifest's images.
    """
    if asked.is_stored:
        return None
    place = history_place(history, fleet if asked.image is None else None)
    return record_in(place, (image.audit for image in report.images), now)


def _attesting(folder: Path | None, verifier: str, key: str, *, is_signed: bool) -> "Attesting | None":
    if folder is None:
        if verifier or is_signed:
            raise UsageError("--verifier, --sign and --sign-key need --attest DIR")
        return None
    from fleet_audit.audit.pipeline.audits.attesting import Attesting, find_signing  # noqa: PLC0415  (not for --help)

    return Attesting(folder, verifier=verifier, signing=find_signing(key) if is_signed else None)


def _check_words(asked: Asked) -> None:
    if asked.is_built and asked.is_all:
        raise UsageError("--built and --all contradict each other; give one of them")
    if (asked.is_built or asked.is_all) and (asked.words or asked.image):
        raise UsageError("--built and --all choose the images; leave out names and --image")
    if not (asked.words or asked.image or asked.is_built or asked.is_all):
        raise UsageError("name a family, a service or an image, or give --built or --all")
    if asked.is_stored and asked.image is not None:
        raise UsageError("--stored reads no image; leave out --image, or --stored")


class Keeping:
    """Where audits are stored. `failure` is why one could not be; the answer is written all the same."""

    def __init__(self, folder: Path | None, fleet: "Fleet | None", *, is_stored: bool) -> None:
        """Take ``--audits``, and the manifest whose `audits` hold without it.

        Raises UsageError where audits are to be read and no folder is named.
        """
        from fleet_audit.audit.pipeline.audits.gating import Kept, kept_audits  # noqa: PLC0415  (not for --help)

        self._folder = audits_place(folder, fleet)
        if is_stored and self._folder is None:
            raise UsageError("--stored: no folder of audits is named; pass --audits DIR")
        self._is_stored = is_stored
        self.stored: Kept = kept_audits(self._folder) if is_stored and self._folder is not None else Kept()
        self.failure: FleetAuditError | None = None

    def need_folder(self, option: str) -> None:
        """Raise UsageError where nothing says where audits are stored."""
        if self._folder is None:
            raise UsageError(
                f"{option} rests on stored audits; pass --audits DIR, or name `audits` in the manifest"
            )

    def audits(self, chosen: Chosen, fleet: "Fleet | None") -> "Iterator[AuditReport]":
        """Yield the newest stored audit of each subject; where there is none, one that says so."""
        from fleet_audit.audit.pipeline.audits.gating import fleet_subject, stored_audit_of  # noqa: PLC0415  (not for --help)

        names = [subject.name for subject in chosen.subjects]
        if chosen.is_whole and fleet is not None:
            names.append(fleet_subject(fleet, names))
        yield from (stored_audit_of(name, self.stored, str(self._folder)) for name in names)

    def kept(self, image: "GatedImage") -> "GatedImage":
        """Store an image's audit as it is judged, unless it was read from there; say where it is."""
        if self._folder is None:
            return image
        from fleet_audit.audit.pipeline.audits.stored import AuditsUnwritable, place_of, store  # noqa: PLC0415  (not for --help)

        try:
            place = (place_of if self._is_stored else store)(image.audit, self._folder)
        except AuditsUnwritable as e:
            self.failure = self.failure or e
            return image
        return msgspec.structs.replace(image, file=str(place) if place.is_file() else "")


def _chosen(asked: Asked, fleet: "Fleet | None", stored: "Kept") -> Chosen:
    from fleet_audit.audit.pipeline.audits.gating import built, images_of  # noqa: PLC0415  (not for --help)

    if not (asked.is_built or asked.is_all):
        return Chosen(tuple(_named(asked, fleet)))
    fleet = need_fleet(fleet)
    subjects = images_of(fleet)
    if not subjects:
        raise UsageError(f"{fleet.file} has no families: there is nothing to judge")
    if asked.is_all:
        return Chosen(tuple(subjects), is_whole=True)
    if asked.is_stored:
        there = [subject for subject in subjects if subject.name in stored.audits]
        what = "has a stored audit"
    else:
        there, what = built(subjects), "is built"
    if not there:
        raise UsageError(
            f"none of the {len(subjects)} images of {fleet.file} {what}: there is nothing to judge; "
            "--all tells of each"
        )
    return Chosen(tuple(there), tuple(_names(subjects, besides=there)))


def _named(asked: Asked, fleet: "Fleet | None") -> "Iterable[Subject]":
    from fleet_audit.audit.pipeline.run.subject import Subject  # noqa: PLC0415  (not for --help)

    if asked.is_stored and fleet is None:
        return [Subject(name=word, image=None) for word in asked.words]
    found = {subject.name: subject for subject in all_meant(asked.words, asked.image, fleet)}
    return found.values()


def _names(subjects: "Iterable[Subject]", *, besides: "Iterable[Subject]") -> Iterator[str]:
    left_out = {subject.name for subject in besides}
    yield from (subject.name for subject in subjects if subject.name not in left_out)


def _audited(chosen: Chosen, shared: "Shared", scanners: "Scanners") -> "Iterator[AuditReport]":
    from fleet_audit.audit.pipeline.audits.gating import all_audits, image_audits  # noqa: PLC0415  (not for --help)

    return (all_audits if chosen.is_whole else image_audits)(chosen.subjects, shared, scanners)

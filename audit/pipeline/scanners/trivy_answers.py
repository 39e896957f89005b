"""What trivy knows of an image or of a list of packages, or why there is no answer that can be used."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from fleet_audit.audit.configuration.kept import kept_or_read
from fleet_audit.audit.configuration.located import File
from fleet_audit.audit.images.open import Image
from fleet_audit.audit.model.advisories import Catalogue
from fleet_audit.audit.model.finding import Gap, GapKind
from fleet_audit.audit.model.inventory import Component, ToolUse
from fleet_audit.audit.pipeline.run.shared import SCANNERS, Shared
from fleet_audit.audit.pipeline.scanners.scanning import SCANS, Scanned, advisories_found, reason
from fleet_audit.audit.sbom.canonical import canonical_purl
from fleet_audit.audit.tools import trivy
from fleet_audit.audit.tools.folder_store import FolderStore
from fleet_audit.audit.tools.process import ToolError
from fleet_audit.audit.tools.scanner import Scanner
from fleet_audit.audit.tools.working_folder import working_folder
from fleet_audit.audit.vulns.asked import askable, trivy_document, unseen_in_images
from fleet_audit.audit.vulns.catalogue import catalogue, joined, not_judged

STAGE = "vulns"
DEFAULT_MAX_AGE_DAYS = 7
"""trivy's own database is made anew every six hours; a week covers holidays of a mirror."""

_MAX_NAMED = 5
_CLOCKS_DIFFER = timedelta(days=1)

Ask = Callable[[Scanner, trivy.TrivyDatabase], Scanned[trivy.TrivyReport]]


class TrivyOptions(msgspec.Struct, frozen=True):
    """What the user decided: the program, its cache folder with the database, and how old that may be.

    `is_full` where it is to see the whole image, not only the files that it looks at; `is_renewed` where it
    is to fetch its database first, the one thing here that uses a network. `seconds` are what it is given for
    one answer. `severity_sources` are those whose severities count before all others (``nvd``, ``ghsa``).
    """

    program: str = ""
    caches: Path | None = None
    max_age_days: int = DEFAULT_MAX_AGE_DAYS
    is_full: bool = False
    is_renewed: bool = False
    seconds: float = trivy.SCAN_SECONDS
    severity_sources: tuple[str, ...] = ()


class AskedTrivy:
    """The trivy of one run, which says its version while other things are done; a context manager.

    Some builds take seconds to say it.
    """

    def __init__(self, shared: Shared, options: TrivyOptions) -> None:
        """Start it, if its version is not known."""
        self._named = options.program
        self._pool = ThreadPoolExecutor(1)
        self._found = self._pool.submit(
            trivy.find_trivy,
            os.environ,
            named=options.program,
            versions=FolderStore(shared.settings.cache_dir / SCANNERS),
        )

    def at_once(self) -> Scanner | None:
        """Return the program, without its version where the file alone tells which it is.

        None where there is none; raises ToolError.
        """
        return trivy.sole_trivy(os.environ, named=self._named) or self.told()

    def told(self) -> Scanner | None:
        """Return the program with its version; None where there is none. Raises ToolError."""
        return self._found.result()

    @property
    def refusal(self) -> ToolError | None:
        """Return why it does not say its version; None where it does."""
        try:
            self.told()
        except ToolError as e:
            return e
        return None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait until it has said its version."""
        self._pool.shutdown()


def catalogue_of_image(
    image: Image, known: Iterable[Component], shared: Shared, options: TrivyOptions, program: AskedTrivy
) -> Catalogue:
    """Return what trivy finds in an image; where it cannot be asked, a catalogue with a gap alone.

    `known` are packages that our own readers found there: trivy is told of those that it passes over (what
    wheels say that they carry along), is asked for others that it did not look at, and one that it does not
    look at then either is a gap.
    """
    listed = tuple(known)
    unseen = unseen_in_images(listed)
    document = trivy_document(str(image.identity.ref), unseen) if unseen else b""

    def ask(scanner: Scanner, database: trivy.TrivyDatabase) -> Scanned[trivy.TrivyReport]:
        return advisories_found(
            image,
            scanner,
            database.folder,
            shared.settings,
            full=options.is_full,
            timeout=options.seconds,
            listed=document,
        )

    found = _catalogue((), ask, shared, options, program)
    left = _left(askable(listed), found) if found.tools else ()
    if not left:
        return found
    systems = [each for each in listed if each.kind == "operating-system"]
    again = msgspec.structs.replace(options, is_renewed=False)
    rest = _catalogue_of_packages(str(image.identity.ref), (*systems, *left), shared, again, program)
    return joined(found, rest)


def catalogue_of_packages(
    name: str, components: Iterable[Component], shared: Shared, options: TrivyOptions
) -> Catalogue:
    """Return what trivy knows of these packages; where it cannot be asked, a catalogue with a gap alone."""
    with AskedTrivy(shared, options) as program:
        return _catalogue_of_packages(name, components, shared, options, program)


def _catalogue_of_packages(
    name: str, components: Iterable[Component], shared: Shared, options: TrivyOptions, program: AskedTrivy
) -> Catalogue:
    listed = tuple(components)
    asked = askable(listed)
    if not asked:
        why = "it lists no packages of a kind that advisories are published on"
        return Catalogue(gaps=(Gap(STAGE, GapKind.NOT_SCANNED, name, why),))
    document = trivy_document(name, listed)

    def ask(scanner: Scanner, database: trivy.TrivyDatabase) -> Scanned[trivy.TrivyReport]:
        kept_for = f"trivy/{scanner.identity}/{scanner.version}/{database.identity}"
        read = _reading(document, scanner, database, shared, options.seconds)
        files = [File("packages", document)]
        return Scanned(kept_or_read(shared.answers, kept_for, files, trivy.TrivyReport, read))

    return _catalogue(asked, ask, shared, options, program)


def _catalogue(
    known: tuple[Component, ...], ask: Ask, shared: Shared, options: TrivyOptions, program: AskedTrivy
) -> Catalogue:
    old: tuple[Gap, ...] = ()
    try:
        scanner = program.at_once()
        if scanner is None:
            why = f"it was not found, so no advisory is known; {trivy.ADVICE}"
            return Catalogue(gaps=(Gap(STAGE, GapKind.SCANNER_ABSENT, trivy.NAME, why),))
        caches = options.caches or trivy.cache_folder(os.environ)
        if options.is_renewed:
            old = tuple(_not_renewed(scanner, caches, shared))
        database = trivy.database(caches)
        answer = ask(scanner, database)
        told = program.told() or scanner
    except ToolError as e:
        # What does not say its version may be another program altogether.
        why = reason(program.refusal or e)
        return Catalogue(gaps=(*old, Gap(STAGE, GapKind.SCANNER_FAILED, trivy.NAME, why)))
    found = catalogue(answer.document, canonical_purl, options.severity_sources)
    gaps = (
        *old,
        *answer.gaps,
        *_stale(database, datetime.fromisoformat(shared.settings.created), options.max_age_days),
        *_unknown(database, answer.document),
        *_of_other_systems(answer.document),
        *_not_scanned(known, found),
    )
    made = database.updated_at.isoformat().replace("+00:00", "Z")
    return msgspec.structs.replace(found, tools=(ToolUse(trivy.NAME, told.version, made),), gaps=gaps)


def _reading(
    document: bytes, scanner: Scanner, database: trivy.TrivyDatabase, shared: Shared, seconds: float
) -> Callable[[], trivy.TrivyReport]:
    def read() -> trivy.TrivyReport:
        folder = shared.settings.cache_dir / SCANS
        try:
            with working_folder(folder, ".packages-") as place:
                path = place / "packages.cdx.json"
                path.write_bytes(document)
                target = trivy.TrivyTarget(trivy.TrivyKind.SBOM, path)
                return trivy.scan(scanner, target, caches=database.folder, folder=folder, timeout=seconds)
        except OSError as e:
            raise ToolError((trivy.NAME,), f"{folder} cannot be written: {e.strerror or e}") from e

    return read


def _not_renewed(scanner: Scanner, caches: Path, shared: Shared) -> Iterator[Gap]:
    """Have the database fetched; where that fails, yield why: the one that is there is used then."""
    try:
        trivy.update_database(scanner, caches, os.environ, folder=shared.settings.cache_dir / SCANS)
    except ToolError as e:
        yield Gap(
            STAGE, GapKind.SCANNER_FAILED, "trivy's vulnerability database", f"cannot be renewed: {e.why}"
        )


def _stale(database: trivy.TrivyDatabase, now: datetime, days: int) -> Iterator[Gap]:
    age = now - database.updated_at
    if age < -_CLOCKS_DIFFER:
        why = (
            f"it says that it was made on {database.updated_at.date()}, and this audit is of {now.date()}: "
            "how old it is cannot be told; check the clock of this machine, or SOURCE_DATE_EPOCH"
        )
        yield Gap(STAGE, GapKind.STALE_DATABASE, "trivy's vulnerability database", why)
    if age > timedelta(days=days):
        why = (
            f"it was made on {database.updated_at.date()}, {age.days} days ago, and {days} are allowed; "
            f"{trivy.DATABASE_ADVICE}"
        )
        yield Gap(STAGE, GapKind.STALE_DATABASE, "trivy's vulnerability database", why)


def _unknown(database: trivy.TrivyDatabase, report: trivy.TrivyReport) -> Iterator[Gap]:
    system = report.metadata.os
    for result in trivy.unknown_to(database, report):
        number = len(result.packages or ())
        # Of a system, trivy names the file that it was given: it lies somewhere else each time.
        is_of_system = result.class_ == "os-pkgs" and system is not None
        place = f"{system.family} {system.name}" if is_of_system and system else result.target or result.type
        what = f"{number} package{'' if number == 1 else 's'} ({place})"
        why = f"trivy's vulnerability database has no advisories of any kind for {result.type} packages"
        yield Gap(STAGE, GapKind.NOT_SCANNED, what, why)
    if report.has_unread_java:
        why = f"without its second database trivy cannot tell what they are; {trivy.JAVA_ADVICE}"
        yield Gap(STAGE, GapKind.NOT_SCANNED, "Java archives", why)


def _of_other_systems(report: trivy.TrivyReport) -> Iterator[Gap]:
    """Yield one gap for the libraries in wheels of which is only known which system's package they were."""
    found = not_judged(report, canonical_purl)
    if found:
        named = ", ".join(found[:_MAX_NAMED])
        more = f" and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        why = f"they were packages of other systems, whose advisories are not looked at: {named}{more}"
        yield Gap(STAGE, GapKind.NOT_EXAMINED, f"{len(found)} libraries that wheels carry along", why)


def _not_scanned(known: Iterable[Component], found: Catalogue) -> Iterator[Gap]:
    """Yield one gap for all known packages that trivy does not list as looked at."""
    left = [each.purl for each in _left(known, found) if each.purl]
    if left:
        named = ", ".join(left[:_MAX_NAMED])
        more = f" and {len(left) - _MAX_NAMED} more" if len(left) > _MAX_NAMED else ""
        why = f"they are there, and trivy did not look at them: {named}{more}"
        what = f"{len(left)} package{'' if len(left) == 1 else 's'}"
        yield Gap(STAGE, GapKind.NOT_SCANNED, what, why)


def _left(known: Iterable[Component], found: Catalogue) -> tuple[Component, ...]:
    looked_at = set(found.examined)
    return tuple(each for each in known if each.purl and canonical_purl(each.purl) not in looked_at)

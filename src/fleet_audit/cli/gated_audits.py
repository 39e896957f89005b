"""Where the audits of a gate are stored, and read from."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fleet_audit.audit.errors import FleetAuditError, UsageError
from fleet_audit.cli.gated_subjects import Chosen
from fleet_audit.cli.recording import audits_place

if TYPE_CHECKING:
    from fleet_audit.audit.model.audit import AuditReport
    from fleet_audit.audit.model.fleet import Fleet
    from fleet_audit.audit.model.gating import GatedImage


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
        self._baseline: Path | None = None

    def need_folder(self, option: str) -> None:
        """Raise UsageError where nothing says where audits are stored."""
        if self._folder is None:
            raise UsageError(
                f"{option} rests on stored audits; pass --audits DIR, or name `audits` in the manifest"
            )

    def need_other(self, baseline: Path) -> None:
        """Raise UsageError where a baseline is among the audits that this gate stores or judges.

        What fails in one run would be known before in the next one, and pass.
        """
        if self._folder is None:
            return
        base, ours = (Path(os.path.realpath(place)) for place in (baseline, self._folder))
        is_within = ours in base.parents and not (self._is_stored and base.is_file())
        if base == ours or is_within or base in ours.parents:
            raise UsageError(
                f"--baseline {baseline} and the audits of this gate are in one folder, so that it would be "
                "compared with itself; keep those of the main branch in a folder of their own"
            )
        self._baseline = base

    def audits(
        self, chosen: Chosen, fleet: "Fleet | None", today: date, max_db_age: int
    ) -> "Iterator[AuditReport]":
        """Yield the newest stored audit of each subject; where there is none, one that says so.

        One whose scanner's database is older than `max_db_age` days by now has a gap that says so.
        """
        from fleet_audit.audit.pipeline.audits.gating import (  # noqa: PLC0415  (not for --help)
            fleet_subject,
            stored_audit_of,
            with_age,
        )

        names = [subject.name for subject in chosen.subjects]
        if chosen.is_whole and fleet is not None:
            names.append(fleet_subject(fleet, names))
        for name in names:
            yield with_age(stored_audit_of(name, self.stored, str(self._folder)), today, max_db_age)

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
        if self._is_stored and self._baseline == Path(os.path.realpath(place)):
            raise UsageError(f"--baseline {place} is the very audit that is judged; name an earlier one")
        return msgspec.structs.replace(image, file=str(place) if place.is_file() else "")
